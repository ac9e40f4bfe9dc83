import type { FunctionBuilder, Local, ModuleBuilder } from './assembler.js';
import { NOTHING } from './circuit-units.js';
import { f32, f32x4, i32, i32x4, type Value, v128 } from './instructions.js';
import { across } from './lanes.js';
import { type I32s, locals } from './product-tile.js';

type V = Local<'v128'>;
type P = Local<'i32'>;
const words = <const N extends number>(count: N) => Array(count).fill('i32') as unknown as I32s<N>;

/** Parameters of one unit, and its counts, in bytes. */
const UNIT = 16;
/** Rows whose densities are all below 2 to this are 0: exponents of hundreds of variables must add up without leaving their range. */
const LEAST_POWER = -512;
/** x^k / k! up to k = 7 is 2^x to 1e-8 for |x| up to 1/2, in natural units. */
const DEGREE = 7;

/** 2^x for x up to 2; 0 below the floats. */
function exp2(f: FunctionBuilder, x: V): Value<'v128'> {
  const whole = f.let(f32x4.nearest(f32x4.pmax(x, f.constant(f32x4.const(-127)))));
  const rest = f.let(f32x4.mul(f32x4.sub(x, whole), f.constant(f32x4.const(Math.LN2))));
  const power = f.local('v128');
  f.set(power, f32x4.const(1 / factorial(DEGREE)));
  for (let k = DEGREE - 1; k >= 0; k--) f.set(power, f.madd(power, rest, f.constant(f32x4.const(1 / factorial(k)))));
  const scale = i32x4.shl(i32x4.add(i32x4.truncSat(whole), f.constant(i32x4.const(127))), 23);
  // With an exponent of -127 the scale is 0, whatever the power is.
  return v128.and(f32x4.mul(power, scale), f32x4.gt(x, f.constant(f32x4.const(-126))));
}

const factorial = (k: number): number => (k < 2 ? 1 : k * factorial(k - 1));

/** Kernels of gaussian inputs, for tiles of `tile` rows. */
export function gaussianKernels(m: ModuleBuilder, tile: number) {
  const row = 4 * tile;

  /** x - mean, both as sums of two floats, so that a mean far from 0 costs no digits. */
  const distance = (f: FunctionBuilder, high: V, low: V, unit: P): V =>
    f.let(f32x4.add(f32x4.sub(high, v128.load32Splat(unit)), f32x4.sub(low, v128.load32Splat(unit, 4))));

  const forward = m.func('gaussiansForward', words(5), (f, cells, parameters, out, scale, units) => {
    const [at, unit, to, from] = locals(f, 4);
    const most = f.local('v128');
    f.for(at, 0, row, 16, () => {
      const high = f.let(v128.load(i32.add(cells, at)));
      const low = f.let(v128.load(i32.add(cells, at), row));
      const known = f.let(f32x4.eq(high, high));
      f.set(most, f32x4.const(-1e30));
      f.set(to, i32.add(out, at));
      f.set(from, parameters);
      f.for(unit, 0, units, 1, () => {
        const d = distance(f, high, low, from);
        const bits = f.let(f.madd(f32x4.mul(d, d), v128.load32Splat(from, 8), v128.load32Splat(from, 12)));
        f.store(to, bits);
        f.set(most, f32x4.pmax(bits, most));
        f.increment(from, UNIT);
        f.increment(to, row);
      });
      const some = f.let(f32x4.ge(most, f.constant(f32x4.const(LEAST_POWER))));
      const power = f.let(f32x4.floor(v128.and(most, some)));
      const moved = v128.bitselect(i32x4.truncSat(power), f.constant(i32x4.const(NOTHING)), some);
      f.store(i32.add(scale, at), v128.and(moved, known));
      f.set(to, i32.add(out, at));
      f.for(unit, 0, units, 1, () => {
        const density = f.let(exp2(f, f.let(f32x4.sub(v128.load(to), power))));
        const one = f.constant(f32x4.const(1));
        f.store(to, v128.bitselect(v128.and(density, some), one, known));
        f.increment(to, row);
      });
    });
  });

  const backward = m.func('gaussiansBackward', words(6), (f, cells, parameters, counts, values, slopes, units) => {
    const [at, unit, x, s, from, to] = locals(f, 6);
    const sums = Array.from({ length: 4 }, () => f.local('v128'));
    f.set(x, values);
    f.set(s, slopes);
    f.set(from, parameters);
    f.set(to, counts);
    f.for(unit, 0, units, 1, () => {
      for (const sum of sums) f.set(sum, f32x4.const(0));
      f.for(at, 0, row, 16, () => {
        const high = f.let(v128.load(i32.add(cells, at)));
        const low = f.let(v128.load(i32.add(cells, at), row));
        const known = f.let(f32x4.eq(high, high));
        const flow = f.let(f32x4.mul(v128.load(i32.add(x, at)), v128.load(i32.add(s, at))));
        const seen = f.let(v128.and(flow, known));
        const d = f.let(v128.and(distance(f, high, low, from), known));
        const moment = f.let(f32x4.mul(seen, d));
        f.set(sums[0], f32x4.add(sums[0], seen));
        f.set(sums[1], f32x4.add(sums[1], moment));
        f.set(sums[2], f.madd(moment, d, sums[2]));
        f.set(sums[3], f32x4.add(sums[3], v128.andnot(flow, known)));
      });
      sums.forEach((sum, k) => {
        f.store(to, f32.add(f32.load(to, 4 * k), across(f, sum, 'add')), 4 * k);
      });
      f.increment(x, row);
      f.increment(s, row);
      f.increment(from, UNIT);
      f.increment(to, UNIT);
    });
  });

  return { forward, backward };
}
