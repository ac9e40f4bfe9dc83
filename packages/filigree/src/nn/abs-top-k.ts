import { mul, record, type Tensor, tensor } from '../tensor/index.js';

/**
 * AbsTopK: keeps the `k` entries of largest magnitude among the last `dims` dimensions together and sets the others to zero; of equal
 * ones the first stay. The gradient passes where an entry was kept (Gao et al. 2025, "Weight-sparse transformers have interpretable
 * circuits").
 * @param x `[.., features]`, or `[.., heads, features]` with `dims` 2
 */
export function absTopK(x: Tensor, k: number, dims = 1): Tensor {
  const size = x.shape.slice(-dims).reduce((a, b) => a * b, 1);
  if (k >= size) return x;
  const kept = tensor(keptOf(x.dataSync() as Float32Array, size, k), x.shape, undefined, x.device);
  return record('absTopK', mul(x, kept), [x], (g) => [mul(g, kept)]);
}

/** 1 at the `k` largest magnitudes of every run of `size` values, 0 elsewhere. */
function keptOf(values: Float32Array | Float64Array, size: number, k: number): Float32Array {
  const kept = new Float32Array(values.length);
  const sizes = new Float64Array(size);
  for (let start = 0; start < values.length; start += size) {
    for (let i = 0; i < size; i++) sizes[i] = Math.abs(values[start + i]);
    const least = kthLargest(sizes, k);
    let equal = k;
    for (let i = 0; i < size; i++) if (Math.abs(values[start + i]) > least) equal--;
    for (let i = 0; i < size; i++) {
      const own = Math.abs(values[start + i]);
      if (own > least || (own === least && equal-- > 0)) kept[start + i] = 1;
    }
  }
  return kept;
}

/** The `k`-th largest (from 1) of `list`, by Hoare's selection; reorders the list. */
export function kthLargest(list: Float64Array | Float32Array, k: number): number {
  let [first, last] = [0, list.length - 1];
  const place = k - 1;
  while (first < last) {
    const pivot = list[(first + last) >> 1];
    let [i, j] = [first, last];
    while (i <= j) {
      while (list[i] > pivot) i++;
      while (list[j] < pivot) j--;
      if (i > j) break;
      const held = list[i];
      list[i++] = list[j];
      list[j--] = held;
    }
    if (place <= j) last = j;
    else if (place >= i) first = i;
    else break;
  }
  return list[place];
}
