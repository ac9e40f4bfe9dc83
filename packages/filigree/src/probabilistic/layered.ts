import type { Table } from '../data/index.js';
import type { CircuitValues, Device, PreparedCircuit, UpdateOptions } from '../kernels/index.js';
import { breathe } from '../platform.js';
import { defaultDevice } from '../tensor/index.js';
import { type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { Evaluator, type FlowSums, type Parameters } from './evaluator.js';
import { type InputUnit, inputTable } from './inputs.js';
import { gaussianWidth, isShares, type Layers, layCircuit } from './layers.js';
import { estimate } from './maximise.js';

/** Rows in one pass: enough to keep every thread busy, few enough to be interrupted in time. */
const passRows = 1024;

/** Some rows of a table, in an order of one's own. */
export interface Selection {
  readonly start: number;
  readonly count: number;
  /** Numbers of the rows; without it they are `start`, `start + 1`, … */
  readonly order?: ArrayLike<number>;
}

/** The cells of a table as a device takes them, row by row: see `CircuitRows`. */
export interface Cells {
  readonly table: Table;
  /** Cells of a row: one for each finite variable, two for each real one. */
  readonly width: number;
  readonly values: Uint16Array | Int32Array;
}

/** Parameters with all their digits, and whether they are floats that a device moved itself. */
export interface ExactParameters {
  readonly parameters: Parameters;
  readonly moved: boolean;
}

/**
 * Computes a circuit in layers on a device, in f32 with exponents by group and row: the fast way for smooth and decomposable circuits
 * without constants. Rows whose value leaves the floats are computed again by the plain `Evaluator`.
 */
export class LayeredEvaluator {
  private readonly prepared: PreparedCircuit;
  private readonly packed: Float32Array;
  private plain: Evaluator | undefined;
  private now: Parameters;
  /** Whether the device's parameters are newer than `now` and `packed`. */
  private ahead = false;
  /** Whether the device has changed its parameters itself since they were loaded. */
  private stepped = false;

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

  cells(table: Table): Cells {
    const { states } = this.circuit;
    const { cellAt, program } = this.layers;
    const width = program.cellRows;
    const wide = states.some((count) => count === 0 || count >= 2 ** 16);
    const values = new (wide ? Int32Array : Uint16Array)(table.rows * width);
    const bits = new Float32Array(values.buffer, 0, wide ? values.length : 0);
    for (let row = 0, i = 0; row < table.rows; row++) {
      for (let v = 0; v < table.columns; v++, i++) {
        const x = table.values[i];
        const at = row * width + cellAt[v];
        if (states[v] === 0) splitInto(bits, at, x);
        else values[at] = Number.isNaN(x) ? states[v] : x;
      }
    }
    return { table, width, values };
  }

  load(parameters: Parameters): void {
    this.now = parameters;
    this.ahead = false;
    this.stepped = false;
    const { weightAt } = this.layers;
    const { packed } = this;
    for (let e = 0; e < weightAt.length; e++) {
      if (weightAt[e] >= 0) packed[weightAt[e]] = Math.exp(parameters.logWeight[e]);
    }
    parameters.inputs.forEach((unit, i) => {
      this.pack(unit, i);
    });
    this.prepared.load(packed);
  }

  /** Writes an input's parameters as the device has them; gives how many there are. */
  private pack(unit: InputUnit, i: number): number {
    const { packed } = this;
    const at = this.layers.tableAt[i];
    if (unit.kind === 'constant') return 0;
    if (unit.kind === 'gaussian') {
      splitInto(packed, at, unit.mean);
      packed[at + 2] = -0.5 / (Math.LN2 * unit.deviation ** 2);
      packed[at + 3] = -Math.log2(unit.deviation * Math.sqrt(2 * Math.PI));
      return gaussianWidth;
    }
    const logs = inputTable(unit, this.circuit.states[unit.variable]);
    let sum = 0;
    for (let v = 0; v < logs.length; v++) {
      packed[at + v] = Math.exp(logs[v]);
      // Added up in f32, as the device does, so that what was saved goes on to the bit.
      sum = Math.fround(sum + packed[at + v]);
    }
    packed[at + logs.length] = sum;
    return logs.length + 1;
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

  /** The parameters as they are: logarithms of the device's floats, which give the same floats again, where it has moved them itself. */
  async exact(): Promise<ExactParameters> {
    if (!this.stepped) return { parameters: this.now, moved: false };
    const packed = await this.prepared.parameters();
    const { weightAt, tableAt } = this.layers;
    const logWeight = this.now.logWeight.map((log, e) => (weightAt[e] < 0 ? log : Math.log(packed[weightAt[e]])));
    const inputs = this.now.inputs.map((unit, i) => {
      if (unit.kind !== 'categorical') return unit;
      return { ...unit, logProbabilities: unit.logProbabilities.map((_, v) => Math.log(packed[tableAt[i] + v])) };
    });
    return { parameters: { logWeight, inputs }, moved: true };
  }

  /** Loads what `exact` gave, and goes on as if nothing had happened in between. */
  restore({ parameters, moved }: ExactParameters): void {
    this.load(parameters);
    this.ahead = moved;
    this.stepped = moved;
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
    this.now.inputs.forEach((unit, i) => {
      const [from, to] = [statisticsAt[i], statisticsAt[i + 1]];
      this.addStatistics(unit, i, counts.subarray(tableAt[i]), sums.inputs.subarray(from, to));
    });
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
    const estimated = await this.estimates(options);
    this.prepared.update(options);
    this.ahead = true;
    this.stepped = true;
    for (const [i, unit] of estimated) {
      const at = this.layers.tableAt[i];
      this.prepared.loadPart(this.packed.subarray(at, at + this.pack(unit, i)), at);
    }
    if (estimated.length > 0) {
      const inputs = this.now.inputs.slice();
      for (const [i, unit] of estimated) inputs[i] = unit;
      this.now = { ...this.now, inputs };
    }
    return logs;
  }

  /** The M step of inputs whose parameters are no shares: gaussian, binomial and logistic ones, from the device's counts. */
  private async estimates(options: UpdateOptions): Promise<[number, InputUnit][]> {
    const { tableAt } = this.layers;
    const { states } = this.circuit;
    const found: [number, InputUnit][] = [];
    for (const [i, unit] of this.now.inputs.entries()) {
      if (unit.kind === 'constant' || isShares(unit)) continue;
      const statistics = new Float64Array(states[unit.variable] || 3);
      this.addStatistics(unit, i, await this.prepared.counts(tableAt[i], inputWidth(unit, states)), statistics);
      found.push([i, estimate(unit, this.circuit.inputs[i], statistics, options)]);
    }
    return found;
  }

  /** Adds what the device has counted at an input to its statistics (see `FlowSums`). */
  private addStatistics(unit: InputUnit, i: number, counts: Float32Array, into: Float64Array): void {
    if (unit.kind === 'gaussian') {
      const [seen, first, second, missing] = counts;
      const moved = this.movedFrom(unit, i);
      into[0] += seen + missing;
      into[1] += first + moved * (seen + missing);
      into[2] += second + 2 * moved * first + moved ** 2 * (seen + missing) + missing * unit.deviation ** 2;
      return;
    }
    const { packed } = this;
    const at = this.layers.tableAt[i];
    const values = into.length;
    const share = packed[at + values] > 0 ? counts[values] / packed[at + values] : 0;
    for (let v = 0; v < values; v++) into[v] += counts[v] + share * packed[at + v];
  }

  /** How far a gaussian is from where it began. */
  private movedFrom(unit: Extract<InputUnit, { kind: 'gaussian' }>, i: number): number {
    const first = this.circuit.inputs[i];
    return first.kind === 'gaussian' ? unit.mean - first.mean : unit.mean;
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
    this.now.inputs.forEach((unit, i) => {
      const statistics = sums.inputs.subarray(plain.statisticsAt[i], plain.statisticsAt[i + 1]);
      if (unit.kind === 'gaussian') {
        const [flow, first, second] = statistics;
        const moved = this.movedFrom(unit, i);
        extra.set([flow, first - moved * flow, second - 2 * moved * first + moved ** 2 * flow], tableAt[i]);
      } else if (unit.kind !== 'constant') extra.set(statistics, tableAt[i]);
    });
    await this.prepared.addCounts(extra);
    this.ahead = true;
  }

  private plainEvaluator(): Evaluator {
    if (!this.plain) this.plain = new Evaluator({ ...this.circuit, ...this.now }, { batch: 1 });
    else this.plain.load(this.now);
    return this.plain;
  }

  private async passes(
    { table, width, values }: Cells,
    { start, count, order }: Selection,
    signal: AbortSignal | undefined,
    run: (rows: { cells: Int32Array; rows: number }) => Promise<CircuitValues>,
    missed?: (table: Table, row: number) => void,
  ): Promise<Float64Array> {
    const { tile } = this.layers.program;
    const logs = new Float64Array(count);
    for (let done = 0; done < count; done += passRows) {
      signal?.throwIfAborted();
      const rows = Math.min(passRows, count - done);
      const cells = new Int32Array(Math.ceil(rows / tile) * tile * width);
      for (let r = 0; r < rows; r++) {
        const from = (order ? order[start + done + r] : start + done + r) * width;
        let to = Math.floor(r / tile) * tile * width + (r % tile);
        for (let v = 0; v < width; v++, to += tile) cells[to] = values[from + v];
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

/** Writes a number as two floats that add up to it, the larger first; NaN as NaN. */
function splitInto(floats: Float32Array, at: number, x: number): void {
  floats[at] = x;
  floats[at + 1] = x - floats[at];
}

/** Number of parameters of an input on the device. */
const inputWidth = (unit: Exclude<InputUnit, { kind: 'constant' }>, states: ArrayLike<number>): number =>
  unit.kind === 'gaussian' ? gaussianWidth : states[unit.variable] + 1;

/** Logarithms of some parameters, made to sum to one: f32 has summed them to within its digits. */
function shares(packed: Float32Array, at: (k: number) => number, into: Float64Array): void {
  let sum = 0;
  for (let k = 0; k < into.length; k++) sum += packed[at(k)];
  for (let k = 0; k < into.length; k++) into[k] = Math.log(packed[at(k)] / sum);
}
