import type { Causal } from '../device.js';
import type { FunctionBuilder, Local } from './assembler.js';
import type { Engine } from './engine.js';
import { f32, f32x4, i32, type Value, v128 } from './instructions.js';
import { across, eachVector, element, loadVector, storeVector } from './lanes.js';
import { VectorMath } from './math.js';

type I = Local<'i32'>;
const WORK = 32_768;

/** Softmax or log-softmax of `rows` rows of `columns` floats at byte addresses; see `Device.softmax`. */
export function softmax(
  engine: Engine,
  out: number,
  x: number,
  rows: number,
  columns: number,
  causal: Causal | undefined,
  log: boolean,
): void {
  const name = `softmax${log ? ' log' : ''}${causal ? ' causal' : ''}`;
  const kernel = engine.kernel(name, ['i32', 'i32', 'i32', 'i32', 'i32'], (f, from, to, o, i, n, queries, shift) => {
    const row = f.local('i32');
    const seen = f.let(n);
    f.for(row, from, to, 1, () => {
      if (causal) {
        f.set(seen, i32.add(i32.add(i32.remU(row, queries), shift), 1));
        f.if(i32.gt(seen, n), () => f.set(seen, n));
        f.if(i32.lt(seen, 0), () => f.set(seen, 0));
      }
      const first = f.let(i32.mul(row, n));
      emitSoftmax(f, f.let(element(o, first)), f.let(element(i, first)), seen, log);
      if (causal) {
        const k = f.local('i32');
        f.for(k, seen, n, 1, () => f.store(element(element(o, first), k), f32.const(log ? -Infinity : 0)));
      }
    });
  });
  engine.run(kernel, rows, Math.ceil(WORK / columns), [out, x, columns, causal?.queries ?? 1, causal?.shift ?? 0]);
}

/** Gradient of `softmax` rows from its output `y`; see `Device.softmaxGrad`. */
export function softmaxGrad(
  engine: Engine,
  out: number,
  y: number,
  g: number,
  rows: number,
  columns: number,
  log: boolean,
): void {
  const kernel = engine.kernel(`softmaxGrad${log ? ' log' : ''}`, ['i32', 'i32', 'i32', 'i32'], (f, from, to, ...p) => {
    const [out, y, g, n] = p;
    const row = f.local('i32');
    const math = new VectorMath(f);
    f.for(row, from, to, 1, () => {
      const first = f.let(i32.mul(row, n));
      const [o, a, b] = [out, y, g].map((base) => f.let(element(base, first)));
      const sums = f.let(f32x4.const(0));
      eachVector(f, n, (at, count) => {
        const slope = loadVector(f, i32.add(b, at), count);
        f.set(sums, log ? f32x4.add(sums, slope) : f.madd(slope, loadVector(f, i32.add(a, at), count), sums));
      });
      const total = splat(f, across(f, sums, 'add'));
      eachVector(f, n, (at, count) => {
        const value = loadVector(f, i32.add(a, at), count);
        const slope = loadVector(f, i32.add(b, at), count);
        const result = log ? f.nmadd(math.expNegative(value), total, slope) : f32x4.mul(value, f32x4.sub(slope, total));
        storeVector(f, i32.add(o, at), result, count);
      });
    });
  });
  engine.run(kernel, rows, Math.ceil(WORK / columns), [out, y, g, columns]);
}

const splat = (f: FunctionBuilder, x: Value<'f32'>): Local<'v128'> => f.let(f32x4.splat(x));

/** One row: the largest, the sum of exponentials of what lies below it, and the result. */
function emitSoftmax(f: FunctionBuilder, out: I, x: I, n: I, log: boolean): void {
  const math = new VectorMath(f);
  // Several chains at once; a NaN passes over this but not over the sum.
  const most = [0, 1, 2, 3].map(() => f.let(f32x4.const(-Infinity)));
  const p = f.let(x);
  const left = f.let(n);
  f.block((end) => {
    f.loop((again) => {
      f.brIf(end, i32.lt(left, 16));
      for (const [k, m] of most.entries()) f.set(m, f32x4.pmax(m, v128.load(p, 16 * k)));
      f.increment(p, 64);
      f.increment(left, -16);
      f.br(again);
    });
  });
  eachVector(f, left, (at, count) => {
    f.set(most[0], f32x4.pmax(most[0], loadVector(f, i32.add(p, at), count, -Infinity)));
  });
  f.set(most[0], f32x4.pmax(f32x4.pmax(most[0], most[1]), f32x4.pmax(most[2], most[3])));
  const top = splat(f, across(f, most[0], 'max'));
  const sums = f.let(f32x4.const(0));
  eachVector(f, n, (at, count) => {
    const e = math.expNegative(math.sub(loadVector(f, i32.add(x, at), count, -Infinity), top));
    f.set(sums, f32x4.add(sums, e));
    if (!log) storeVector(f, i32.add(out, at), e, count);
  });
  const total = across(f, sums, 'add');
  const scale = log ? math.log(splat(f, total)) : splat(f, f32.div(1, total));
  eachVector(f, n, (at, count) => {
    const value = loadVector(f, i32.add(log ? x : out, at), count);
    const result = log ? f32x4.sub(f32x4.sub(value, top), scale) : f32x4.mul(value, scale);
    storeVector(f, i32.add(out, at), result, count);
  });
}
