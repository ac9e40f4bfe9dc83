import type { Random } from '../tensor/index.js';

/**
 * A mask as a sketch of the product `X w` of a linear model (sketching perspective on pruning at initialisation, 2023): `k` draws with
 * probabilities `p`, `m_i = count_i / (k p_i)`, so that `E[X (m w)] = X w`.
 */
export function sketch(p: Float64Array, k: number, random: Random): Float64Array {
  const ends = new Float64Array(p.length);
  let total = 0;
  p.forEach((share, i) => {
    total += share;
    ends[i] = total;
  });
  const mask = new Float64Array(p.length);
  for (let draw = 0; draw < k; draw++) {
    const at = random.uniform() * total;
    let [low, high] = [0, p.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle] > at) high = middle;
      else low = middle + 1;
    }
    mask[low] += total / (k * p[low]);
  }
  return mask;
}

/** The best probabilities for weights `w` and inputs of the norms `norms`: in proportion to `|w_i| ||X_i||`. */
export function sketchProbabilities(w: ArrayLike<number>, norms: ArrayLike<number>): Float64Array {
  const scores = Float64Array.from(w, (x, i) => Math.abs(x) * norms[i]);
  const total = scores.reduce((a, b) => a + b, 0);
  return scores.map((s) => s / total);
}

/**
 * `E ||X (m w) - X w||^2 = (sum_i w_i^2 ||X_i||^2 / p_i - ||X w||^2) / k`, for weights `w` at any time and a mask drawn by `p`, which may
 * come from the weights at the beginning.
 * @param product `||X w||^2`
 */
export function sketchError(
  w: ArrayLike<number>,
  norms: ArrayLike<number>,
  p: ArrayLike<number>,
  product: number,
  k: number,
): number {
  let total = 0;
  for (let i = 0; i < w.length; i++) if (w[i] !== 0 && norms[i] !== 0) total += (w[i] * norms[i]) ** 2 / p[i];
  return (total - product) / k;
}
