import type { View } from '../device.js';
import { sizeOf } from '../views.js';
import type { FunctionBuilder, Local } from './assembler.js';
import { withContiguous } from './copy.js';
import { type Engine, viewAddress } from './engine.js';
import { f32, i32, i32x4, select, type Value, v128 } from './instructions.js';
import { eachVector, element, loadVector } from './lanes.js';

/** Elements that are worth the waking of a thread: each is compared some sixteen times. */
const WORK = 16_384;
/** The bits of 1 as a float. */
const ONE = 0x3f800000;

/** Guesses between two halvings of the range of bits, which bound the number of passes however the magnitudes are spread. */
const BISECT_EVERY = 3;

/**
 * `SparseDevice.maskNm` for long groups: the bits of magnitudes, which ascend with them, are searched for the largest bound that at least `n`
 * reach, by false position and bisection. That ends as soon as exactly `n` do, after some six passes; only ties at the bound are taken
 * one by one. A unit is a row.
 */
export function maskLargest(engine: Engine, mask: View, w: View, n: number, m: number): void {
  if (sizeOf(w.shape) === 0) return;
  const [rows, cols] = w.shape;
  const parameters = ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'] as const;
  const kernel = engine.kernel('largest', parameters, (f, from, to, w, mask, cols, n, m, ofRest) => {
    const [row, left, x, out] = (['i32', 'i32', 'i32', 'i32'] as const).map((type) => f.local(type));
    f.for(row, from, to, 1, () => {
      f.set(x, element(w, i32.mul(row, cols)));
      f.set(out, element(mask, i32.mul(row, cols)));
      f.set(left, cols);
      f.loop((again) => {
        const count = f.let(select('i32', i32.lt(left, m), left, m));
        const kept = f.let(select('i32', i32.lt(count, m), ofRest, n));
        maskGroup(f, x, out, count, kept);
        f.increment(x, i32.shl(count, 2));
        f.increment(out, i32.shl(count, 2));
        f.increment(left, i32.sub(0, count));
        f.brIf(again, i32.gt(left, 0));
      });
    });
  });
  withContiguous(engine, [w], ([address]) => {
    engine.run(kernel, rows, Math.ceil(WORK / cols), [
      ...[address, viewAddress(mask), cols, n, m],
      Math.ceil((n * (cols % m)) / m),
    ]);
  });
}

/** Ones at the `kept` largest magnitudes of `count` floats at `x`, zeros elsewhere. */
function maskGroup(
  f: FunctionBuilder,
  x: Local<'i32'>,
  out: Local<'i32'>,
  count: Local<'i32'>,
  kept: Local<'i32'>,
): void {
  const low = f.let(i32.const(0));
  // One more than the bits of the largest magnitude, taken as unsigned.
  const high = f.let(i32.add(largest(f, x, count), 1));
  const reaching = f.let(count);
  const above = f.let(i32.const(0));
  const middle = f.local('i32');
  const round = f.let(i32.const(0));
  f.block((found) => {
    f.loop((again) => {
      f.brIf(found, i32.eq(reaching, kept));
      f.brIf(found, i32.leU(i32.sub(high, low), 1));
      f.if(
        i32.eq(round, BISECT_EVERY),
        () => {
          f.set(middle, i32.add(low, i32.shrU(i32.sub(high, low), 1)));
          f.set(round, 0);
        },
        () => {
          // As if the magnitudes between the bounds were spread evenly.
          const [from, to] = [low, high].map((bits) => f.let(f32.reinterpret(bits)));
          const share = f32.div(
            f32.add(f32.convert(i32.sub(reaching, kept)), 0.5),
            f32.convert(i32.sub(reaching, above)),
          );
          f.set(middle, i32.reinterpret(f32.add(from, f32.mul(f32.sub(to, from), share))));
          f.if(i32.leU(middle, low), () => f.set(middle, i32.add(low, 1)));
          f.if(i32.geU(middle, high), () => f.set(middle, i32.sub(high, 1)));
          f.increment(round, 1);
        },
      );
      const reach = f.let(countFrom(f, x, count, middle));
      f.if(
        i32.ge(reach, kept),
        () => {
          f.set(low, middle);
          f.set(reaching, reach);
        },
        () => {
          f.set(high, middle);
          f.set(above, reach);
        },
      );
      f.br(again);
    });
  });
  const ones = f.constant(i32x4.const(ONE));
  const bound = f.let(i32x4.splat(low));
  // Those at the bound that are too many.
  const surplus = f.let(i32.sub(reaching, kept));
  const k = f.local('i32');
  f.if(
    i32.eqz(surplus),
    () => {
      const end = f.let(i32.and(count, -4));
      f.for(k, 0, end, 4, () =>
        f.store(element(out, k), v128.and(i32x4.ge(sizes(f, v128.load(element(x, k))), bound), ones)),
      );
      f.for(k, end, count, 1, () =>
        f.store(element(out, k), select('i32', i32.ge(size(x, k), low), i32.const(ONE), i32.const(0))),
      );
    },
    () => {
      // From the end, so that the first of equals stay.
      const at = f.local('i32');
      f.for(k, 0, count, 1, () => {
        f.set(at, i32.sub(i32.sub(count, 1), k));
        const drop = f.let(i32.and(i32.eq(size(x, at), low), i32.gt(surplus, 0)));
        f.increment(surplus, i32.sub(0, drop));
        const keep = i32.and(i32.ge(size(x, at), low), i32.eqz(drop));
        f.store(element(out, at), select('i32', keep, i32.const(ONE), i32.const(0)));
      });
    },
  );
}

const MAGNITUDE = 0x7fffffff;

const size = (x: Local<'i32'>, k: Local<'i32'>): Value<'i32'> => i32.and(i32.load(element(x, k)), MAGNITUDE);

const sizes = (f: FunctionBuilder, x: Value<'v128'>): Value<'v128'> => v128.and(x, f.constant(i32x4.const(MAGNITUDE)));

/** The bits of the largest of `count` magnitudes. */
function largest(f: FunctionBuilder, x: Local<'i32'>, count: Local<'i32'>): Value<'i32'> {
  const most = f.let(i32x4.const(0));
  eachVector(f, count, (at, rest) => {
    f.set(most, i32x4.max(most, sizes(f, loadVector(f, i32.add(x, at), rest))));
  });
  const top = f.let(i32x4.lane(most, 0));
  for (let lane = 1; lane < 4; lane++) {
    const other = f.let(i32x4.lane(most, lane));
    f.if(i32.gt(other, top), () => f.set(top, other));
  }
  return top;
}

/** How many of `count` magnitudes have bits of at least `bound`. */
function countFrom(f: FunctionBuilder, x: Local<'i32'>, count: Local<'i32'>, bound: Local<'i32'>): Value<'i32'> {
  const least = f.let(i32x4.splat(bound));
  const counts = [0, 1, 2, 3].map(() => f.let(i32x4.const(0)));
  const left = f.let(count);
  const p = f.let(x);
  f.block((end) => {
    f.loop((again) => {
      f.brIf(end, i32.lt(left, 16));
      for (const [k, c] of counts.entries()) {
        // A comparison gives -1 where it holds.
        f.set(c, i32x4.sub(c, i32x4.ge(sizes(f, v128.load(p, 16 * k)), least)));
      }
      f.increment(p, 64);
      f.increment(left, -16);
      f.br(again);
    });
  });
  eachVector(f, left, (at, rest) => {
    // Lanes beyond the last hold 0, whose bits reach no bound but 0, and the bound is above 0.
    const loaded = loadVector(f, i32.add(p, at), rest);
    f.set(counts[0], i32x4.sub(counts[0], i32x4.ge(sizes(f, loaded), least)));
  });
  const total = f.let(i32x4.add(i32x4.add(counts[0], counts[1]), i32x4.add(counts[2], counts[3])));
  return [0, 1, 2, 3].map((k) => i32x4.lane(total, k)).reduce((a, b) => i32.add(a, b));
}
