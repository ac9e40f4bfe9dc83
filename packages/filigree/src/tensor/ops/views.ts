import { rowMajor, sizeOf } from '../../kernels/views.js';
import { zeros } from '../create.js';
import { noGrad, record } from '../tape.js';
import { Tensor } from '../tensor.js';
import { broadcastShape, broadcastStrides, sumTo } from './broadcast.js';

/** `x` with its elements in row-major order: itself where it is so already, else a copy. */
export function contiguous(x: Tensor): Tensor {
  if (x.contiguous) return x;
  return record('contiguous', x.packed(), [x], (g) => [g]);
}

/**
 * Strides that show elements laid out by `shape` and `strides` in the shape `next`, or null where that needs a copy: each
 * run of old dimensions that has the size of a run of new ones must walk evenly.
 */
function stridesFor(shape: readonly number[], strides: readonly number[], next: readonly number[]): number[] | null {
  const old = shape.flatMap((size, d) => (size === 1 ? [] : [{ size, stride: strides[d] }]));
  const result = new Array<number>(next.length).fill(0);
  let d = 0;
  let i = 0;
  while (d < next.length) {
    if (next[d] === 1) {
      d++;
      continue;
    }
    const start = d;
    const first = i;
    let left = next[d++];
    let right = old[i++].size;
    while (left !== right) {
      if (left < right) left *= next[d++];
      else right *= old[i++].size;
    }
    for (let j = first; j + 1 < i; j++) if (old[j].stride !== old[j + 1].stride * old[j + 1].size) return null;
    let step = old[i - 1].stride;
    for (let j = d - 1; j >= start; j--) {
      result[j] = step;
      step *= next[j];
    }
  }
  return result;
}

/** The same elements in another shape; one dimension may be -1 and is worked out. Copies only where it must. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const known = shape.filter((d) => d !== -1);
  const missing = shape.length - known.length;
  const rest = sizeOf(known) === 0 ? 0 : x.size / sizeOf(known);
  const full = shape.map((d) => (d === -1 ? rest : d));
  if (missing > 1 || !Number.isInteger(rest) || sizeOf(full) !== x.size) {
    throw new RangeError(`reshape: [${x.shape}] has ${x.size} elements and does not fit [${shape}]`);
  }
  const strides = x.size === 0 ? rowMajor(full) : stridesFor(x.shape, x.strides, full);
  const source = strides ? x : contiguous(x);
  const out = source.window(full, strides ?? rowMajor(full), source.offset);
  return record('reshape', out, [source], (g) => [reshape(g, source.shape)]);
}

/** A tensor of its own on the same elements, so that gradients by it can be told from those by `x`. No copy. */
export function alias(x: Tensor): Tensor {
  return record('alias', x.window(x.shape, x.strides, x.offset), [x], (g) => [g]);
}

/** Reorders dimensions: dimension `d` of the result is `order[d]` of `x`. No copy. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  if (order.length !== x.shape.length || new Set(order).size !== order.length || order.some((d) => !(d in x.shape))) {
    throw new RangeError(`permute: [${order}] is not an order of the ${x.shape.length} dimensions`);
  }
  const out = x.window(
    order.map((d) => x.shape[d]),
    order.map((d) => x.strides[d]),
    x.offset,
  );
  return record('permute', out, [x], (g) => [
    permute(
      g,
      order.map((_, d) => order.indexOf(d)),
    ),
  ]);
}

/** Swaps the last two dimensions. No copy. */
export function transpose(x: Tensor): Tensor {
  const rank = x.shape.length;
  const order = x.shape.map((_, d) => d);
  [order[rank - 2], order[rank - 1]] = [order[rank - 1], order[rank - 2]];
  return permute(x, order);
}

/** Stretches dimensions of size one (and adds leading ones). No copy. */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  const full = broadcastShape('expand', [x.shape, shape]);
  if (sizeOf(full) !== sizeOf(shape)) throw new RangeError(`expand: [${x.shape}] does not stretch to [${shape}]`);
  const out = x.window(shape, broadcastStrides(x, shape), x.offset);
  return record('expand', out, [x], (g) => [sumTo(g, x.shape)]);
}

/** Elements `start <= i < end` along `axis`; negative numbers count from the end. No copy. */
export function slice(x: Tensor, axis: number, start: number, end: number = x.shape.at(axis) ?? 0): Tensor {
  const d = axis < 0 ? axis + x.shape.length : axis;
  const size = x.shape[d];
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  if (!(from >= 0 && from <= to && to <= size)) {
    throw new RangeError(`slice: ${start}..${end} is outside dimension ${axis} of [${x.shape}]`);
  }
  const shape = x.shape.map((s, i) => (i === d ? to - from : s));
  const out = x.window(shape, x.strides, x.offset + from * x.strides[d]);
  return record('slice', out, [x], (g) => {
    const whole = zeros(x.shape, x.device);
    assign(window(whole, d, from, to), g);
    return [whole];
  });
}

/** Index `i` along `axis`, which is dropped. No copy. */
export function at(x: Tensor, axis: number, i: number): Tensor {
  const d = axis < 0 ? axis + x.shape.length : axis;
  const one = slice(x, d, i, i === -1 ? x.shape[d] : i + 1);
  return dropAxis(one, d);
}

function dropAxis(x: Tensor, axis: number): Tensor {
  const keep = <T>(items: readonly T[]): T[] => items.filter((_, i) => i !== axis);
  const out = x.window(keep(x.shape), keep(x.strides), x.offset);
  return record('dropAxis', out, [x], (g) => [addAxis(g, axis)]);
}

/** Adds a dimension of size one before dimension `axis`. No copy. */
export function addAxis(x: Tensor, axis: number): Tensor {
  const out = x.window(
    [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)],
    [...x.strides.slice(0, axis), 1, ...x.strides.slice(axis)],
    x.offset,
  );
  return record('addAxis', out, [x], (g) => [dropAxis(g, axis)]);
}

/** Joins tensors along `axis`; the other dimensions must agree. */
export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const first = parts[0];
  if (!first) throw new RangeError('concat: nothing to join');
  const d = axis < 0 ? axis + first.shape.length : axis;
  for (const part of parts) {
    if (part.shape.length !== first.shape.length || part.shape.some((s, i) => i !== d && s !== first.shape[i])) {
      throw new RangeError(`concat: [${part.shape}] does not join [${first.shape}] along dimension ${axis}`);
    }
  }
  const starts: number[] = [];
  let total = 0;
  for (const part of parts) {
    starts.push(total);
    total += part.shape[d];
  }
  const out = Tensor.allocate(
    first.shape.map((s, i) => (i === d ? total : s)),
    first.dtype,
    first.device,
  );
  parts.forEach((part, i) => {
    assign(window(out, d, starts[i], starts[i] + part.shape[d]), part);
  });
  // Packed, since what comes next is mostly a product, which takes evenly spaced rows as one.
  const part = (g: Tensor, i: number): Tensor => contiguous(slice(g, d, starts[i], starts[i] + parts[i].shape[d]));
  return record('concat', out, parts, (g) => parts.map((p, i) => (p.tracked ? part(g, i) : null)));
}

/** Joins tensors of one shape along a new dimension before `axis`. */
export function stack(parts: readonly Tensor[], axis: number): Tensor {
  return concat(
    parts.map((p) => addAxis(p, axis)),
    axis,
  );
}

/** Copies `source`, stretched where needed, into `target` in place. Not differentiable. */
export function assign(target: Tensor, source: Tensor): void {
  target.device.copy(target.view('assign'), {
    ...source.view('assign'),
    shape: target.shape,
    strides: broadcastStrides(source, target.shape),
  });
}

/** Part of a tensor to write into. */
function window(x: Tensor, axis: number, from: number, to: number): Tensor {
  return noGrad(() => slice(x, axis, from, to));
}
