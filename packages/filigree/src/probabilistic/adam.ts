import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { type Learned, type LearnOptions, type LearnStep, type Less, learn, type OwnMemory, remembered } from './em.js';
import { checkVariable } from './evaluate.js';
import type { FlowSums, Parameters } from './evaluator.js';

export interface GradientOptions extends LearnOptions {
  /** Learning rate of Adam. */
  readonly lr?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  /**
   * Learns to tell the values of one variable apart: the aim is log p(x) - share · log p(x without the variable), which is the conditional
   * log-likelihood log p(class | rest) at share 1, and the joint one at 0.
   */
  readonly classes?: { readonly variable: number; readonly share: number };
  /** Chance that an edge of a sum, but the root's, is dropped, anew at every step; classes are then learned under what TDI supposes. */
  readonly dropout?: number;
}

/**
 * Gradient training: Adam on the logits of every sum and every categorical input, θ = softmax(logits). The gradient of the mean
 * log-likelihood by a logit is (F(n,c) - θ(n,c) F(n)) / rows, straight from the flows; of the conditional one, the same of the difference
 * of two flows, with the class and without. The likelihoods that it tells are those of its aim. Weights of zero stay zero; inputs of other kinds
 * keep their parameters. Mostly slower than EM; kept for comparison and for what EM cannot express.
 * Throws as `em` does.
 */
export async function trainByGradient(
  circuit: ProbabilisticCircuit,
  train: Table,
  options: GradientOptions = {},
): Promise<Learned> {
  const { lr = 0.05, beta1 = 0.9, beta2 = 0.999, classes, dropout = 0, seed = 0 } = options;
  const { kind, first } = circuit;
  if (!(dropout >= 0 && dropout < 1))
    throw new InputError(`the dropout must be at least 0 and below 1, not ${dropout}`);
  if (classes) checkVariable(circuit, classes.variable);
  const without = (table: Table): Less | undefined =>
    classes && { share: classes.share, table: hidden(table, classes.variable) };
  const unlabelled = without(train);
  const settings = { lr, beta1, beta2 };
  const step: LearnStep = (learner, selection, _epoch, memory) => {
    const rule = (now: Parameters, sums: FlowSums, rows: number): Parameters => {
      const steps = remembered(memory, 'steps', 1);
      steps[0]++;
      const edges = new Adam(memory, 'edges', sums.edges.length, settings);
      const tables = new Adam(memory, 'inputs', sums.inputs.length, settings);
      const logWeight = now.logWeight.slice();
      for (let unit = 0; unit < unitCount(circuit); unit++) {
        if (kind[unit] !== sumKind) continue;
        const [from, to] = [first[unit], first[unit + 1]];
        edges.climb(logWeight.subarray(from, to), sums.edges.subarray(from, to), from, rows);
      }
      const inputs = now.inputs.map((unit, i) => {
        if (unit.kind !== 'categorical') return unit;
        const logProbabilities = unit.logProbabilities.slice();
        const [from, to] = [learner.statisticsAt[i], learner.statisticsAt[i + 1]];
        tables.climb(logProbabilities, sums.inputs.subarray(from, to), from, rows);
        return { ...unit, logProbabilities };
      });
      return { logWeight, inputs };
    };
    // Drawn by the number of the step, so that learning that was interrupted goes on with the same.
    const drawn = (): Random => new Random(seed).fork(`dropout ${memory.get('steps')?.[0] ?? 0}`);
    const view = (now: Parameters): Parameters => (dropout > 0 ? dropped(circuit, now, dropout, drawn()) : now);
    return learner.apply(train, selection, rule, view, unlabelled);
  };
  return learn(circuit, train, 'learning by gradients', { batchRows: 512, ...options }, step, without);
}

/** The rows without one of their cells. */
function hidden(table: Table, variable: number): Table {
  const values = table.values.slice();
  for (let i = variable; i < values.length; i += table.columns) values[i] = Number.NaN;
  return { ...table, values };
}

/** The parameters with some edges of sums left out; the root keeps its own. */
function dropped({ kind, first }: ProbabilisticCircuit, now: Parameters, chance: number, random: Random): Parameters {
  const logWeight = now.logWeight.slice();
  for (let unit = 0; unit < kind.length - 1; unit++) {
    if (kind[unit] !== sumKind) continue;
    for (let e = first[unit]; e < first[unit + 1]; e++) {
      if (random.uniform() < chance) logWeight[e] = Number.NEGATIVE_INFINITY;
    }
  }
  return { ...now, logWeight };
}

/** Kingma and Ba, 2015, upwards. */
class Adam {
  private readonly mean: Float64Array;
  private readonly square: Float64Array;
  private readonly steps: number;

  constructor(
    memory: OwnMemory,
    name: string,
    size: number,
    private readonly options: { lr: number; beta1: number; beta2: number },
  ) {
    this.mean = remembered(memory, `${name} mean`, size);
    this.square = remembered(memory, `${name} square`, size);
    this.steps = remembered(memory, 'steps', 1)[0];
  }

  /** Moves logarithms of shares in place, given their flows; `at` is where their moments stand. */
  climb(logs: Float64Array, flows: Float64Array, at: number, rows: number): void {
    const { lr, beta1, beta2 } = this.options;
    const [correct1, correct2] = [1 - beta1 ** this.steps, 1 - beta2 ** this.steps];
    let flow = 0;
    for (const f of flows) flow += f;
    let sum = 0;
    for (let k = 0; k < logs.length; k++) {
      if (logs[k] === Number.NEGATIVE_INFINITY) continue;
      const slope = (flows[k] - Math.exp(logs[k]) * flow) / rows;
      this.mean[at + k] = beta1 * this.mean[at + k] + (1 - beta1) * slope;
      this.square[at + k] = beta2 * this.square[at + k] + (1 - beta2) * slope * slope;
      logs[k] += (lr * this.mean[at + k]) / correct1 / (Math.sqrt(this.square[at + k] / correct2) + 1e-8);
      sum += Math.exp(logs[k]);
    }
    const shift = Math.log(sum);
    for (let k = 0; k < logs.length; k++) logs[k] -= shift;
  }
}
