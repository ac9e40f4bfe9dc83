import { Random } from '../tensor/index.js';
import type { ClusteringHead } from './clustering-heads.js';
import type { AdditionData } from './modular-addition.js';

/** Hessian of the mean loss times a vector, by central differences of the gradient. */
export function hessianProduct(model: ClusteringHead, data: AdditionData, vector: Float64Array): Float64Array {
  const size = Math.hypot(...vector);
  if (size === 0) return new Float64Array(vector.length);
  const step = 1e-5 / size;
  const side = (sign: number): Float64Array => {
    const moved = model.copy();
    vector.forEach((x, i) => {
      moved.parameters[i] += sign * step * x;
    });
    const gradient = new Float64Array(vector.length);
    moved.evaluate(data, { gradient });
    return gradient;
  };
  const [up, down] = [side(1), side(-1)];
  return up.map((x, i) => (x - down[i]) / (2 * step));
}

/**
 * Largest eigenvalue of the Hessian, the sharpness, by power iteration; where the largest in size is negative, once more on the Hessian
 * shifted by it.
 */
export function sharpness(
  model: ClusteringHead,
  data: AdditionData,
  { iterations = 500, tolerance = 1e-7, seed = 0 } = {},
): number {
  const power = (shift: number): number => {
    const random = new Random(seed).fork('power iteration');
    let v = Float64Array.from(model.parameters, () => random.normal());
    let found = 0;
    for (let i = 0; i < iterations; i++) {
      const norm = Math.hypot(...v);
      v = v.map((x) => x / norm);
      const product = hessianProduct(model, data, v);
      const next = product.map((x, j) => x + shift * v[j]);
      const value = next.reduce((total, x, j) => total + x * v[j], 0);
      v = next;
      if (i > 10 && Math.abs(value - found) <= tolerance * Math.abs(value)) return value;
      found = value;
    }
    return found;
  };
  const first = power(0);
  return first >= 0 ? first : power(-first) + first;
}
