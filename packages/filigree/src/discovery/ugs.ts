import { InputError } from '../errors.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  less,
  mul,
  type Random,
  sigmoid,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tensor,
} from '../tensor/index.js';
import { learnMask, type MaskOptions } from './learn-mask.js';
import type { FoundCircuit } from './scores.js';
import { prune, selectThreshold } from './select.js';

export interface UgsOptions extends MaskOptions {
  /** Price of an edge: how much the loss may rise, in the metric's unit, for one edge less. */
  lambda?: number;
}

/**
 * Uniform gradient sampling (Li, Janson 2024, "Optimal Ablation for Interpretability"): every edge has a probability p of being
 * in the circuit. For each pair two coins of that probability are thrown: two heads keep the edge, two tails cut it, and
 * otherwise a share uniform in [0, 1] of it is kept. On average over shares the slope of the loss L is L(kept) - L(cut), so with
 * theta the logit of p
 *
 *     d E[L] / d theta = p (1 - p) (L(kept) - L(cut)) = E[1{coins differ} dL/dshare] / 2
 *
 * which needs no division by a chance that vanishes. Descends on - m(masked run) + lambda sum p, m being `kl` unless asked
 * otherwise. The score of an edge is -p; the circuit is the edges with p >= 1/2, pruned.
 *
 * @throws InputError for options that make no sense, for pairs that the model cannot read, or when one pair does not fit `memory`
 */
export async function ugs(model: Transformer, pairs: readonly Pair[], options: UgsOptions = {}): Promise<FoundCircuit> {
  const { steps = 400, lr = 0.1, lambda = 1e-3 } = options;
  if (!(lambda >= 0 && Number.isFinite(lambda))) {
    throw new InputError(`lambda must be a number of at least 0, not ${lambda}.`);
  }
  const { graph, logits, metric } = await learnMask(
    model,
    pairs,
    { ...options, steps, lr },
    {
      start: 1,
      draw: (gates, step) => coins(gates, step.pairs, step.random),
      penalty: (gates, possible) => mul(sum(mul(sigmoid(gates), possible)), lambda),
    },
  );
  const scores = logits.map((a) => (a === Number.NEGATIVE_INFINITY ? 0 : -1 / (1 + Math.exp(-a))));
  return { graph, scores, metric, edges: prune(graph, selectThreshold(graph, scores, 0.5, 'signed')) };
}

/** Shares kept of each edge for each pair, `[1, pairs, ...]`, whose gradient by the logits is the estimate above. */
export function coins(logits: Tensor, pairs: number, random: Random): Tensor {
  const shape = [1, pairs, ...logits.shape];
  const uniform = (): Tensor =>
    tensor(
      Float64Array.from({ length: pairs * logits.size }, () => random.uniform()),
      shape,
      undefined,
      logits.device,
    );
  const fixed = stopGradient(logits);
  const chance = sigmoid(fixed);
  const [first, second] = [less(uniform(), chance), less(uniform(), chance)];
  const differ = square(sub(first, second));
  const share = add(mul(first, second), mul(differ, uniform()));
  // Adds nothing but the slope of one half where the coins differ.
  return add(share, mul(differ, mul(sub(logits, fixed), 0.5)));
}
