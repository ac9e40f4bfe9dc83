import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { type AttributionOptions, attribute } from './eap-ig.js';
import type { EdgeScores } from './scores.js';

/**
 * Edge attribution patching (Syed, Rager, Conmy 2023, "Attribution Patching Outperforms Automated Circuit Discovery"):
 *
 *     score(u -> v) = < y~_u - y_u , dm/dx_v >  on the clean prompt,
 *
 * the first-order estimate of the metric's change when the edge takes its corrupted value; shapes and sign as in `eapIg`. With
 * the `kl` metric the gradient on the clean prompt is zero, and so are all scores: use `eapIg`.
 */
export async function eap(
  model: Transformer,
  pairs: readonly Pair[],
  options: Omit<AttributionOptions, 'steps' | 'rule'> = {},
): Promise<EdgeScores> {
  return attribute(model, pairs, { ...options, points: [1] });
}
