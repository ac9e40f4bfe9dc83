import type { Reduction } from '../../kernels/device.js';
import { rowMajor, sizeOf } from '../../kernels/views.js';
import { record } from '../tape.js';
import { Tensor } from '../tensor.js';
import { apply } from './elementwise.js';
import { contiguous } from './views.js';

/** Reduces runs of neighbouring axes one after another, so that each run is one kernel call. Records no gradient. */
function reduceAxes(op: Reduction, x: Tensor, axes: readonly number[]): Tensor {
  const reduced = new Set(axes);
  let current = contiguous(x);
  const shape = [...x.shape];
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
  return current;
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

/** The shape after reduction. */
function shapeAfter(x: Tensor, axes: readonly number[], keep: boolean): number[] {
  const reduced = new Set(axes);
  return x.shape.map((s, d) => (reduced.has(d) ? 1 : s)).filter((_, d) => keep || !reduced.has(d));
}

/** Gradient by stretching over the reduced axes. */
function stretch(g: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  const kept = shapeAfter(x, axes, true);
  const whole = contiguous(g);
  const reduced = new Set(axes);
  const strides = rowMajor(kept).map((s, d) => (reduced.has(d) ? 0 : s));
  return whole.window(x.shape, strides, whole.offset);
}

/** Sum over `axes` (all by default). `keep` leaves reduced axes in as size one. */
export function sum(x: Tensor, axes?: readonly number[] | number, keep = false): Tensor {
  const list = resolve(x, axes);
  const total = reduceAxes('sum', x, list);
  const shape = shapeAfter(x, list, keep);
  const out = total.window(shape, rowMajor(shape), total.offset);
  return record('sum', out, [x], (g) => [stretch(g, x, list)]);
}

/** Mean over `axes` (all by default). */
export function mean(x: Tensor, axes?: readonly number[] | number, keep = false): Tensor {
  const list = resolve(x, axes);
  const count = list.reduce((n, d) => n * x.shape[d], 1);
  const total = reduceAxes('sum', x, list);
  const shape = shapeAfter(x, list, keep);
  const out = apply('mul', total.window(shape, rowMajor(shape), total.offset), 1 / count);
  return record('mean', out, [x], (g) => [stretch(apply('mul', g, 1 / count), x, list)]);
}

function extreme(op: 'max' | 'min'): (x: Tensor, axes?: readonly number[] | number, keep?: boolean) => Tensor {
  return (x, axes, keep = false) => {
    const list = resolve(x, axes);
    const best = reduceAxes(op, x, list);
    const shape = shapeAfter(x, list, keep);
    const out = best.window(shape, rowMajor(shape), best.offset);
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
