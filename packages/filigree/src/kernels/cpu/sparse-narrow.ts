import type { FunctionBuilder, Local, ModuleBuilder } from './assembler.js';
import { f32, f32x4, i32, type Value, v128 } from './instructions.js';
import { across } from './lanes.js';
import { locals } from './product-tile.js';

/** `(x, xStride, out, outStride, samples, table, offsets, values, bias)`: addresses and strides in bytes, bias 0 where there is none. */
export const NARROW_ARGUMENTS = 9;
/** Words of the table for each unit. */
export const NARROW_WORDS = { rows: 4, blocks: 4, quads: 8 } as const;

interface Unit {
  readonly f: FunctionBuilder;
  /** Where the unit's words stand. */
  readonly table: Local<'i32'>;
  /** A row of the batch, and the row of the output that belongs to it. */
  readonly x: Local<'i32'>;
  readonly out: Local<'i32'>;
  readonly bias: Local<'i32'>;
  /** Moving pointers to the unit's values and byte offsets. */
  readonly value: Local<'i32'>;
  readonly offset: Local<'i32'>;
  readonly count: Local<'i32'>;
}

/** What all narrow kernels share: for each unit and each row of the batch, `body` with the pointers set. */
function eachSample(m: ModuleBuilder, words: number, indexBytes: number, body: (unit: Unit) => void): void {
  m.func('run', Array(2 + NARROW_ARGUMENTS).fill('i32') as 'i32'[], (f, index, end, ...parameters) => {
    const [from, xStride, to, outStride, samples, tables, offsets, values, bias] = parameters;
    const [table, x, out, value, offset, count, p] = locals(f, 7);
    f.for(index, undefined, end, 1, () => {
      f.set(table, i32.add(tables, i32.mul(index, 4 * words)));
      f.set(x, from);
      f.set(out, to);
      f.for(p, 0, samples, 1, () => {
        f.set(value, i32.add(values, i32.shl(i32.load(table), 2)));
        f.set(offset, i32.add(offsets, i32.mul(i32.load(table, 4), indexBytes)));
        f.set(count, i32.load(table, 8));
        body({ f, table, x, out, bias, value, offset, count });
        f.increment(x, xStride);
        f.increment(out, outStride);
      });
    });
  });
}

/** Runs `many` for whole runs of `size` entries, then `one` for each that is left; both move the pointers themselves. */
function runs({ f, count }: Unit, size: number, many: () => void, one: () => void): void {
  const left = f.let(i32.divU(count, size));
  for (const [body, times] of [
    [many, left],
    [one, f.let(i32.remU(count, size))],
  ] as const) {
    f.if(times, () => {
      f.loop((again) => {
        body();
        f.brIf(again, f.tee(times, i32.sub(times, 1)));
      });
    });
  }
}

/** The stored byte offset of entry `k` from the pointer. */
const indexAt = (u: Unit, indexBytes: number, k: number): Value<'i32'> =>
  indexBytes === 2 ? i32.load16u(u.offset, 2 * k) : i32.load(u.offset, 4 * k);

/** The inputs of four entries from number `k` on, gathered lane by lane. */
function gathered(u: Unit, indexBytes: number, k: number): Value<'v128'> {
  let x = v128.load32Zero(i32.add(u.x, indexAt(u, indexBytes, k)));
  for (let j = 1; j < 4; j++) x = v128.load32Lane(i32.add(u.x, indexAt(u, indexBytes, k + j)), x, j);
  return x;
}

/** Row by row, eight entries at a time, their inputs gathered. Words: first value, first column, count, row. */
export function narrowRows(m: ModuleBuilder, indexBytes: 2 | 4, step: number): void {
  eachSample(m, NARROW_WORDS.rows, indexBytes, (u) => {
    const { f, value, offset } = u;
    const sums = [f.let(f32x4.const(0)), f.let(f32x4.const(0))];
    const rest = f.let(f32.const(0));
    const weights = (k: number): Value<'v128'> => {
      if (step === 1) return v128.load(value, 4 * k);
      let w = v128.load32Zero(value, 4 * k * step);
      for (let j = 1; j < 4; j++) w = v128.load32Lane(value, w, j, 4 * (k + j) * step);
      return w;
    };
    runs(
      u,
      8,
      () => {
        sums.forEach((sum, half) => {
          f.set(sum, f.madd(weights(4 * half), gathered(u, indexBytes, 4 * half), sum));
        });
        f.increment(value, 32 * step);
        f.increment(offset, 8 * indexBytes);
      },
      () => {
        const x = f32.load(i32.add(u.x, indexAt(u, indexBytes, 0)));
        f.set(rest, f32.add(rest, f32.mul(f32.load(value), x)));
        f.increment(value, 4 * step);
        f.increment(offset, indexBytes);
      },
    );
    const row = f.let(i32.shl(i32.load(u.table, 12), 2));
    const total = f.let(f32x4.add(sums[0], sums[1]));
    f.set(rest, f32.add(rest, across(f, total, 'add')));
    f.if(u.bias, () => f.set(rest, f32.add(rest, f32.load(i32.add(u.bias, row)))));
    f.store(i32.add(u.out, row), rest);
  });
}

/** Rows that share columns: one input for all of them, no gather. Words: first value, first column, count, first row. */
export function narrowBlocks(m: ModuleBuilder, indexBytes: 2 | 4, lanes: 2 | 4, step: number): void {
  const load = lanes === 4 ? v128.load : v128.load64Zero;
  eachSample(m, NARROW_WORDS.blocks, indexBytes, (u) => {
    const { f, value, offset } = u;
    const sums = [0, 1, 2, 3].map(() => f.let(f32x4.const(0)));
    const add = (sum: Local<'v128'>, k: number) => {
      const x = v128.load32Splat(i32.add(u.x, indexAt(u, indexBytes, k)));
      f.set(sum, f.madd(load(value, 4 * k * step), x, sum));
    };
    const move = (entries: number) => {
      f.increment(value, 4 * step * entries);
      f.increment(offset, indexBytes * entries);
    };
    runs(
      u,
      4,
      () => {
        sums.forEach(add);
        move(4);
      },
      () => {
        add(sums[0], 0);
        move(1);
      },
    );
    const row = f.let(i32.shl(i32.load(u.table, 12), 2));
    const total = f.let(f32x4.add(f32x4.add(sums[0], sums[1]), f32x4.add(sums[2], sums[3])));
    f.if(u.bias, () => f.set(total, f32x4.add(total, load(i32.add(u.bias, row)))));
    const to = f.let(i32.add(u.out, row));
    if (lanes === 4) f.store(to, total);
    else for (let l = 0; l < lanes; l++) f.storeLane(to, total, l, 4 * l);
  });
}

/**
 * Four interleaved rows of equal length: lanes are rows, nothing is summed across them. Words: first value, first column, count, none,
 * the four rows.
 */
export function narrowQuads(m: ModuleBuilder, indexBytes: 2 | 4): void {
  eachSample(m, NARROW_WORDS.quads, indexBytes, (u) => {
    const { f, value, offset } = u;
    const sums = [0, 1, 2, 3].map(() => f.let(f32x4.const(0)));
    const add = (sum: Local<'v128'>, k: number) => {
      f.set(sum, f.madd(v128.load(value, 16 * k), gathered(u, indexBytes, 4 * k), sum));
    };
    const move = (entries: number) => {
      f.increment(value, 16 * entries);
      f.increment(offset, 4 * indexBytes * entries);
    };
    runs(
      u,
      4,
      () => {
        sums.forEach(add);
        move(4);
      },
      () => {
        add(sums[0], 0);
        move(1);
      },
    );
    const total = f.let(f32x4.add(f32x4.add(sums[0], sums[1]), f32x4.add(sums[2], sums[3])));
    for (let l = 0; l < 4; l++) {
      const row = f.let(i32.shl(i32.load(u.table, 16 + 4 * l), 2));
      const to = i32.add(u.out, row);
      const y = f.let(f32x4.lane(total, l));
      f.if(u.bias, () => f.set(y, f32.add(y, f32.load(i32.add(u.bias, row)))));
      f.store(to, y);
    }
  });
}
