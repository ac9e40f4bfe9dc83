import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import type { EstimateOptions } from './attribute.js';
import { attribute } from './eap-ig.js';
import type { EdgeScores } from './scores.js';

/**
 * Edge attribution patching with the gradient averaged over both ends of the line (Hanna, Pezzelle, Belinkov 2024):
 *
 *     score(u -> v) = < y~_u - y_u , (dm/dx_v (clean) + dm/dx_v (corrupted)) / 2 >,
 *
 * the trapezoid rule of `eapIg` with one step. Shapes, sign and errors as there.
 */
export async function cleanCorrupted(
  model: Transformer,
  pairs: readonly Pair[],
  options: EstimateOptions = {},
): Promise<EdgeScores> {
  return attribute(model, pairs, { ...options, points: [0, 1] });
}
