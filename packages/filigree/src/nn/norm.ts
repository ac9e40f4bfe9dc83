import { add, div, mean, mul, sqrt, square, sub, type Tensor, tagged } from '../tensor/index.js';
import type { TransformerConfig } from './config.js';

export interface NormWeights {
  readonly weight: Tensor;
  readonly bias?: Tensor;
}

/**
 * Root-mean-square or layer norm of the last dimension: `x / scale * weight (+ bias)`, the mean removed first in a layer norm.
 * `site` sees the scale (shape of `x` with a last dimension of one) and what it returns is divided by. The scale is tagged
 * `norm.scale`, so that a backward rule can hold it constant. `normalizedSite` sees `x / scale`, and what it returns is weighted.
 * Without weights (models without norms) `x` passes as it is.
 */
export function norm(
  x: Tensor,
  weights: NormWeights | undefined,
  config: Pick<TransformerConfig, 'norm' | 'normEps'>,
  site: (scale: Tensor) => Tensor,
  normalizedSite: (normalized: Tensor) => Tensor = (normalized) => normalized,
): Tensor {
  if (!weights) return normalizedSite(x);
  const centred = config.norm === 'layer' ? sub(x, mean(x, -1, true)) : x;
  const scale = site(rootMeanSquare(centred, config.normEps));
  const scaled = mul(normalizedSite(div(centred, scale)), weights.weight);
  return weights.bias ? add(scaled, weights.bias) : scaled;
}

/** What a norm divides the last dimension of `x` by, tagged `norm.scale`. */
export function rootMeanSquare(x: Tensor, eps: number): Tensor {
  return tagged('norm.scale', () => sqrt(add(mean(square(x), -1, true), eps)));
}
