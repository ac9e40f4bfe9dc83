import type { Table } from '../data/index.js';
import { inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';
import { gaussianLog, inputTable, logSumExp } from './inputs.js';
import { type Plan, planCircuit, type SumGroup } from './plan.js';

/** Expected counts over rows, added up by `Evaluator.backward`. */
export interface FlowSums {
  /** `[edges]` flow of every sum edge; edges of products carry the flow of their unit and are not counted here. */
  readonly edges: Float64Array;
  /** Sufficient statistics of every input unit, at `Evaluator.statisticsAt`: the flow at each value. Of a gaussian
   * Σ F, Σ F (x - c) and Σ F (x - c)², where c is its mean in the circuit that learning began with, so that no digits are lost far from 0. */
  readonly inputs: Float64Array;
}

/** The parameters of a circuit, apart from its structure. */
export type Parameters = Pick<ProbabilisticCircuit, 'logWeight' | 'inputs'>;

/** Bytes that the values and flows of one batch may take. */
const room = 64 * 2 ** 20;

/** Sums smaller than this, relative to the largest child, are computed again in logarithms: the fast way has lost their digits. */
const tiny = 1e-200;

/**
 * Computes a circuit on batches of rows, in f64 and natural logarithms, upwards (values) and downwards (flows). Values are stored
 * `[unit][row]`. For a group of sums with children x_k: m = max x_k, e_k = exp(x_k - m), y_j = log(Σ_k W_jk e_k) + m, which takes
 * one exponential per child, not per edge. This class is the seam for faster kernels: nothing else loops over rows and edges.
 */
export class Evaluator {
  /** Most rows in one batch. */
  readonly batch: number;
  /** `[inputs + 1]` where the statistics of each input begin in `FlowSums.inputs`. */
  readonly statisticsAt: Uint32Array;
  /** `[units * batch]` logarithms of the values of the last batch. */
  readonly values: Float64Array;
  /** `[units * batch]` flows of the last batch that went downwards. */
  private flow: Float64Array | undefined;
  private readonly plan: Plan;
  private readonly weight: Float64Array;
  private logWeight: Float64Array;
  /** Values of finite inputs by value, at `statisticsAt`; mean and deviation for gaussian ones; the constant. */
  private readonly table: Float64Array;
  private readonly mass: Float64Array;
  private readonly scratch: { max: Float64Array; exp: Float64Array; back: Float64Array; ratio: Float64Array };
  private rows: { table: Table; start: number; count: number; hidden: Uint8Array | undefined } | undefined;

  constructor(
    readonly circuit: ProbabilisticCircuit,
    options: { readonly batch?: number } = {},
  ) {
    const units = unitCount(circuit);
    this.batch = Math.max(1, Math.min(options.batch ?? 64, Math.floor(room / 16 / units)));
    this.plan = planCircuit(circuit);
    this.statisticsAt = new Uint32Array(circuit.inputs.length + 1);
    circuit.inputs.forEach((unit, i) => {
      const size = unit.kind === 'constant' ? 1 : circuit.states[unit.variable] || 3;
      this.statisticsAt[i + 1] = this.statisticsAt[i] + size;
    });
    this.table = new Float64Array(this.statisticsAt[circuit.inputs.length]);
    this.mass = new Float64Array(circuit.inputs.length);
    this.weight = new Float64Array(circuit.child.length);
    this.logWeight = circuit.logWeight;
    this.values = new Float64Array(units * this.batch);
    const wide = this.plan.widest * this.batch;
    this.scratch = {
      max: new Float64Array(this.batch),
      exp: new Float64Array(wide),
      back: new Float64Array(wide),
      ratio: new Float64Array(this.batch),
    };
    this.load(circuit);
  }

  /** Takes other weights and inputs for the same structure. */
  load({ logWeight, inputs }: Parameters): void {
    this.logWeight = logWeight;
    for (let e = 0; e < logWeight.length; e++) this.weight[e] = Math.exp(logWeight[e]);
    inputs.forEach((unit, i) => {
      const at = this.statisticsAt[i];
      if (unit.kind === 'constant') this.mass[i] = unit.log;
      else if (unit.kind === 'gaussian') this.table.set([unit.mean, unit.deviation], at);
      else {
        const values = inputTable(unit, this.circuit.states[unit.variable]);
        this.table.set(values, at);
        this.mass[i] = logSumExp(values);
      }
    });
  }

  emptySums(): FlowSums {
    return { edges: new Float64Array(this.circuit.child.length), inputs: new Float64Array(this.table.length) };
  }

  /**
   * Computes rows `start` to `start + count` of a table, `count` at most `batch`.
   * @param hidden `[variables]` variables that are summed out, not 0
   * @returns `[count]` log p of each row; it is overwritten by the next batch
   */
  forward(table: Table, start: number, count: number, hidden?: Uint8Array): Float64Array {
    this.rows = { table, start, count, hidden };
    const { kind, first, child } = this.circuit;
    const { values, batch } = this;
    for (const step of this.plan.steps) {
      if (step < 0) this.sumForward(this.plan.groups[-1 - step], count);
      else if (kind[step] === inputKind) this.inputForward(step);
      else {
        const at = step * batch;
        values.fill(0, at, at + count);
        for (let e = first[step]; e < first[step + 1]; e++) {
          const from = child[e] * batch;
          for (let b = 0; b < count; b++) values[at + b] += values[from + b];
        }
      }
    }
    const root = (unitCount(this.circuit) - 1) * batch;
    return values.subarray(root, root + count);
  }

  /**
   * Sends flows down for the rows of the last `forward`: F(root) = 1, a product passes its flow on to every child, and a sum n
   * gives F(n) θ(n,c) p(c) / p(n) to child c. The flow of an edge is also θ ∂log p/∂θ. Rows of probability 0 have no flow.
   * Adds the flows of the rows to `sums`.
   * @returns `[units * batch]` flows of the units, row by row; overwritten by the next batch
   */
  backward(sums: FlowSums): Float64Array {
    const { count } = this.rows!;
    const { batch, values } = this;
    const { kind, first, child } = this.circuit;
    const units = unitCount(this.circuit);
    this.flow ??= new Float64Array(units * batch);
    const flow = this.flow.fill(0);
    const root = (units - 1) * batch;
    for (let b = 0; b < count; b++) flow[root + b] = values[root + b] === Number.NEGATIVE_INFINITY ? 0 : 1;
    const { steps, groups } = this.plan;
    for (let s = steps.length - 1; s >= 0; s--) {
      const step = steps[s];
      if (step < 0) this.sumBackward(groups[-1 - step], count, sums.edges, flow);
      else if (kind[step] === productKind) {
        const at = step * batch;
        for (let e = first[step]; e < first[step + 1]; e++) {
          const to = child[e] * batch;
          for (let b = 0; b < count; b++) flow[to + b] += flow[at + b];
        }
      } else this.inputBackward(step, sums.inputs, flow);
    }
    return flow;
  }

  private inputForward(unit: number): void {
    const { table, start, count, hidden } = this.rows!;
    const i = this.circuit.inputOf[unit];
    const input = this.circuit.inputs[i];
    const at = unit * this.batch;
    if (input.kind === 'constant' || hidden?.[input.variable]) {
      this.values.fill(this.mass[i], at, at + count);
      return;
    }
    const from = this.statisticsAt[i];
    const cells = table.values;
    let cell = start * table.columns + input.variable;
    for (let b = 0; b < count; b++, cell += table.columns) {
      const x = cells[cell];
      if (Number.isNaN(x)) this.values[at + b] = this.mass[i];
      else if (input.kind === 'gaussian') {
        this.values[at + b] = gaussianLog(x, this.table[from], this.table[from + 1]);
      } else this.values[at + b] = this.table[from + x];
    }
  }

  private inputBackward(unit: number, sums: Float64Array, flow: Float64Array): void {
    const { table, start, count, hidden } = this.rows!;
    const i = this.circuit.inputOf[unit];
    const input = this.circuit.inputs[i];
    if (input.kind === 'constant') return;
    const [at, from, to] = [unit * this.batch, this.statisticsAt[i], this.statisticsAt[i + 1]];
    let unseen = 0;
    let cell = start * table.columns + input.variable;
    for (let b = 0; b < count; b++, cell += table.columns) {
      const share = flow[at + b];
      const x = table.values[cell];
      if (hidden?.[input.variable] || Number.isNaN(x)) unseen += share;
      else if (input.kind === 'gaussian') {
        sums[from] += share;
        sums[from + 1] += share * (x - input.mean);
        sums[from + 2] += share * (x - input.mean) ** 2;
      } else sums[from + x] += share;
    }
    if (unseen === 0) return;
    // What is missing counts as the unit itself expects it, which is the E step of EM.
    if (input.kind === 'gaussian') {
      const [moved, deviation] = [this.table[from] - input.mean, this.table[from + 1]];
      sums[from] += unseen;
      sums[from + 1] += unseen * moved;
      sums[from + 2] += unseen * (moved * moved + deviation * deviation);
    } else for (let v = from; v < to; v++) sums[v] += unseen * Math.exp(this.table[v] - this.mass[i]);
  }

  /** Fills the scratch with m = max x_k and e_k = exp(x_k - m), row by row. */
  private exponentials({ children }: SumGroup, count: number): void {
    const { values, batch } = this;
    const { max, exp } = this.scratch;
    max.fill(Number.NEGATIVE_INFINITY, 0, count);
    for (const c of children) {
      for (let b = 0, x = c * batch; b < count; b++, x++) if (values[x] > max[b]) max[b] = values[x];
    }
    for (let k = 0; k < children.length; k++) {
      const [x, e] = [children[k] * batch, k * batch];
      for (let b = 0; b < count; b++) {
        const log = values[x + b];
        // Where a circuit is deterministic, most terms are one of these two.
        exp[e + b] = log === Number.NEGATIVE_INFINITY ? 0 : log === max[b] ? 1 : Math.exp(log - max[b]);
      }
    }
  }

  private sumForward(group: SumGroup, count: number): void {
    const { values, weight, batch } = this;
    const { sums, children, edges } = group;
    const { max, exp } = this.scratch;
    const wide = children.length;
    this.exponentials(group, count);
    for (let j = 0; j < sums.length; j++) {
      const [y, w] = [sums[j] * batch, edges[j]];
      values.fill(0, y, y + count);
      let k = 0;
      for (; k + 4 <= wide; k += 4) {
        const [w0, w1, w2, w3] = [weight[w + k], weight[w + k + 1], weight[w + k + 2], weight[w + k + 3]];
        const [e0, e1, e2, e3] = [k * batch, (k + 1) * batch, (k + 2) * batch, (k + 3) * batch];
        for (let b = 0; b < count; b++) {
          values[y + b] += w0 * exp[e0 + b] + w1 * exp[e1 + b] + w2 * exp[e2 + b] + w3 * exp[e3 + b];
        }
      }
      for (; k < wide; k++) {
        const [w0, e0] = [weight[w + k], k * batch];
        for (let b = 0; b < count; b++) values[y + b] += w0 * exp[e0 + b];
      }
      for (let b = 0; b < count; b++) {
        const sum = values[y + b];
        if (max[b] === Number.NEGATIVE_INFINITY) values[y + b] = max[b];
        else values[y + b] = sum < tiny ? this.slowSum(group, j, b) : Math.log(sum) + max[b];
      }
    }
  }

  /** The same sum with its own largest term. */
  private slowSum({ children, edges }: SumGroup, j: number, b: number): number {
    const terms = new Float64Array(children.length);
    for (let k = 0; k < terms.length; k++)
      terms[k] = this.values[children[k] * this.batch + b] + this.logWeight[edges[j] + k];
    return logSumExp(terms);
  }

  private sumBackward(group: SumGroup, count: number, edgeSums: Float64Array, flow: Float64Array): void {
    const { values, weight, batch } = this;
    const { sums, children, edges } = group;
    const { max, exp, back, ratio } = this.scratch;
    const wide = children.length;
    this.exponentials(group, count);
    back.fill(0, 0, wide * batch);
    for (let j = 0; j < sums.length; j++) {
      const [y, w] = [sums[j] * batch, edges[j]];
      let any = false;
      for (let b = 0; b < count; b++) {
        const share = flow[y + b];
        const sum = share === 0 ? 1 : Math.exp(values[y + b] - max[b]);
        ratio[b] = sum < tiny ? 0 : share / sum;
        any ||= ratio[b] > 0;
        if (sum < tiny) this.slowFlow(group, j, b, edgeSums, flow);
      }
      if (!any) continue;
      let k = 0;
      // Four edges at a time: one read of the ratio for all, and four sums that do not wait for each other.
      for (; k + 4 <= wide; k += 4) {
        const [w0, w1, w2, w3] = [weight[w + k], weight[w + k + 1], weight[w + k + 2], weight[w + k + 3]];
        const [e0, e1, e2, e3] = [k * batch, (k + 1) * batch, (k + 2) * batch, (k + 3) * batch];
        let [s0, s1, s2, s3] = [0, 0, 0, 0];
        for (let b = 0; b < count; b++) {
          const r = ratio[b];
          s0 += r * exp[e0 + b];
          s1 += r * exp[e1 + b];
          s2 += r * exp[e2 + b];
          s3 += r * exp[e3 + b];
          back[e0 + b] += w0 * r;
          back[e1 + b] += w1 * r;
          back[e2 + b] += w2 * r;
          back[e3 + b] += w3 * r;
        }
        edgeSums[w + k] += w0 * s0;
        edgeSums[w + k + 1] += w1 * s1;
        edgeSums[w + k + 2] += w2 * s2;
        edgeSums[w + k + 3] += w3 * s3;
      }
      for (; k < wide; k++) {
        const [w0, e0] = [weight[w + k], k * batch];
        let s0 = 0;
        for (let b = 0; b < count; b++) {
          s0 += ratio[b] * exp[e0 + b];
          back[e0 + b] += w0 * ratio[b];
        }
        edgeSums[w + k] += w0 * s0;
      }
    }
    for (let k = 0; k < wide; k++) {
      const [x, e] = [children[k] * batch, k * batch];
      for (let b = 0; b < count; b++) flow[x + b] += exp[e + b] * back[e + b];
    }
  }

  private slowFlow(
    { sums, children, edges }: SumGroup,
    j: number,
    b: number,
    edgeSums: Float64Array,
    flow: Float64Array,
  ) {
    const [y, total] = [sums[j] * this.batch + b, this.values[sums[j] * this.batch + b]];
    for (let k = 0; k < children.length; k++) {
      const x = children[k] * this.batch + b;
      const share = flow[y] * Math.exp(this.values[x] + this.logWeight[edges[j] + k] - total);
      edgeSums[edges[j] + k] += share;
      flow[x] += share;
    }
  }
}
