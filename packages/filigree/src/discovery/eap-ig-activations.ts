import { rowsAt } from '../nn/attention.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  alias,
  expand,
  mul,
  noGrad,
  reshape,
  scope,
  slice,
  sub,
  sum,
  type Tensor,
  tensor,
  track,
  zeros,
} from '../tensor/index.js';
import { type Counterfactual, checkPoints, overBatches } from './attribute.js';
import { type AttributionOptions, addScores, inputLine, integrationPoints } from './eap-ig.js';
import { type Line, readerGradients, repeat } from './gradients.js';
import { EdgeGraph } from './graph.js';
import type { EdgeScores } from './scores.js';
import { entrances } from './sources.js';

/**
 * Edge attribution patching with integrated gradients on activations (Hanna, Pezzelle, Belinkov 2024; Mueller et al. 2025, MIB):
 *
 *     score(u -> v) = < y~_u - y_u , mean_k dm/dx_v (layer of u writes y~ + alpha_k (y - y~)) >
 *
 * where, layer by layer, the sources that write at the same time (the embeddings, a layer's heads, its MLP) move together from
 * their counterfactuals to their clean values while all before them stays clean. Any ablation will do, since no prompt is needed
 * at the line's other end. As the steps get finer, the scores of all edges out of such a group sum to the change of the metric when
 * the group takes its counterfactual. (The authors' code averages the gradients of all groups into every edge; here an edge is scored by
 * its own source's.) Costs `steps` forward and backward passes, from the group on, for each of 1 + 2 layers groups. Shapes, sign
 * and options as in `eapIg`.
 *
 * @throws InputError for pairs that the model cannot read, and for `kl` at the clean values alone
 */
export async function eapIgActivations(
  model: Transformer,
  pairs: readonly Pair[],
  options: AttributionOptions = {},
): Promise<EdgeScores> {
  const { metric: name = 'logit-diff', steps, rule, rules } = options;
  const points = integrationPoints(rule, steps);
  checkPoints(points, name);
  const graph = new EdgeGraph(model.config);
  const found = await overBatches(model, graph, pairs, points, options, (runs, share) => {
    const scores = zeros([graph.sources.length, graph.destinations.length]);
    forEachGroup(model, graph, runs, share, ({ first, end }, line) => {
      const readers = readerGradients(model, graph, runs.batch, line, name, runs.clean.logits, rules);
      addScores(scores, runs, readers, first, end);
    });
    return scores;
  });
  return { graph, ...found };
}

/** Calls `visit`, in a scope, with the line of each group of sources `first .. end - 1` that write at the same time. */
export function forEachGroup(
  model: Transformer,
  graph: EdgeGraph,
  runs: Counterfactual,
  points: readonly number[],
  visit: (group: { first: number; end: number }, line: Line) => void,
): void {
  const streams = entrances(model, runs.batch);
  scope(() => visit({ first: 0, end: 1 }, inputLine(runs, points)));
  const { layers } = model.config;
  for (let layer = 0; layer < layers; layer++) {
    const first = graph.firstSource(layer);
    const end = first + model.config.heads;
    scope(() => {
      const residual = repeated(streams[layer], points.length);
      const everywhere = moved(runs, first, end, points);
      // The last layer's heads write at the answers only.
      const answers = repeat(runs.batch.last, points.length);
      const shift = track(alias(layer === layers - 1 ? noGrad(() => rowsAt(everywhere, answers)) : everywhere));
      const edit = (site: string, value: Tensor): Tensor =>
        site === `blocks.${layer}.attn_out` ? add(value, shift) : value;
      visit({ first, end }, { points: points.length, layer, residual, edit, moving: shift });
    });
    if (model.config.mlpWidth === 0) continue;
    scope(() => {
      const stream = noGrad(() => add(repeated(streams[layer + 1], points.length), moved(runs, end, end + 1, points)));
      const residual = track(alias(stream));
      visit({ first: end, end: end + 1 }, { points: points.length, layer: layer + 1, residual, moving: residual });
    });
  }
}

/** `[batch, …]` once per point, `[points * batch, …]`. */
function repeated(stream: Tensor, points: number): Tensor {
  const [pairs, ...rest] = stream.shape;
  return reshape(expand(reshape(stream, [1, pairs, ...rest]), [points, pairs, ...rest]), [points * pairs, ...rest]);
}

/** How far the sum of the sources is from its clean value at each point, `[points * batch, positions, width]`. */
function moved({ differences }: Counterfactual, first: number, end: number, points: readonly number[]): Tensor {
  return noGrad(() => {
    const whole = sum(slice(differences, 0, first, end), 0);
    const places = tensor(points, [points.length, 1, 1, 1], undefined, whole.device);
    const [pairs, ...rest] = whole.shape;
    return reshape(mul(sub(1, places), whole), [points.length * pairs, ...rest]);
  });
}
