import { InputError } from '../errors.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  addAxis,
  assign,
  at,
  mul,
  noGrad,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  tensor,
} from '../tensor/index.js';
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
  /** Rate at which the multipliers ascend. */
  ascent?: number;
}

/**
 * Edge pruning (Bhaskar, Wettig, Friedman, Chen 2024, "Finding Transformer Circuits with Edge Pruning"): gates of the hard
 * concrete distribution on all edges are learned by gradient descent on
 *
 *     - m(masked run) + w edges (l1 (s - t) + l2 (s - t)^2)
 *
 * where m is `kl` unless asked otherwise (so the first term is KL(full model || circuit)), s = 1 - mean P(z > 0) is the expected
 * sparsity and t the target, which rises linearly to 1 - size / edges. The multipliers l1 and l2 start at 0 and 1 and ascend by
 * plain gradient steps; w edges, with w = |m(clean) - m(all cut)| / size, makes them prices of one edge in units of what an edge
 * of the circuit is worth on average: a price far above that shuts gates in no order, one far below shuts none. The score of an
 * edge is minus the chance that its gate is open, so kept edges are near -1; the circuit is the `size` edges whose gates are
 * the most open, pruned.
 *
 * @throws InputError for options that make no sense, for pairs that the model cannot read, or when one pair does not fit `memory`
 */
export async function edgePruning(
  model: Transformer,
  pairs: readonly Pair[],
  options: EdgePruningOptions = {},
): Promise<FoundCircuit> {
  const { steps = 400, lr = 0.1, anneal = 0.7, ascent = 0.2 } = options;
  const { edges } = new EdgeGraph(model.config);
  const { size = Math.max(1, Math.round(edges / 10)) } = options;
  if (!(Number.isInteger(size) && size > 0 && size <= edges)) {
    throw new InputError(`size must be a whole number from 1 to the model's ${edges} edges, not ${size}.`);
  }
  if (!(anneal >= 0 && anneal <= 1)) throw new InputError(`anneal must be from 0 to 1, not ${anneal}.`);
  if (!(ascent >= 0 && Number.isFinite(ascent))) {
    throw new InputError(`ascent must be a number of at least 0, not ${ascent}.`);
  }
  const multipliers = tensor([0, 1]);
  try {
    const { graph, logits, metric } = await learnMask(
      model,
      pairs,
      { ...options, steps, lr },
      {
        start: 2,
        draw: (gates, { random }) => addAxis(hardConcrete(gates, random), 0),
        penalty(gates, possible, { step, range }) {
          const sparsity = sub(1, mul(sum(mul(openProbability(gates), possible)), 1 / edges));
          const target = (1 - size / edges) * Math.min(1, (step + 1) / Math.max(1, anneal * steps));
          return mul(lagrangian(sub(sparsity, target), multipliers, ascent), (range / size) * edges);
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

/** l1 gap + l2 gap^2 with the multipliers as they are; then they ascend: each rises by the rate times what it weighs. */
function lagrangian(gap: Tensor, multipliers: Tensor, rate: number): Tensor {
  // A copy: the backward pass still needs the values of before.
  const current = multipliers.packed();
  noGrad(() => assign(multipliers, add(current, mul(stack([gap, square(gap)], 0), rate))));
  return add(mul(at(current, 0, 0), gap), mul(at(current, 0, 1), square(gap)));
}
