import { tensor } from '../create.js';
import type { Tensor } from '../tensor.js';
import { pick } from './gather.js';
import { reshape } from './views.js';

/**
 * The `k` largest along the last dimension, descending, with their indices (i32); ties go to the lower index. Differentiable
 * in the values. Runs on the host, so the device must be one that the host can wait for.
 */
export function topK(x: Tensor, k: number): { values: Tensor; indices: Tensor } {
  const width = x.shape[x.shape.length - 1];
  if (!(Number.isInteger(k) && k >= 0 && k <= width)) throw new RangeError(`topK: k = ${k} of rows with ${width}`);
  const rows = width === 0 ? 0 : x.size / width;
  const data = x.dataSync();
  const indices = new Int32Array(rows * k);
  const positions = new Int32Array(rows * k);
  for (let r = 0; r < rows; r++) {
    const order = Array.from({ length: width }, (_, i) => i);
    const value = (i: number): number => data[r * width + i];
    order.sort((i, j) => value(j) - value(i) || i - j);
    for (let c = 0; c < k; c++) {
      indices[r * k + c] = order[c];
      positions[r * k + c] = r * width + order[c];
    }
  }
  const shape = [...x.shape.slice(0, -1), k];
  return { values: reshape(pick(x, positions), shape), indices: tensor(indices, shape, 'i32', x.device) };
}

/** Sorts along the last dimension, descending. */
export function sort(x: Tensor): { values: Tensor; indices: Tensor } {
  return topK(x, x.shape[x.shape.length - 1]);
}
