import type { Engine } from './engine.js';
import { f32x4, i32, v128 } from './instructions.js';
import { eachVector, element, loadVector, storeVector } from './lanes.js';

const WORK = 131_072;
/** Columns of one unit of `scatterAdd`. */
const COLUMNS = 16;

/** Throws the RangeError of `Device.gather` for the first of `count` ids that is out of range. */
export function checkIds(engine: Engine, name: string, ids: number, count: number, rows: number): void {
  const words = engine.memory.i32;
  for (let k = ids / 4; k < ids / 4 + count; k++) {
    if (words[k] >>> 0 >= rows) throw new RangeError(`${name}: id ${words[k]} is outside the table's ${rows} rows`);
  }
}

/** `out[r] = table[ids[r]]` at byte addresses, ids i32 and in range, rows of `width` 32-bit words. */
export function gather(engine: Engine, out: number, table: number, ids: number, count: number, width: number): void {
  const kernel = engine.kernel('gather', ['i32', 'i32', 'i32', 'i32'], (f, from, to, o, t, id, w) => {
    const r = f.local('i32');
    f.for(r, from, to, 1, () => {
      const source = f.let(element(t, i32.mul(i32.load(element(id, r)), w)));
      const target = f.let(element(o, i32.mul(r, w)));
      eachVector(f, w, (at, part) => {
        storeVector(f, i32.add(target, at), loadVector(f, i32.add(source, at), part), part);
      });
    });
  });
  engine.run(kernel, count, Math.ceil(WORK / width), [out, table, ids, width]);
}

/** `table[ids[r]] += rows[r]` in row order at byte addresses, ids i32 and in range. Threads share the columns. */
export function scatterAdd(
  engine: Engine,
  table: number,
  ids: number,
  rows: number,
  count: number,
  width: number,
): void {
  const kernel = engine.kernel('scatterAdd', ['i32', 'i32', 'i32', 'i32', 'i32'], (f, from, to, t, id, x, n, w) => {
    const r = f.local('i32');
    const first = f.let(i32.mul(from, COLUMNS));
    const columns = f.let(i32.mul(i32.sub(to, from), COLUMNS));
    f.if(i32.gt(columns, i32.sub(w, first)), () => f.set(columns, i32.sub(w, first)));
    f.for(r, 0, n, 1, () => {
      const target = f.let(element(t, i32.add(i32.mul(i32.load(element(id, r)), w), first)));
      const source = f.let(element(x, i32.add(i32.mul(r, w), first)));
      eachVector(f, columns, (at, part) => {
        const p = f.let(i32.add(target, at));
        const old = part ? loadVector(f, p, part) : v128.load(p);
        storeVector(f, p, f32x4.add(old, loadVector(f, i32.add(source, at), part)), part);
      });
    });
  });
  const work = Math.ceil(WORK / (COLUMNS * Math.max(1, count)));
  engine.run(kernel, Math.ceil(width / COLUMNS), work, [table, ids, rows, count, width]);
}
