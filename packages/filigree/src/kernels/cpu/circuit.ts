import type {
  CircuitDevice,
  CircuitProgram,
  CircuitRows,
  CircuitValues,
  PreparedCircuit,
  UpdateOptions,
} from '../circuits.js';
import { CIRCUIT_JOB, circuitKernel, reduceCounts, scratchBytes } from './circuit-kernel.js';
import { updateKernel } from './circuit-update.js';
import type { Engine } from './engine.js';
import { fill } from './fill.js';
import type { Block } from './memory.js';

/** Shares of a pass: as many for any number of threads, so that counts are added up in one order. */
const SHARES = 8;
/** Bytes of the shares' memory from which a pass gets fewer of them. */
const ROOM = 512 * 2 ** 20;

/** Sum-product circuits on the CPU. The same to the bit for any number of threads. */
export const cpuCircuits = (engine: Engine): CircuitDevice => ({
  prepare: (program) => new CpuCircuit(engine, program),
});

class CpuCircuit implements PreparedCircuit {
  private readonly instructions: Block;
  private readonly lists: Block;
  private readonly weights: Block;
  private readonly blocks: Block;
  private readonly countBytes: number;
  private readonly slotBytes: number;
  private readonly scaleBytes: number;
  private sums: Block | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly program: CircuitProgram,
  ) {
    const row = 4 * program.tile;
    this.instructions = this.words(program.instructions);
    this.lists = this.words(program.lists);
    this.blocks = this.words(program.blocks);
    this.countBytes = 16 * Math.ceil(program.parameters / 4);
    this.weights = engine.memory.allocate(this.countBytes);
    this.slotBytes = program.slots * row;
    this.scaleBytes = program.scales * row;
  }

  load(parameters: Float32Array): void {
    this.engine.memory.f32.set(parameters, this.weights.address / 4);
  }

  loadPart(parameters: Float32Array, start: number): void {
    this.engine.memory.f32.set(parameters, this.weights.address / 4 + start);
  }

  async parameters(): Promise<Float32Array> {
    return this.copy(this.weights);
  }

  async counts(start = 0, count = this.program.parameters): Promise<Float32Array> {
    return this.copy(this.countsBlock(), start, count);
  }

  async addCounts(extra: Float32Array): Promise<void> {
    const at = this.countsBlock().address / 4;
    const counts = this.engine.memory.f32;
    for (let k = 0; k < extra.length; k++) counts[at + k] += extra[k];
  }

  async forward(rows: CircuitRows): Promise<CircuitValues> {
    return this.run(rows, undefined);
  }

  async backward(rows: CircuitRows, keep: number): Promise<CircuitValues> {
    return this.run(rows, keep);
  }

  update({ step, pseudocount }: UpdateOptions): void {
    const { engine, program } = this;
    const kernel = engine.module('circuit update', updateKernel);
    const addresses = [this.blocks.address, this.weights.address, this.countsBlock().address];
    engine.run(kernel, program.blocks.length / 4, 256, [...addresses, step, pseudocount]);
  }

  dispose(): void {
    const { memory } = this.engine;
    for (const block of [this.instructions, this.lists, this.blocks, this.weights]) memory.free(block);
    if (this.sums) memory.free(this.sums);
  }

  private run({ cells, rows }: CircuitRows, keep: number | undefined): CircuitValues {
    const { engine, program, countBytes, slotBytes, scaleBytes } = this;
    const { memory } = engine;
    const { tile, root } = program;
    const backward = keep !== undefined;
    const tiles = Math.ceil(rows / tile);
    const step = 64 * Math.ceil(scratchBytes(slotBytes, scaleBytes, countBytes, backward) / 64);
    const most = Math.max(1, Math.min(SHARES, Math.floor(ROOM / step)));
    const tilesPerShare = Math.ceil(tiles / most);
    const shares = Math.ceil(tiles / tilesPerShare);
    const kernel = engine.module(`circuit ${tile}`, (m) => circuitKernel(m, tile));
    const counts = backward ? this.countsBlock() : undefined;
    const taken: Block[] = [];
    const take = (bytes: number): Block => {
      const block = memory.allocate(bytes);
      taken.push(block);
      return block;
    };
    try {
      const input = take(4 * cells.length);
      const [value, exponent] = [take(4 * tiles * tile), take(4 * tiles * tile)];
      const scratch = take(step * shares);
      memory.i32.set(cells, input.address / 4);
      const job: Record<(typeof CIRCUIT_JOB)[number], number> = {
        instructions: this.instructions.address,
        instructionsEnd: this.instructions.address + 4 * program.instructions.length,
        lists: this.lists.address,
        parameters: this.weights.address,
        countBytes,
        cells: input.address,
        cellBytes: 4 * tile * program.cellRows,
        rows,
        tilesPerShare,
        value: value.address,
        exponent: exponent.address,
        rootSlot: 4 * tile * root.slot,
        rootScale: 4 * tile * root.scale,
        slotBytes,
        scaleBytes,
        backward: Number(backward),
        scratch: scratch.address,
        scratchStep: step,
      };
      engine.run(
        kernel,
        shares,
        1,
        CIRCUIT_JOB.map((name) => job[name]),
      );
      if (counts) {
        const from = take(8);
        memory.i32.set([scratch.address + 2 * slotBytes + scaleBytes, step], from.address / 4);
        const reduce = engine.module('circuit counts', reduceCounts);
        engine.run(reduce, countBytes / 16, 16_384, [counts.address, from.address, shares, keep ?? 0]);
      }
      return {
        value: memory.f32.slice(value.address / 4, value.address / 4 + rows),
        exponent: memory.i32.slice(exponent.address / 4, exponent.address / 4 + rows),
      };
    } finally {
      for (const block of taken) memory.free(block);
    }
  }

  /** The counts, zero at first. */
  private countsBlock(): Block {
    if (!this.sums) {
      this.sums = this.engine.memory.allocate(this.countBytes);
      fill(this.engine, 'f32', this.sums.address, this.countBytes / 4, 0);
    }
    return this.sums;
  }

  private words(data: Int32Array): Block {
    const block = this.engine.memory.allocate(4 * data.length);
    this.engine.memory.i32.set(data, block.address / 4);
    return block;
  }

  private copy({ address }: Block, start = 0, count = this.program.parameters): Float32Array {
    const copied = new Float32Array(count);
    copied.set(this.engine.memory.f32.subarray(address / 4 + start, address / 4 + start + count));
    return copied;
  }
}
