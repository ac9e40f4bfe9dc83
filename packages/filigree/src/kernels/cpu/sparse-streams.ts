import type { PreparedPattern, SparsePattern } from '../device.js';
import type { Engine } from './engine.js';
import type { Block } from './memory.js';
import { NARROW_WORDS } from './sparse-narrow.js';
import { ROW_BAND } from './sparse-tiles.js';

/** Inputs up to which a tile of 24 rows of the batch takes at most a fifth of a second-level cache of 512 KiB. */
const WIDE_INPUTS = 1024;

/** A narrow kernel's units: the table, how many, and the index. */
export interface NarrowUnits {
  readonly kind: keyof typeof NARROW_WORDS;
  readonly table: number;
  readonly count: number;
}

/**
 * A pattern in the engine's memory, in the forms that kernels read; each is written when first needed. Addresses are in
 * bytes.
 */
export class Streams implements PreparedPattern {
  /** Rows of the batch in a tile: as many as registers hold the sums and inputs of; see `wideKernel`. */
  readonly width: number;
  /** Floats between the values of neighbouring entries, where it is the same everywhere. */
  readonly step: number | undefined;
  readonly #blocks = new Map<string, Block>();
  readonly #engine: Engine;
  #narrow: NarrowUnits[] | undefined;

  constructor(
    engine: Engine,
    readonly pattern: SparsePattern,
    /** Address of columns that others write, in place of the pattern's. */
    readonly external?: number,
  ) {
    this.#engine = engine;
    const { lanes, cols, groups, interleaved } = pattern;
    this.width = lanes === 4 ? 8 : lanes === 2 || cols > WIDE_INPUTS ? 16 : 24;
    this.step = interleaved ? undefined : groups.length === 0 ? 1 : groups[3];
  }

  get groups(): number {
    return this.#words('groups', () => this.pattern.groups);
  }

  get columns(): number {
    return this.external ?? this.#words('columns', () => this.pattern.columns);
  }

  /** Bytes of one offset of the narrow kernels: two where the whole input is within reach. */
  get indexBytes(): 2 | 4 {
    return this.pattern.cols <= 16384 ? 2 : 4;
  }

  /** Byte offset of each column in a row of the batch, in `indexBytes`. */
  get rowOffsets(): number {
    return this.#words('rows', () => {
      const offsets = this.pattern.columns.map((j) => 4 * j);
      if (this.indexBytes === 4) return offsets;
      const halves = new Uint16Array(offsets.length + (offsets.length % 2));
      halves.set(offsets);
      return new Int32Array(halves.buffer);
    });
  }

  /** The rows of each pattern of a grouped layout, 16 bits each. */
  get members(): number {
    return this.#words('members', () => {
      const { members } = this.pattern.grouped ?? { members: new Uint16Array(0) };
      const halves = new Uint16Array(members.length + (members.length % 2));
      halves.set(members);
      return new Int32Array(halves.buffer);
    });
  }

  /** The places of the values, where they are not in the pattern's own order. */
  get order(): number | undefined {
    const { order } = this.pattern;
    return order && this.#words('order', () => order);
  }

  /** The first group of each of `parts` parts with about equal numbers of entries, whole bands of rows; and the end. */
  bounds(parts: number): number {
    return this.#words(`bounds ${parts}`, () => {
      const { groups, lanes } = this.pattern;
      const count = groups.length / 4;
      const band = ROW_BAND / lanes;
      let total = 0;
      // An empty group costs something too: its sums are stored.
      for (let g = 0; g < count; g++) total += groups[4 * g + 2] + 1;
      const bounds = new Int32Array(parts + 1).fill(count);
      bounds[0] = 0;
      let done = 0;
      let part = 1;
      for (let g = 0; g < count; g++) {
        if (g % band === 0) while (part < parts && done >= (total * part) / parts) bounds[part++] = g;
        done += groups[4 * g + 2] + 1;
      }
      return bounds;
    });
  }

  /** Units of the narrow kernels that together write every row once. */
  narrow(): NarrowUnits[] {
    this.#narrow ??= this.#narrowUnits();
    return this.#narrow;
  }

  #narrowUnits(): NarrowUnits[] {
    const { groups, lanes, interleaved } = this.pattern;
    const plain: number[] = [];
    const quads: number[] = [];
    // Rows by the place of their first value: the four of a quad follow one another.
    const open = new Map<number, number[]>();
    for (let g = 0; 4 * g < groups.length; g++) {
      const [first, firstColumn, count, step] = groups.subarray(4 * g, 4 * g + 4);
      if (!interleaved || step !== 4 || count === 0) plain.push(first, firstColumn, count, g * lanes);
      else {
        const start = first - (first % 4);
        const rows = open.get(start) ?? [];
        rows[first - start] = g;
        open.set(start, rows);
      }
    }
    for (const [start, rows] of open) {
      quads.push(start, start, groups[4 * rows[0] + 2], 0, ...rows);
    }
    const units = (kind: NarrowUnits['kind'], words: number[]): NarrowUnits[] => {
      if (words.length === 0) return [];
      const table = this.#words(`narrow ${kind}`, () => Int32Array.from(words));
      return [{ kind, table, count: words.length / NARROW_WORDS[kind] }];
    };
    return [...units(lanes === 1 ? 'rows' : 'blocks', plain), ...units('quads', quads)];
  }

  dispose(): void {
    for (const block of this.#blocks.values()) this.#engine.memory.free(block);
    this.#blocks.clear();
    this.#narrow = undefined;
  }

  #words(name: string, make: () => Int32Array): number {
    let block = this.#blocks.get(name);
    if (!block) {
      const words = make();
      block = this.#engine.memory.allocate(4 * words.length);
      this.#engine.memory.i32.set(words, block.address / 4);
      this.#blocks.set(name, block);
    }
    return block.address;
  }
}
