import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  alias,
  assign,
  at,
  einsum,
  mul,
  noGrad,
  reshape,
  slice,
  sub,
  type Tensor,
  tensor,
  track,
  zeros,
} from '../tensor/index.js';
import {
  type Counterfactual,
  checkLine,
  checkPoints,
  differencesAt,
  type EstimateOptions,
  overBatches,
} from './attribute.js';
import { type Line, type ReaderGradient, readerGradients } from './gradients.js';
import { EdgeGraph } from './graph.js';
import type { EdgeScores } from './scores.js';

/** Where on the line from the corrupted (0) to the clean embeddings (1) the gradient is taken. */
export type IntegrationRule = 'right' | 'left' | 'mid';

export interface AttributionOptions extends EstimateOptions {
  /** Points of the integral. */
  steps?: number;
  /** `right`: k/m for k = 1..m; `left`: k = 0..m-1, as the authors' code; `mid`: midpoints. */
  rule?: IntegrationRule;
}

/** The points of an integration rule. */
export function integrationPoints(rule: IntegrationRule = 'right', steps = 5): number[] {
  const shift = rule === 'right' ? 1 : rule === 'left' ? 0 : 0.5;
  return Array.from({ length: steps }, (_, k) => (k + shift) / steps);
}

/**
 * Edge attribution patching with integrated gradients on the inputs (Hanna, Pezzelle, Belinkov 2024, "Have Faith in
 * Faithfulness"):
 *
 *     score(u -> v) = < y~_u - y_u , mean_k dm/dx_v (z' + alpha_k (z - z')) >
 *
 * with y, y~ what source u writes on the clean and on the corrupted prompt, z, z' their embeddings, x_v the destination's own copy
 * of the residual stream before its norm; summed over positions and features, averaged over pairs. The score estimates the
 * change of the metric when the edge takes its corrupted value: helpful edges are negative. All edges at once: two forward
 * passes, `steps` forward and backward passes and one matrix product per layer.
 *
 * @throws InputError for pairs that the model cannot read, an ablation that is no prompt, and `kl` at the clean prompt alone.
 */
export async function eapIg(
  model: Transformer,
  pairs: readonly Pair[],
  options: AttributionOptions = {},
): Promise<EdgeScores> {
  const { steps, rule } = options;
  return attribute(model, pairs, { ...options, points: integrationPoints(rule, steps) });
}

/** The shared estimator: gradients at the given points of the line, one point (1, the clean prompt) for plain EAP. */
export async function attribute(
  model: Transformer,
  pairs: readonly Pair[],
  options: EstimateOptions & { points: readonly number[] },
): Promise<EdgeScores> {
  const { metric: name = 'logit-diff', ablation, points, rules } = options;
  checkPoints(points, name);
  checkLine(points, ablation);
  const graph = new EdgeGraph(model.config);
  const found = await overBatches(model, graph, pairs, points, options, (runs, share) => {
    const line = inputLine(runs, share);
    const readers = readerGradients(model, graph, runs.batch, line, name, runs.clean.logits, rules);
    const scores = zeros([graph.sources.length, graph.destinations.length]);
    addScores(scores, runs, readers, 0, graph.sources.length);
    return scores;
  });
  return { graph, ...found };
}

/** The line from the counterfactual embeddings (0) to the clean ones (1), tracked. */
export function inputLine(runs: Counterfactual, points: readonly number[]): Line {
  const from = at(runs.values, 0, 0);
  const to = at(runs.clean.values, 0, 0);
  const [pairs, length, width] = to.shape;
  const places = tensor(points, [points.length, 1, 1, 1], undefined, to.device);
  const residual = track(
    alias(noGrad(() => reshape(add(from, mul(places, sub(to, from))), [points.length * pairs, length, width]))),
  );
  return { points: points.length, layer: 0, residual, moving: residual };
}

/** Adds, to a table of scores, those of the edges out of sources `first .. end - 1` from the gradients by their readers. */
export function addScores(
  scores: Tensor,
  runs: Counterfactual,
  readers: readonly ReaderGradient[],
  first: number,
  end: number,
): void {
  noGrad(() => {
    const differences = differencesAt(runs);
    for (const reader of readers) {
      const last = Math.min(end, reader.reads);
      if (last <= first) continue;
      const part = einsum('ubtd,vbtd->uv', slice(differences(reader.gradient), 0, first, last), reader.gradient);
      const place = slice(slice(scores, 0, first, last), 1, reader.first, reader.first + reader.count);
      assign(place, part);
    }
  });
}
