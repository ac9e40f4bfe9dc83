import type { Table } from '../data/index.js';
import type { CircuitValues, Device, PreparedCircuit, UpdateOptions } from '../kernels/index.js';
import { breathe } from '../platform.js';
import { defaultDevice } from '../tensor/index.js';
import { type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { Evaluator, type FlowSums, type Parameters } from './evaluator.js';
import { inputTable } from './inputs.js';
import { type Layers, layCircuit } from './layers.js';

/** Rows in one pass: enough to keep every thread busy, few enough to be interrupted in time. */
const passRows = 1024;

/** Some rows of a table, in an order of one's own. */
export interface Selection {
  readonly start: number;
  readonly count: number;
  /** Numbers of the rows; without it they are `start`, `start + 1`, … */
  readonly order?: ArrayLike<number>;
}

/** The cells of a table as whole numbers, missing ones as the number of their variable's values. */
export interface Cells {
  readonly table: Table;
  readonly values: Uint16Array | Int32Array;
}

/**
 * Computes a circuit in layers on a device, in f32 with exponents by group and row: the fast way for smooth and decomposable circuits
 * over finite variables. Rows whose value leaves the floats are computed again by the plain `Evaluator`.
 */
export class LayeredEvaluator {
  private readonly prepared: PreparedCircuit;
  private readonly packed: Float32Array;
  private plain: Evaluator | undefined;
  private now: Parameters;
  /** Whether the device's parameters are newer than `now` and `packed`. */
  private ahead = false;

  /** Undefined where the circuit or the device does not allow it. */
  static of(circuit: ProbabilisticCircuit, device: Device = defaultDevice()): LayeredEvaluator | undefined {
    if (!device.circuits) return undefined;
    const layers = layCircuit(circuit);
    return layers && new LayeredEvaluator(circuit, layers, device.circuits.prepare(layers.program));
  }

  private constructor(
    readonly circuit: ProbabilisticCircuit,
    readonly layers: Layers,
    prepared: PreparedCircuit,
  ) {
    this.prepared = prepared;
    this.packed = new Float32Array(layers.program.parameters);
    this.now = circuit;
    this.load(circuit);
  }

  /** Whether the device can take the M step itself: all that is learned are shares. */
  get learnsAlone(): boolean {
    return this.circuit.inputs.every(({ kind }) => kind === 'categorical' || kind === 'indicator');
  }

  cells(table: Table): Cells {
    const { states } = this.circuit;
    const wide = states.some((count) => count >= 2 ** 16);
    const values = new (wide ? Int32Array : Uint16Array)(table.values.length);
    for (let i = 0, v = 0; i < values.length; i++, v = v + 1 === table.columns ? 0 : v + 1) {
      const x = table.values[i];
      values[i] = Number.isNaN(x) ? states[v] : x;
    }
    return { table, values };
  }

  load(parameters: Parameters): void {
    this.now = parameters;
    this.ahead = false;
    const { weightAt, tableAt } = this.layers;
    const { packed, circuit } = this;
    for (let e = 0; e < weightAt.length; e++) {
      if (weightAt[e] >= 0) packed[weightAt[e]] = Math.exp(parameters.logWeight[e]);
    }
    parameters.inputs.forEach((unit, i) => {
      if (unit.kind === 'constant') return;
      const logs = inputTable(unit, circuit.states[unit.variable]);
      let sum = 0;
      for (let v = 0; v < logs.length; v++) {
        packed[tableAt[i] + v] = Math.exp(logs[v]);
        sum += Math.exp(logs[v]);
      }
      packed[tableAt[i] + logs.length] = sum;
    });
    this.prepared.load(packed);
  }

  /** The parameters as the device has them. */
  async parameters(): Promise<Parameters> {
    if (!this.ahead) return this.now;
    const packed = await this.prepared.parameters();
    this.packed.set(packed);
    const { weightAt, tableAt } = this.layers;
    const logWeight = Float64Array.from(this.now.logWeight);
    const { kind, first } = this.circuit;
    for (let unit = 0; unit < unitCount(this.circuit); unit++) {
      if (kind[unit] !== sumKind) continue;
      shares(packed, (e) => weightAt[first[unit] + e], logWeight.subarray(first[unit], first[unit + 1]));
    }
    const inputs = this.now.inputs.map((unit, i) => {
      if (unit.kind !== 'categorical') return unit;
      const logProbabilities = new Float64Array(unit.logProbabilities.length);
      shares(packed, (v) => tableAt[i] + v, logProbabilities);
      return { ...unit, logProbabilities };
    });
    this.now = { logWeight, inputs };
    this.ahead = false;
    return this.now;
  }

  /** Log p of some rows. */
  async logs(cells: Cells, selection: Selection, signal?: AbortSignal): Promise<Float64Array> {
    return this.passes(cells, selection, signal, (rows) => this.prepared.forward(rows));
  }

  /** The E step: adds the flows of some rows to `sums`, in f64; gives their log p. */
  async expect(
    cells: Cells,
    selection: Selection,
    sums: FlowSums,
    statisticsAt: Uint32Array,
    signal?: AbortSignal,
  ): Promise<Float64Array> {
    await this.parameters();
    const { weightAt, tableAt } = this.layers;
    const { packed } = this;
    let keep = 0;
    const logs = await this.passes(
      cells,
      selection,
      signal,
      (rows) => {
        const values = this.prepared.backward(rows, keep);
        keep = 1;
        return values;
      },
      (table, row) => {
        const plain = this.plainEvaluator();
        plain.forward(table, row, 1);
        plain.backward(sums);
      },
    );
    const counts = await this.prepared.counts();
    for (let e = 0; e < weightAt.length; e++) {
      const at = weightAt[e];
      if (at >= 0) sums.edges[e] += packed[at] === 0 ? 0 : packed[at] * counts[at];
    }
    for (let i = 0; i < tableAt.length; i++) {
      const [at, to] = [tableAt[i], statisticsAt[i]];
      const values = statisticsAt[i + 1] - to;
      const share = packed[at + values] > 0 ? counts[at + values] / packed[at + values] : 0;
      for (let v = 0; v < values; v++) sums.inputs[to + v] += counts[at + v] + share * packed[at + v];
    }
    return logs;
  }

  /** One step of EM on the device: E step on some rows, then M step. Gives log p of the rows. */
  async step(cells: Cells, selection: Selection, options: UpdateOptions, signal?: AbortSignal): Promise<Float64Array> {
    let keep = 0;
    const lost: number[] = [];
    const logs = await this.passes(
      cells,
      selection,
      signal,
      (rows) => {
        const values = this.prepared.backward(rows, keep);
        keep = 1;
        return values;
      },
      (_table, row) => lost.push(row),
    );
    if (lost.length > 0) await this.countPlainly(cells.table, lost);
    this.prepared.update(options);
    this.ahead = true;
    return logs;
  }

  dispose(): void {
    this.prepared.dispose();
  }

  /** Adds the counts of rows that left the floats. */
  private async countPlainly(table: Table, rows: readonly number[]): Promise<void> {
    await this.parameters();
    const plain = this.plainEvaluator();
    const sums = plain.emptySums();
    for (const row of rows) {
      plain.forward(table, row, 1);
      plain.backward(sums);
    }
    const extra = new Float32Array(this.packed.length);
    const { weightAt, tableAt } = this.layers;
    for (let e = 0; e < weightAt.length; e++) {
      const at = weightAt[e];
      if (at >= 0 && this.packed[at] > 0) extra[at] = sums.edges[e] / this.packed[at];
    }
    for (let i = 0; i < tableAt.length; i++) {
      extra.set(sums.inputs.subarray(plain.statisticsAt[i], plain.statisticsAt[i + 1]), tableAt[i]);
    }
    await this.prepared.addCounts(extra);
    this.ahead = true;
  }

  private plainEvaluator(): Evaluator {
    if (!this.plain) this.plain = new Evaluator({ ...this.circuit, ...this.now }, { batch: 1 });
    else this.plain.load(this.now);
    return this.plain;
  }

  private async passes(
    { table, values }: Cells,
    { start, count, order }: Selection,
    signal: AbortSignal | undefined,
    run: (rows: { cells: Int32Array; rows: number }) => Promise<CircuitValues>,
    missed?: (table: Table, row: number) => void,
  ): Promise<Float64Array> {
    const { tile } = this.layers.program;
    const { columns } = table;
    const logs = new Float64Array(count);
    for (let done = 0; done < count; done += passRows) {
      signal?.throwIfAborted();
      const rows = Math.min(passRows, count - done);
      const cells = new Int32Array(Math.ceil(rows / tile) * tile * columns);
      for (let r = 0; r < rows; r++) {
        const from = (order ? order[start + done + r] : start + done + r) * columns;
        let to = Math.floor(r / tile) * tile * columns + (r % tile);
        for (let v = 0; v < columns; v++, to += tile) cells[to] = values[from + v];
      }
      const { value, exponent } = await run({ cells, rows });
      for (let r = 0; r < rows; r++) {
        if (value[r] > least && value[r] < Number.POSITIVE_INFINITY) {
          logs[done + r] = Math.log(value[r]) + exponent[r] * Math.LN2;
          continue;
        }
        const row = order ? order[start + done + r] : start + done + r;
        await this.parameters();
        logs[done + r] = this.plainEvaluator().forward(table, row, 1)[0];
        missed?.(table, row);
      }
      await breathe();
    }
    return logs;
  }
}

/** Values of the root below this have lost their digits; the device counts no flow for them. */
const least = 1e-30;

/** Logarithms of some parameters, made to sum to one: f32 has summed them to within its digits. */
function shares(packed: Float32Array, at: (k: number) => number, into: Float64Array): void {
  let sum = 0;
  for (let k = 0; k < into.length; k++) sum += packed[at(k)];
  for (let k = 0; k < into.length; k++) into[k] = Math.log(packed[at(k)] / sum);
}
