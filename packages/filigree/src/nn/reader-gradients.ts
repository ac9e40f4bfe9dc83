import { div, einsum, freeze, mean, mul, type Rules, reshape, sub, sum, type Tensor } from '../tensor/index.js';
import type { TransformerConfig } from './config.js';
import { type BlockWeights, ungroup } from './weights.js';

/** What one layer's attention read in a run, and the gradients by what its heads made of it. */
export interface HeadReads {
  /** The residual stream at the layer's entrance, `[points, batch, t, width]`, and its norm's scale, `[points, batch, t, 1]`. */
  readonly residual: Tensor;
  readonly scale: Tensor | undefined;
  /** Queries (or keys, values) before the rotation, `[points, batch, t, heads, headWidth]`, and the gradient by them. */
  readonly projected: Tensor;
  readonly gradient: Tensor;
}

/**
 * Gradients by each head's own copy of the residual stream, summed over points, `[heads, batch, t, width]`, from those by its
 * queries, keys or values. The same numbers as reverse differentiation of a split run gives, without a copy of the stream per
 * head: with dz the gradient by z = W n + b, n = gain * x^ the norm's output, x^ = x / s, the gradient by the head's x is
 *
 *     (gain * W^T dz) / s - x^ (dz . W n) / (width s)
 *
 * (less its mean over features in a layer norm). The first term is summed over points in the narrow space of the head, the
 * second needs one number per head and position. A `norm.scale` rule has to be `freeze`, which drops the second term.
 */
export function headReadGradients(
  config: TransformerConfig,
  block: BlockWeights,
  kind: 'q' | 'k' | 'v',
  reads: HeadReads,
  rules?: Rules,
): Tensor {
  const weight = ungroup(block.attention[kind], config.heads);
  const { gradient, projected, scale } = reads;
  const { norm1 } = block;
  if (!norm1 || !scale) return einsum('bthe,hed->hbtd', sum(gradient, 0), weight);
  const rule = rules?.['norm.scale'];
  if (rule && rule !== freeze) throw new RangeError("the rule for 'norm.scale' must be freeze");
  const perHead = reshape(scale, [...scale.shape, 1]);
  const direct = mul(einsum('bthe,hed->hbtd', sum(div(gradient, perHead), 0), weight), norm1.weight);
  const centred = config.norm === 'layer' ? sub(direct, mean(direct, -1, true)) : direct;
  if (rule) return centred;
  // dz . W n: what the biases add to z is no part of W n.
  const bias = block.attention[`${kind}Bias`];
  const fromNorm = norm1.bias && einsum('hed,d->he', weight, norm1.bias);
  const shift = [bias && ungroup(bias, config.heads), fromNorm].filter((b) => b !== undefined);
  const plain = shift.reduce((z, b) => sub(z, b), projected);
  const along = div(sum(mul(gradient, plain), -1), mul(mul(scale, scale), config.width));
  const stream = config.norm === 'layer' ? sub(reads.residual, mean(reads.residual, -1, true)) : reads.residual;
  return sub(centred, einsum('kbth,kbtd->hbtd', along, stream));
}
