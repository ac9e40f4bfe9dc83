import { InputError } from '../errors.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { add, addAxis, at, mul, square, stopGradient, sub, sum, type Tensor, zeros } from '../tensor/index.js';
import { EdgeGraph } from './graph.js';
import { hardConcrete, openChance, openProbability } from './hard-concrete.js';
import { learnMask, type MaskOptions } from './learn-mask.js';
import type { FoundCircuit } from './scores.js';
import { prune, selectTop } from './select.js';

export interface EdgePruningOptions extends MaskOptions {
  /** Edges that the circuit is to have; by default a tenth of all. */
  size?: number;
  /** Share of the steps over which the target rises from keeping all edges to keeping `size`. */
  anneal?: number;
}

/**
 * Edge pruning (Bhaskar, Wettig, Friedman, Chen 2024, "Finding Transformer Circuits with Edge Pruning"): gates of the hard
 * concrete distribution on all edges are learned by gradient descent on
 *
 *     - m(masked run) + l1 (s - t) + l2 (s - t)^2
 *
 * where m is `kl` unless asked otherwise (so the first term is KL(full model || circuit)), s = 1 - mean P(z > 0) is the expected
 * sparsity and t the target, which rises linearly to 1 - size / edges; the multipliers l1, l2 ascend. The score of an edge is
 * minus the chance that its gate is open, so kept edges are near -1; the circuit is the `size` edges whose gates are the most
 * open, pruned.
 *
 * @throws InputError for options that make no sense, for pairs that the model cannot read, or when one pair does not fit `memory`
 */
export async function edgePruning(
  model: Transformer,
  pairs: readonly Pair[],
  options: EdgePruningOptions = {},
): Promise<FoundCircuit> {
  const { steps = 400, lr = 0.1, anneal = 0.7 } = options;
  const { edges } = new EdgeGraph(model.config);
  const { size = Math.max(1, Math.round(edges / 10)) } = options;
  if (!(Number.isInteger(size) && size > 0 && size <= edges)) {
    throw new InputError(`size must be a whole number from 1 to the model's ${edges} edges, not ${size}.`);
  }
  if (!(anneal >= 0 && anneal <= 1)) throw new InputError(`anneal must be from 0 to 1, not ${anneal}.`);
  const multipliers = zeros([2]);
  try {
    const { graph, logits, metric } = await learnMask(
      model,
      pairs,
      { ...options, steps, lr },
      {
        start: 2,
        parameters: new Map([['multipliers', multipliers]]),
        draw: (gates, { random }) => addAxis(hardConcrete(gates, random), 0),
        penalty(gates, possible, step) {
          const sparsity = sub(1, mul(sum(mul(openProbability(gates), possible)), 1 / edges));
          const target = (1 - size / edges) * Math.min(1, (step + 1) / Math.max(1, anneal * steps));
          return lagrangian(sub(sparsity, target), multipliers);
        },
      },
    );
    return {
      graph,
      scores: logits.map((a) => (a === Number.NEGATIVE_INFINITY ? 0 : -openChance(a))),
      metric,
      // By the logits: the chances of gates that are all but surely open round to the same number.
      edges: prune(
        graph,
        selectTop(
          graph,
          logits.map((a) => -a),
          size,
          'signed',
        ),
      ),
    };
  } finally {
    multipliers.dispose();
  }
}

/** l1 gap + l2 gap^2, whose descent by the multipliers is their ascent. */
function lagrangian(gap: Tensor, multipliers: Tensor): Tensor {
  const weighed = (weights: Tensor, by: Tensor): Tensor =>
    add(mul(at(weights, 0, 0), by), mul(at(weights, 0, 1), square(by)));
  return sub(weighed(stopGradient(multipliers), gap), weighed(multipliers, stopGradient(gap)));
}
