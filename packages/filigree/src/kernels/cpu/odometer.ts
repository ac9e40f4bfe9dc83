import type { FunctionBuilder, Local } from './assembler.js';
import { i32 } from './instructions.js';

type I = Local<'i32'>;

/**
 * Walks units `[from, to)` of a grid of `sizes`, row-major (the first size is never read: `to` bounds it). `body` sees the
 * address of each operand at the unit, in variables it may move, and the unit's index in the grid.
 */
export function eachUnit(
  f: FunctionBuilder,
  from: I,
  to: I,
  sizes: readonly I[],
  bases: readonly I[],
  strides: readonly (readonly I[])[],
  body: (pointers: readonly I[], index: readonly I[]) => void,
): void {
  const index = sizes.map(() => f.local('i32'));
  const rest = f.let(from);
  const pointers = bases.map((base) => f.let(base));
  for (let d = sizes.length - 1; d >= 0; d--) {
    f.set(index[d], d === 0 ? rest : i32.remU(rest, sizes[d]));
    if (d > 0) f.set(rest, i32.divU(rest, sizes[d]));
    for (const [k, pointer] of pointers.entries()) f.increment(pointer, i32.mul(index[d], strides[k][d]));
  }
  const advance = (d: number): void => {
    for (const [k, pointer] of pointers.entries()) f.increment(pointer, strides[k][d]);
    f.increment(index[d], 1);
    if (d === 0) return;
    f.if(i32.eq(index[d], sizes[d]), () => {
      f.set(index[d], 0);
      for (const [k, pointer] of pointers.entries()) {
        f.set(pointer, i32.sub(pointer, i32.mul(sizes[d], strides[k][d])));
      }
      advance(d - 1);
    });
  };
  const cursors = pointers.map(() => f.local('i32'));
  const unit = f.local('i32');
  f.for(unit, from, to, 1, () => {
    for (const [k, cursor] of cursors.entries()) f.set(cursor, pointers[k]);
    body(cursors, index);
    advance(sizes.length - 1);
  });
}
