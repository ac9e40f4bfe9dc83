import type { Reduction } from '../../kernels/device.js';
import { sizeOf } from '../../kernels/views.js';
import { record } from '../tape.js';
import { Tensor } from '../tensor.js';
import { apply } from './elementwise.js';
import { contiguous } from './views.js';

/** Reduces runs of neighbouring axes one after another, so that each run is one kernel call. Records no gradient. */
function reduceAxes(op: Reduction, x: Tensor, axes: readonly number[]): Tensor {
  const reduced = new Set(axes);
  // A stretched dimension that stays is reduced once and stays stretched.
  const stretched = x.shape.map((size, d) => size > 1 && x.strides[d] === 0 && !reduced.has(d));
  const shape = x.shape.map((size, d) => (stretched[d] ? 1 : size));
  let current = contiguous(x.window([...shape], x.strides, x.offset));
  for (let end = shape.length; end > 0; ) {
    if (!reduced.has(end - 1)) {
      end--;
      continue;
    }
    let start = end;
    while (start > 0 && reduced.has(start - 1)) start--;
    const size = sizeOf(shape.slice(start, end));
    const outer = sizeOf(shape.slice(0, start));
    const inner = sizeOf(shape.slice(end));
    for (let d = start; d < end; d++) shape[d] = 1;
    const out = Tensor.allocate([...shape], undefined, x.device);
    const [to, from] = [out.view(op), current.view(op)];
    x.device.reduce(op, to.buffer, to.offset, from.buffer, from.offset, outer, size, inner);
    current = out;
    end = start;
  }
  return current.window(
    shape.map((size, d) => (stretched[d] ? x.shape[d] : size)),
    current.strides.map((s, d) => (stretched[d] ? 0 : s)),
    current.offset,
  );
}

/** The reduced axes, now of size one, taken out. */
function drop(x: Tensor, axes: readonly number[], keep: boolean): Tensor {
  const reduced = new Set(axes);
  const left = <T>(items: readonly T[]): T[] => items.filter((_, d) => keep || !reduced.has(d));
  return x.window(left(x.shape), left(x.strides), x.offset);
}

/** Axes as given, negative ones resolved; all of them by default. */
function resolve(x: Tensor, axes: readonly number[] | number | undefined): number[] {
  const rank = x.shape.length;
  const list = axes === undefined ? x.shape.map((_, d) => d) : typeof axes === 'number' ? [axes] : axes;
  return list.map((d) => {
    const axis = d < 0 ? d + rank : d;
    if (!(axis >= 0 && axis < rank)) throw new RangeError(`there is no axis ${d} in [${x.shape}]`);
    return axis;
  });
}

/** The gradient `g` of the reduced tensor, stretched over the reduced axes of `x`. */
function stretch(g: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const reduced = new Set(axes);
  const kept = g.shape.length === x.shape.length;
  let next = 0;
  const strides = x.shape.map((_, d) => {
    if (reduced.has(d)) {
      if (kept) next++;
      return 0;
    }
    return g.strides[next++];
  });
  return g.window(x.shape, strides, g.offset);
}

/** Sum over `axes` (all by default). `keep` leaves reduced axes in as size one. */
export function sum(x: Tensor, axes?: readonly number[] | number, keep = false): Tensor {
  const list = resolve(x, axes);
  const total = reduceAxes('sum', x, list);
  const out = drop(total, list, keep);
  return record('sum', out, [x], (g) => [stretch(g, x, list)]);
}

/** Mean over `axes` (all by default). */
export function mean(x: Tensor, axes?: readonly number[] | number, keep = false): Tensor {
  const list = resolve(x, axes);
  const count = list.reduce((n, d) => n * x.shape[d], 1);
  const total = reduceAxes('sum', x, list);
  const out = apply('mul', drop(total, list, keep), 1 / count);
  return record('mean', out, [x], (g) => [stretch(apply('mul', g, 1 / count), x, list)]);
}

function extreme(op: 'max' | 'min'): (x: Tensor, axes?: readonly number[] | number, keep?: boolean) => Tensor {
  return (x, axes, keep = false) => {
    const list = resolve(x, axes);
    const best = reduceAxes(op, x, list);
    const out = drop(best, list, keep);
    return record(op, out, [x], (g) => {
      const chosen = apply('equal', x, stretch(best, x, list));
      const ties = reduceAxes('sum', chosen, list);
      return [apply('mul', apply('div', chosen, stretch(ties, x, list)), stretch(g, x, list))];
    });
  };
}

/** Largest over `axes` (all by default); ties share the gradient. */
export const max = extreme('max');
/** Smallest over `axes` (all by default); ties share the gradient. */
export const min = extreme('min');
