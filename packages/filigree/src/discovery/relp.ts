import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { freeze, half, type Rules, ratioRule } from '../tensor/index.js';
import type { EstimateOptions } from './attribute.js';
import { attribute } from './eap-ig.js';
import type { EdgeScores } from './scores.js';

export interface RelpRules {
  /** `freeze`: the norms' scales are constants. */
  norm?: 'freeze' | 'grad';
  /** `ratio`: an activation is its value over its input, times its input. */
  act?: 'ratio' | 'grad';
  /** `half`: each factor of a gated MLP gets half of the product's relevance. */
  product?: 'half' | 'grad';
  /** `freeze`: attention patterns are constants, and edges into queries and keys score 0. */
  pattern?: 'freeze' | 'grad';
  /** How far a ratio's denominator is kept from zero. */
  stabiliser?: number;
}

/**
 * The backward rules of relevance patching. With all four, in a model without biases, relevance is conserved: at the embedding,
 * and at every layer's residual stream, sum_i x_i rho_i = m.
 */
export function relpRules(options: RelpRules = {}): Rules {
  const { norm = 'freeze', act = 'ratio', product = 'half', pattern = 'grad', stabiliser } = options;
  return {
    ...(norm === 'freeze' && { 'norm.scale': freeze }),
    ...(act === 'ratio' && { act: ratioRule(stabiliser) }),
    ...(product === 'half' && { gate: half }),
    ...(pattern === 'freeze' && { pattern: freeze }),
  };
}

export type RelpOptions = Omit<EstimateOptions, 'rules'> & RelpRules;

/**
 * Relevance patching (Rezaei Jafari, Eberle, Khakzar, Nanda 2025, "RelP: Faithful and Efficient Circuit Discovery via Relevance
 * Patching"):
 *
 *     score(u -> v) = < y~_u - y_u , rho_v >  on the clean prompt,
 *
 * attribution patching (`eap`) with the gradient replaced by rho, the coefficients of layer-wise relevance propagation: in the
 * backward pass norms' scales are constants, an activation's slope is phi(z) / z, a gated product gives each factor half. Shapes,
 * sign and cost as in `eap`: two forward passes and one backward pass for all edges.
 *
 * @throws InputError for pairs that the model cannot read, and for the `kl` metric, whose gradient on the clean prompt is zero
 */
export async function relp(model: Transformer, pairs: readonly Pair[], options: RelpOptions = {}): Promise<EdgeScores> {
  const { norm, act, product, pattern, stabiliser, ...rest } = options;
  const rules = relpRules({ norm, act, product, pattern, stabiliser });
  return attribute(model, pairs, { ...rest, rules, points: [1] });
}
