import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import type { EstimateOptions } from './attribute.js';
import { attribute } from './eap-ig.js';
import type { EdgeScores } from './scores.js';

/**
 * Edge attribution patching (Syed, Rager, Conmy 2023, "Attribution Patching Outperforms Automated Circuit Discovery"):
 *
 *     score(u -> v) = < y~_u - y_u , dm/dx_v >  on the clean prompt,
 *
 * the first-order estimate of the metric's change when the edge takes its counterfactual; shapes and sign as in `eapIg`.
 *
 * @throws InputError for the `kl` metric, whose gradient on the clean prompt is zero: use `eapIg`
 */
export async function eap(
  model: Transformer,
  pairs: readonly Pair[],
  options: EstimateOptions = {},
): Promise<EdgeScores> {
  return attribute(model, pairs, { ...options, points: [1] });
}
