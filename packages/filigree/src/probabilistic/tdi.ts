import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { inputKind, type ProbabilisticCircuit, productKind, sumKind, unitCount, unitName } from './circuit.js';
import { DropoutPlan } from './dropout-plan.js';
import { checkVariable, overBatches, type RowOptions } from './evaluate.js';
import { Evaluator } from './evaluator.js';
import { requireProperties } from './properties.js';

export interface DropoutOptions extends RowOptions {
  /** Chance p that an edge of a sum is dropped; the root keeps its edges. */
  readonly dropout?: number;
  /** `full`: exact; `diagonal`: units of one region are taken for independent, which is faster and too sure of itself. */
  readonly covariance?: 'full' | 'diagonal';
}

export interface DropoutMoments {
  /** `[rows]` log E p(x) over masks; smaller than log p(x), since dropped edges lose mass. */
  readonly logMean: Float64Array;
  /** `[rows]` standard deviation of p(x) over masks, divided by its mean. */
  readonly relativeDeviation: Float64Array;
}

/**
 * Mean and variance of p(x) when every edge of every sum, but those of the root, is dropped independently with chance p = 1 - q: what
 * Monte Carlo dropout estimates, in one pass. Units of one region share children, so their covariances are carried along. With
 * R(a, b) = Cov(a, b) / (E a E b), E n = q Σ w_i E c_i and shares r_i = q w_i E c_i / E n of a sum n:
 * R(n, m) = Σ r_i R(c_i, m), R(n, n) = Σ_ij r_i r_j R(c_i, c_j) + (p/q) Σ r_i² (1 + R(c_i, c_i)), and for products
 * 1 + R = Π (1 + R of the parts). Relative covariances stay in range however small the densities are. Ventola et al.,
 * "Probabilistic circuits that know what they don't know", UAI 2023, whose implementation leaves the covariances out.
 * @throws InputError when the circuit is not smooth and decomposable, or units that share sums split them differently
 */
export async function dropoutMoments(
  circuit: ProbabilisticCircuit,
  table: Table,
  options: DropoutOptions = {},
): Promise<DropoutMoments> {
  const root = unitCount(circuit) - 1;
  const run = new DropoutRun(circuit, [[root, root]], options);
  const logMean = new Float64Array(table.rows);
  const relativeDeviation = new Float64Array(table.rows);
  await run.over(table, options, (row, log, [variance]) => {
    logMean[row] = log(root);
    relativeDeviation[row] = Math.sqrt(variance);
  });
  return { logMean, relativeDeviation };
}

export interface DropoutClasses {
  readonly classes: number;
  /** `[rows, classes]` mean and standard deviation of p(class | x) over masks, by the delta method. */
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/**
 * Mean and deviation of class probabilities under dropout. The root must be a sum with one product per class, each with an indicator
 * of its class. With r_i the shares of the classes' means, a_i = Σ_j r_j R_ij and b = Σ_i r_i a_i, to second order
 * E p(i | x) = r_i (1 - a_i + b) and Var p(i | x) = r_i² (R_ii - 2 a_i + b).
 * @param variable the class, counted from 0; what the table says of it is not looked at
 * @throws InputError as `dropoutMoments` does, and when the root is not of that form
 */
export async function dropoutClasses(
  circuit: ProbabilisticCircuit,
  table: Table,
  variable: number,
  options: DropoutOptions = {},
): Promise<DropoutClasses> {
  checkVariable(circuit, variable);
  const heads = classHeads(circuit, variable);
  const classes = heads.length;
  const pairs = heads.flatMap(({ unit }, i) =>
    heads.slice(0, i + 1).map(({ unit: other }): [number, number] => [unit, other]),
  );
  const run = new DropoutRun(circuit, pairs, options);
  const mean = new Float64Array(table.rows * classes);
  const deviation = new Float64Array(table.rows * classes);
  const hidden = { ...options, marginalise: [...(options.marginalise ?? []), variable] };
  await run.over(table, hidden, (row, log, relative) => {
    const logs = heads.map(({ unit, logWeight }) => logWeight + log(unit));
    const most = Math.max(...logs);
    const shares = logs.map((x) => Math.exp(x - most));
    const total = shares.reduce((a, b) => a + b, 0);
    const r = shares.map((x) => x / total);
    const at = (i: number, j: number): number =>
      i >= j ? relative[(i * (i + 1)) / 2 + j] : relative[(j * (j + 1)) / 2 + i];
    const a = r.map((_, i) => r.reduce((sum, x, j) => sum + x * at(i, j), 0));
    const b = r.reduce((sum, x, i) => sum + x * a[i], 0);
    r.forEach((x, i) => {
      mean[row * classes + i] = x * (1 - a[i] + b);
      deviation[row * classes + i] = x * Math.sqrt(Math.max(0, at(i, i) - 2 * a[i] + b));
    });
  });
  return { classes, mean, deviation };
}

/** The root's children by class. */
function classHeads(circuit: ProbabilisticCircuit, variable: number): { unit: number; logWeight: number }[] {
  const { kind, first, child, logWeight, inputs, inputOf, states } = circuit;
  const root = unitCount(circuit) - 1;
  const classes = states[variable];
  const heads: { unit: number; logWeight: number }[] = [];
  for (let e = first[root]; kind[root] === sumKind && e < first[root + 1]; e++) {
    const unit = child[e];
    const parts = kind[unit] === productKind ? Array.from(child.subarray(first[unit], first[unit + 1])) : [];
    const own = parts.flatMap((c) => {
      const input = kind[c] === inputKind ? inputs[inputOf[c]] : undefined;
      return input?.kind === 'indicator' && input.variable === variable ? [input.value] : [];
    });
    if (own.length === 1 && !heads[own[0]]) heads[own[0]] = { unit, logWeight: logWeight[e] };
    else
      throw new InputError(
        `${unitName(circuit, unit)} is not the only child of the root with an indicator of one class`,
      );
  }
  if (heads.filter(Boolean).length !== classes || classes === 0) {
    throw new InputError(`${unitName(circuit, root)} needs one child for each value of variable ${variable + 1}`);
  }
  return heads;
}

/** Computes relative covariances of some pairs of units, row by row. */
class DropoutRun {
  private readonly evaluator: Evaluator;
  private readonly plan: DropoutPlan;
  private readonly wanted: readonly number[];
  private readonly share: Float64Array;
  private readonly relative: Float64Array;
  private readonly odds: number;
  private readonly dropped: Uint8Array;

  constructor(circuit: ProbabilisticCircuit, pairs: readonly [number, number][], options: DropoutOptions) {
    const { dropout = 0.2, covariance = 'full' } = options;
    if (!(dropout >= 0 && dropout < 1)) throw new InputError(`the dropout must be from 0 to below 1, not ${dropout}`);
    requireProperties(circuit, ['smooth', 'decomposable'], 'dropout in closed form');
    const { kind, first } = circuit;
    const root = unitCount(circuit) - 1;
    this.dropped = Uint8Array.from(kind, (k, unit) => Number(k === sumKind && unit !== root && dropout > 0));
    const logWeight = circuit.logWeight.slice();
    const logKept = Math.log1p(-dropout);
    for (let unit = 0; unit <= root; unit++) {
      if (this.dropped[unit]) for (let e = first[unit]; e < first[unit + 1]; e++) logWeight[e] += logKept;
    }
    this.evaluator = new Evaluator({ ...circuit, logWeight });
    this.plan = new DropoutPlan(circuit, this.dropped, covariance === 'full');
    this.wanted = pairs.map(([a, b]) => this.plan.pair(a, b));
    this.share = new Float64Array(circuit.child.length);
    this.relative = new Float64Array(this.plan.steps.length);
    this.odds = dropout / (1 - dropout);
  }

  /** @param use gets the row, the log of a unit's mean, and the relative covariances of the pairs that were asked for */
  async over(
    table: Table,
    options: RowOptions,
    use: (row: number, log: (unit: number) => number, relative: readonly number[]) => void,
  ): Promise<void> {
    const { evaluator } = this;
    await overBatches(evaluator, table, options, (logs, start) => {
      for (let b = 0; b < logs.length; b++) {
        this.row(b);
        const log = (unit: number): number => evaluator.values[unit * evaluator.batch + b];
        use(
          start + b,
          log,
          this.wanted.map((pair) => (pair < 0 ? 0 : this.relative[pair])),
        );
      }
    });
  }

  private row(b: number): void {
    const { share, relative, evaluator } = this;
    const { circuit, values, batch } = evaluator;
    const { kind, first, child, logWeight } = circuit;
    for (let unit = 0; unit < kind.length; unit++) {
      if (kind[unit] !== sumKind) continue;
      const own = values[unit * batch + b];
      for (let e = first[unit]; e < first[unit + 1]; e++) {
        const log = logWeight[e] + values[child[e] * batch + b];
        share[e] = log === Number.NEGATIVE_INFINITY ? 0 : Math.exp(log - own);
      }
    }
    const { steps } = this.plan;
    for (let s = 0; s < steps.length; s++) {
      const step = steps[s];
      let sum = 0;
      if (step.kind === 'sum') {
        for (let i = 0; i < step.pairs.length; i++) {
          if (step.pairs[i] >= 0) sum += share[step.first + i] * relative[step.pairs[i]];
        }
      } else if (step.kind === 'product') {
        for (const pair of step.pairs) if (pair >= 0) sum += Math.log1p(relative[pair]);
        sum = Math.expm1(sum);
      } else {
        const odds = this.dropped[step.unit] ? this.odds : 0;
        for (let i = 0, at = 0; i < step.count; i++) {
          const own = share[step.first + i];
          for (let j = 0; j < i; j++, at++) {
            if (step.pairs[at] >= 0) sum += 2 * own * share[step.first + j] * relative[step.pairs[at]];
          }
          const r = step.pairs[at] >= 0 ? relative[step.pairs[at]] : 0;
          sum += own * own * (r + odds * (1 + r));
          at++;
        }
      }
      relative[s] = sum;
    }
  }
}
