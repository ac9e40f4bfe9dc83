import type { Table } from '../data/index.js';
import { breathe } from '../platform.js';
import type { ProbabilisticCircuit } from './circuit.js';
import type { Less } from './em.js';
import { checkTable } from './evaluate.js';
import { Evaluator, type FlowSums, type Parameters } from './evaluator.js';
import { poolTied } from './hmm.js';
import { type Cells, type ExactParameters, LayeredEvaluator, type Selection } from './layered.js';
import { maximise } from './maximise.js';

/** How one step of EM goes. */
export interface StepOptions {
  readonly step: number;
  readonly pseudocount: number;
}

/** What a learner does to parameters, given the expected counts of some rows. */
export type Rule = (now: Parameters, sums: FlowSums, rows: number) => Parameters;

/** A circuit that is being learned, on the fastest engine that can compute it. */
export class Learner {
  readonly statisticsAt: Uint32Array;
  private readonly plain: Evaluator;
  private readonly layered: LayeredEvaluator | undefined;
  private readonly known = new Map<Table, Cells>();
  private now: Parameters;

  /** @param options.plain compute by plain loops, in f64 */
  constructor(
    readonly circuit: ProbabilisticCircuit,
    private readonly options: { readonly plain?: boolean; readonly signal?: AbortSignal } = {},
  ) {
    this.now = circuit;
    this.layered = options.plain ? undefined : LayeredEvaluator.of(circuit);
    this.plain = new Evaluator(circuit, this.layered ? { batch: 1 } : {});
    this.statisticsAt = this.plain.statisticsAt;
  }

  /** Whether it runs in layers on the device. */
  get isLayered(): boolean {
    return this.layered !== undefined;
  }

  emptySums(): FlowSums {
    return this.plain.emptySums();
  }

  /** One EM step on some rows; gives the sum of their log p before the step. */
  async step(table: Table, selection: Selection, options: StepOptions): Promise<number> {
    if (!this.layered || this.circuit.tied) {
      return this.apply(table, selection, (now, sums) => maximise(this.circuit, now, sums, this.statisticsAt, options));
    }
    return total(await this.layered.step(this.cells(table), selection, options, this.options.signal));
  }

  /**
   * A step by any rule: it gets the flows of the rows and gives new parameters.
   * @param view changes parameters before flows are computed
   * @param without flows of this table's rows are taken away, `share` times
   * @returns the sum of log p of the rows, less `share` times that of the others
   */
  async apply(
    table: Table,
    selection: Selection,
    rule: Rule,
    view: (now: Parameters) => Parameters = (now) => now,
    without?: Less,
  ): Promise<number> {
    const now = await this.parameters();
    const seen = view(now);
    if (seen !== now) this.engineLoad(seen);
    const sums = this.emptySums();
    let logs = await this.expect(table, selection, sums);
    if (without) {
      const { share } = without;
      const others = this.emptySums();
      logs -= share * (await this.expect(without.table, selection, others));
      for (const part of ['edges', 'inputs'] as const) {
        for (let i = 0; i < sums[part].length; i++) sums[part][i] -= share * others[part][i];
      }
    }
    poolTied(this.circuit, sums, this.statisticsAt);
    this.load(rule(now, sums, selection.count));
    return logs;
  }

  /** Adds the flows of some rows to `sums`; gives the sum of their log p. */
  async expect(table: Table, selection: Selection, sums: FlowSums): Promise<number> {
    const { layered, plain } = this;
    const { signal } = this.options;
    if (layered) return total(await layered.expect(this.cells(table), selection, sums, this.statisticsAt, signal));
    const { start, count, order } = selection;
    const rows = order ? picked(table, order, start, count) : table;
    let sum = 0;
    for (let done = 0; done < count; done += plain.batch) {
      signal?.throwIfAborted();
      sum += total(plain.forward(rows, order ? done : start + done, Math.min(plain.batch, count - done)));
      plain.backward(sums);
      await breathe();
    }
    return sum;
  }

  /** Mean log p of a table. */
  async mean(table: Table): Promise<number> {
    const { layered, plain } = this;
    const { signal } = this.options;
    if (layered) {
      return total(await layered.logs(this.cells(table), { start: 0, count: table.rows }, signal)) / table.rows;
    }
    let sum = 0;
    for (let start = 0; start < table.rows; start += plain.batch) {
      signal?.throwIfAborted();
      sum += total(plain.forward(table, start, Math.min(plain.batch, table.rows - start)));
      await breathe();
    }
    return sum / table.rows;
  }

  load(parameters: Parameters): void {
    this.now = parameters;
    this.engineLoad(parameters);
  }

  async parameters(): Promise<Parameters> {
    return this.layered ? this.layered.parameters() : this.now;
  }

  /** The parameters with all the digits that the engine has, for `restore`. */
  async exact(): Promise<ExactParameters> {
    return this.layered ? this.layered.exact() : { parameters: this.now, moved: false };
  }

  /** Goes on from what `exact` gave, as if nothing had happened in between. */
  restore(exact: ExactParameters): void {
    this.now = exact.parameters;
    if (this.layered) this.layered.restore(exact);
    else this.plain.load(exact.parameters);
  }

  dispose(): void {
    this.layered?.dispose();
  }

  private engineLoad(parameters: Parameters): void {
    if (this.layered) this.layered.load(parameters);
    else this.plain.load(parameters);
  }

  private cells(table: Table): Cells {
    const known = this.known.get(table);
    if (known) return known;
    const cells = this.layered!.cells(table);
    this.known.set(table, cells);
    return cells;
  }
}

function total(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function picked(table: Table, order: ArrayLike<number>, start: number, count: number): Table {
  const { columns } = table;
  const values = new Float64Array(count * columns);
  for (let r = 0; r < count; r++) {
    const from = order[start + r] * columns;
    values.set(table.values.subarray(from, from + columns), r * columns);
  }
  return { rows: count, columns, values };
}

/**
 * Mean log p of the rows of a table, on the fastest engine that can compute the circuit: in f32 with exponents where it runs in layers,
 * exact to about six digits. `logLikelihood` is exact to f64.
 */
export async function meanLogLikelihood(
  circuit: ProbabilisticCircuit,
  table: Table,
  options: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  checkTable(circuit, table);
  const learner = new Learner(circuit, options);
  try {
    return await learner.mean(table);
  } finally {
    learner.dispose();
  }
}
