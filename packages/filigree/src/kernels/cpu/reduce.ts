import type { Reduction } from '../device.js';
import type { FunctionBuilder, Local } from './assembler.js';
import type { Engine } from './engine.js';
import { f32x4, i32, type Value, v128 } from './instructions.js';
import { across, element, loadVector, storeVector } from './lanes.js';

type I = Local<'i32'>;

/** Terms added one after another before they go to the total, so that long sums keep their precision. */
const RUN = 512;
/** Columns of one unit. */
const COLUMNS = 16;
const WORK = 131_072;

const opcode = { sum: 'add', max: 'max', min: 'min' } as const;
const neutral = { sum: 0, max: -Infinity, min: Infinity } as const;

/** `out[o, i] = op_s x[o, s, i]` at byte addresses; see `Device.reduce`. */
export function reduce(
  engine: Engine,
  op: Reduction,
  out: number,
  x: number,
  outer: number,
  size: number,
  inner: number,
): void {
  if (inner === 1) {
    const kernel = engine.kernel(`reduce rows ${op}`, ['i32', 'i32', 'i32'], (f, from, to, o, i, n) =>
      emitRows(f, op, from, to, o, i, n),
    );
    engine.run(kernel, outer, Math.ceil(WORK / Math.max(1, size)), [out, x, size]);
    return;
  }
  const kernel = engine.kernel(`reduce columns ${op}`, ['i32', 'i32', 'i32', 'i32'], (f, from, to, o, i, n, m) =>
    emitColumns(f, op, from, to, o, i, n, m),
  );
  const blocks = Math.ceil(inner / COLUMNS);
  engine.run(kernel, outer * blocks, Math.ceil(WORK / (COLUMNS * Math.max(1, size))), [out, x, size, inner]);
}

/** A unit is one row of `n` floats. */
function emitRows(f: FunctionBuilder, op: Reduction, from: I, to: I, out: I, x: I, n: I): void {
  const combine = opcode[op];
  const start = f.constant(f32x4.const(neutral[op]));
  const row = f.local('i32');
  const p = f.let(i32.add(x, i32.shl(i32.mul(from, n), 2)));
  const left = f.local('i32');
  const run = f.local('i32');
  const total = f.local('v128');
  const partial = [0, 1, 2, 3].map(() => f.local('v128'));
  f.for(row, from, to, 1, () => {
    f.set(total, start);
    f.set(left, n);
    f.block((end) => {
      f.loop((again) => {
        f.brIf(end, i32.lt(left, 16));
        for (const a of partial) f.set(a, start);
        f.set(run, 0);
        f.loop((more) => {
          for (const [k, a] of partial.entries()) f.set(a, f32x4[combine](a, v128.load(p, 16 * k)));
          f.increment(p, 64);
          f.set(left, i32.sub(left, 16));
          f.increment(run, 1);
          f.brIf(more, i32.and(i32.lt(run, RUN), i32.ge(left, 16)));
        });
        const [a, b, c, d] = partial;
        f.set(total, f32x4[combine](total, f32x4[combine](f32x4[combine](a, b), f32x4[combine](c, d))));
        f.br(again);
      });
    });
    f.block((end) => {
      f.loop((again) => {
        f.brIf(end, i32.lt(left, 4));
        f.set(total, f32x4[combine](total, v128.load(p)));
        f.increment(p, 16);
        f.set(left, i32.sub(left, 4));
        f.br(again);
      });
    });
    f.if(left, () => {
      f.set(total, f32x4[combine](total, loadVector(f, p, left, neutral[op])));
      f.increment(p, i32.shl(left, 2));
    });
    f.store(element(out, row), across(f, total, combine));
  });
}

/** A unit is up to 16 neighbouring columns of one `[n, inner]` block. */
function emitColumns(f: FunctionBuilder, op: Reduction, from: I, to: I, out: I, x: I, n: I, inner: I): void {
  const blocks = f.let(i32.shrU(i32.add(inner, COLUMNS - 1), 4));
  const stride = f.let(i32.shl(inner, 2));
  const unit = f.local('i32');
  f.for(unit, from, to, 1, () => {
    const o = f.let(i32.divU(unit, blocks));
    const column = f.let(i32.mul(i32.remU(unit, blocks), COLUMNS));
    const p = f.let(element(x, i32.add(i32.mul(i32.mul(o, n), inner), column)));
    const q = f.let(element(out, i32.add(i32.mul(o, inner), column)));
    const left = f.let(i32.sub(inner, column));
    f.if(
      i32.ge(left, COLUMNS),
      () => emitBlock(f, op, p, q, n, stride, COLUMNS / 4, undefined),
      () => {
        const k = f.local('i32');
        f.for(k, 0, i32.and(left, -4), 4, () => {
          emitBlock(f, op, f.let(element(p, k)), f.let(element(q, k)), n, stride, 1, undefined);
        });
        const rest = f.let(i32.and(left, 3));
        f.if(rest, () => emitBlock(f, op, f.let(element(p, k)), f.let(element(q, k)), n, stride, 1, rest));
      },
    );
  });
}

/** `4 * vectors` columns, or `count` of them, down `n` rows. */
function emitBlock(
  f: FunctionBuilder,
  op: Reduction,
  p: I,
  q: I,
  n: I,
  stride: Value<'i32'>,
  vectors: number,
  count: I | undefined,
): void {
  const combine = opcode[op];
  const start = f.constant(f32x4.const(neutral[op]));
  const columns = Array.from({ length: vectors }, () => ({ total: f.local('v128'), run: f.local('v128') }));
  for (const { total } of columns) f.set(total, start);
  const s = f.local('i32');
  const stop = f.local('i32');
  const outer = f.local('i32');
  f.for(outer, 0, n, RUN, () => {
    for (const { run } of columns) f.set(run, start);
    f.set(stop, i32.add(outer, RUN));
    f.if(i32.gt(stop, n), () => f.set(stop, n));
    f.for(s, outer, stop, 1, () => {
      for (const [k, { run }] of columns.entries()) {
        const x = count ? loadVector(f, p, count) : v128.load(p, 16 * k);
        f.set(run, f32x4[combine](run, x));
      }
      f.increment(p, stride);
    });
    for (const { total, run } of columns) f.set(total, f32x4[combine](total, run));
  });
  for (const [k, { total }] of columns.entries()) storeVector(f, k === 0 ? q : i32.add(q, 16 * k), total, count);
}
