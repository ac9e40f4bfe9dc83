import type { Tensor } from '../tensor.js';
import { sum } from './reduce.js';

/** The shape that all of `shapes` stretch to, aligned at their last dimensions. Throws RangeError naming `operation`. */
export function broadcastShape(operation: string, shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let d = 0; d < shape.length; d++) {
      const at = rank - shape.length + d;
      if (out[at] !== shape[d] && out[at] !== 1 && shape[d] !== 1) {
        throw new RangeError(`${operation}: shapes ${shapes.map((s) => `[${s}]`).join(' and ')} do not broadcast`);
      }
      if (out[at] === 1) out[at] = shape[d];
    }
  }
  return out;
}

/** Strides by which `t` walks `shape`: 0 where it is stretched. */
export function broadcastStrides(t: Tensor, shape: readonly number[]): number[] {
  const lead = shape.length - t.shape.length;
  return shape.map((size, d) => (d < lead || (t.shape[d - lead] === 1 && size !== 1) ? 0 : t.strides[d - lead]));
}

/** Sums a broadcast gradient back to `shape`. */
export function sumTo(g: Tensor, shape: readonly number[]): Tensor {
  const lead = g.shape.length - shape.length;
  const axes: number[] = [];
  for (let d = 0; d < g.shape.length; d++) {
    if (d < lead || (shape[d - lead] === 1 && g.shape[d] !== 1)) axes.push(d);
  }
  if (axes.length === 0) return g;
  const total = sum(g, axes, true);
  return total.window(shape, total.strides.slice(lead), total.offset);
}
