import type { Buffer, View } from './device.js';

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

/** Row-major strides. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = step;
    step *= shape[d];
  }
  return strides;
}

/** A contiguous view of `shape`. */
export function contiguousView(buffer: Buffer, shape: readonly number[], offset = 0): View {
  return { buffer, offset, shape, strides: rowMajor(shape) };
}

/** Whether elements stand in row-major order without gaps (dimensions of one element may have any stride). */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] === 0) return true;
    if (shape[d] !== 1 && strides[d] !== step) return false;
    step *= shape[d];
  }
  return true;
}

/**
 * Merges neighbouring dimensions that all of the given strides walk evenly and drops dimensions of size one.
 * Returns at least one dimension.
 */
export function collapse(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
): { shape: number[]; strides: number[][] } {
  const outShape: number[] = [];
  const outStrides: number[][] = strides.map(() => []);
  for (let d = 0; d < shape.length; d++) {
    if (shape[d] === 1) continue;
    const last = outShape.length - 1;
    const joins = last >= 0 && strides.every((s, i) => outStrides[i][last] === s[d] * shape[d]);
    if (joins) {
      outShape[last] *= shape[d];
      for (let i = 0; i < strides.length; i++) outStrides[i][last] = strides[i][d];
    } else {
      outShape.push(shape[d]);
      for (let i = 0; i < strides.length; i++) outStrides[i].push(strides[i][d]);
    }
  }
  if (outShape.length === 0) {
    outShape.push(1);
    for (const s of outStrides) s.push(1);
  }
  return { shape: outShape, strides: outStrides };
}
