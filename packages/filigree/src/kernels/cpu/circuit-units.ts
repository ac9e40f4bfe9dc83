import type { FunctionBuilder, Local, ModuleBuilder } from './assembler.js';
import { f32, f32x4, i32, i32x4, type Value, v128 } from './instructions.js';
import { across } from './lanes.js';
import { type I32s, locals } from './product-tile.js';

type V = Local<'v128'>;
type P = Local<'i32'>;
const words = <const N extends number>(count: N) => Array(count).fill('i32') as unknown as I32s<N>;
const vectors = (f: FunctionBuilder, count: number): V[] => Array.from({ length: count }, () => f.local('v128'));

/** Flows are divided by values, and values below this have lost too many digits to divide by. */
const LEAST = 1e-37;
/** Values are scaled when the largest of a row leaves this range: rarely, for that takes another pass over them. */
const LOW = 2 ** -20;
const HIGH = 2 ** 20;
/** The exponent of a row that is 0 everywhere. */
export const NOTHING = -(2 ** 20);

/** Kernels of inputs, products and scales, for tiles of `tile` rows; addresses and strides are in bytes. */
export function unitKernels(m: ModuleBuilder, tile: number) {
  const row = 4 * tile;

  /** Which lanes of four cells are 0, and 1. */
  const marks = (f: FunctionBuilder, cells: P, at: P, zero: readonly V[], one: readonly V[]) => {
    zero.forEach((mark, k) => {
      const x = f.let(v128.load(i32.add(cells, at), 16 * k));
      f.set(mark, i32x4.eq(x, f.constant(i32x4.const(0))));
      f.set(one[k], i32x4.eq(x, f.constant(i32x4.const(1))));
    });
  };

  /** Inputs with at most two values: the third parameter is that of a missing cell. */
  const pairsForward = m.func('pairsForward', words(4), (f, cells, tables, out, units) => {
    const [at, unit, to, from] = locals(f, 4);
    const [zero, one] = [vectors(f, 4), vectors(f, 4)];
    f.for(at, 0, row, 64, () => {
      marks(f, cells, at, zero, one);
      f.set(to, i32.add(out, at));
      f.set(from, tables);
      f.for(unit, 0, units, 1, () => {
        const [a, b, c] = [0, 4, 8].map((offset) => f.let(v128.load32Splat(from, offset)));
        zero.forEach((mark, k) => {
          f.store(to, v128.bitselect(a, v128.bitselect(b, c, one[k]), mark), 16 * k);
        });
        f.increment(from, 12);
        f.increment(to, row);
      });
    });
  });

  const pairsBackward = m.func('pairsBackward', words(5), (f, cells, counts, values, slopes, units) => {
    const [at, unit, x, d, to] = locals(f, 5);
    const [zero, one, sums] = [vectors(f, 4), vectors(f, 4), vectors(f, 3)];
    f.for(at, 0, row, 64, () => {
      marks(f, cells, at, zero, one);
      f.set(x, i32.add(values, at));
      f.set(d, i32.add(slopes, at));
      f.set(to, counts);
      f.for(unit, 0, units, 1, () => {
        for (const sum of sums) f.set(sum, f32x4.const(0));
        zero.forEach((mark, k) => {
          const flow = f.let(f32x4.mul(v128.load(x, 16 * k), v128.load(d, 16 * k)));
          f.set(sums[0], f32x4.add(sums[0], v128.and(flow, mark)));
          f.set(sums[1], f32x4.add(sums[1], v128.and(flow, one[k])));
          f.set(sums[2], f32x4.add(sums[2], v128.andnot(flow, v128.or(mark, one[k]))));
        });
        sums.forEach((sum, k) => {
          f.store(to, f32.add(f32.load(to, 4 * k), across(f, sum, 'add')), 4 * k);
        });
        f.increment(to, 12);
        f.increment(x, row);
        f.increment(d, row);
      });
    });
  });

  /** The places of four cells in a table. */
  const places = (f: FunctionBuilder, cells: P, at: P, into: readonly P[]) => {
    into.forEach((place, k) => {
      f.set(place, i32.shl(i32.load(i32.add(cells, at), 4 * k), 2));
    });
  };

  const inputsForward = m.func('inputsForward', words(5), (f, cells, tables, out, units, width) => {
    const [at, unit, to, from, step, ...place] = locals(f, 9);
    f.set(step, i32.shl(width, 2));
    f.for(at, 0, row, 16, () => {
      places(f, cells, at, place);
      f.set(to, i32.add(out, at));
      f.set(from, tables);
      f.for(unit, 0, units, 1, () => {
        let x: Value<'v128'> = v128.load32Zero(i32.add(from, place[0]));
        for (let k = 1; k < 4; k++) x = v128.load32Lane(i32.add(from, place[k]), x, k);
        f.store(to, x);
        f.increment(from, step);
        f.increment(to, row);
      });
    });
  });

  const inputsBackward = m.func('inputsBackward', words(6), (f, cells, counts, values, slopes, units, width) => {
    const [at, unit, x, d, to, step, ...place] = locals(f, 10);
    f.set(step, i32.shl(width, 2));
    f.for(at, 0, row, 16, () => {
      places(f, cells, at, place);
      f.set(x, i32.add(values, at));
      f.set(d, i32.add(slopes, at));
      f.set(to, counts);
      f.for(unit, 0, units, 1, () => {
        const flow = f.let(f32x4.mul(v128.load(x), v128.load(d)));
        place.forEach((offset, k) => {
          const cell = f.let(i32.add(to, offset));
          f.store(cell, f32.add(f32.load(cell), f32x4.lane(flow, k)));
        });
        f.increment(to, step);
        f.increment(x, row);
        f.increment(d, row);
      });
    });
  });

  /**
   * Brings the 16 rows from `at` of `units` slots back to [1, 2) where a row's largest value is out of range, and adds what was taken
   * to the exponents. `fresh`: rows of zeros are marked.
   */
  const scaled = (f: FunctionBuilder, out: P, units: P, at: P, scale: P, largest: readonly V[]) => {
    const [unit, to] = locals(f, 2);
    const factors = vectors(f, 4);
    const outside = (x: V) =>
      v128.or(f32x4.lt(x, f.constant(f32x4.const(LOW))), f32x4.gt(x, f.constant(f32x4.const(HIGH))));
    const any = largest.map(outside).reduce((a, b) => v128.or(a, b));
    f.if(v128.anyTrue(any), () => {
      const e = f.let(i32.add(scale, at));
      largest.forEach((most, k) => {
        const bias = f.constant(i32x4.const(127));
        const power = f.let(i32x4.sub(i32x4.shrU(most, 23), bias));
        f.set(factors[k], i32x4.shl(i32x4.sub(bias, power), 23));
        const none = f.let(f32x4.eq(most, f.constant(f32x4.const(0))));
        const moved = i32x4.add(v128.load(e, 16 * k), power);
        f.store(e, v128.bitselect(f.constant(i32x4.const(NOTHING)), moved, none), 16 * k);
      });
      f.set(to, i32.add(out, at));
      f.for(unit, 0, units, 1, () => {
        factors.forEach((factor, k) => {
          f.store(to, f32x4.mul(v128.load(to, 16 * k), factor), 16 * k);
        });
        f.increment(to, row);
      });
    });
  };

  /** Multiplies `now` children, whose slots stand at `list` (a unit's list is `stride` bytes), to 1 or to what is there. */
  const multiply = (
    f: FunctionBuilder,
    p: { values: P; out: P; list: P; stride: P; now: P; units: P; scale: P },
    more: boolean,
  ) => {
    const [at, unit, to, entry, last, start] = locals(f, 6);
    const [x, largest] = [vectors(f, 4), vectors(f, 4)];
    f.for(at, 0, row, 64, () => {
      for (const most of largest) f.set(most, f32x4.const(0));
      f.set(to, i32.add(p.out, at));
      f.set(start, p.list);
      const base = f.let(i32.add(p.values, at));
      f.for(unit, 0, p.units, 1, () => {
        f.set(entry, start);
        f.set(last, i32.add(start, i32.shl(p.now, 2)));
        const first = f.let(more ? to : i32.add(base, i32.load(entry)));
        x.forEach((value, k) => {
          f.set(value, v128.load(first, 16 * k));
        });
        if (!more) f.increment(entry, 4);
        f.for(entry, undefined, last, 4, () => {
          const from = f.let(i32.add(base, i32.load(entry)));
          for (const [k, value] of x.entries()) f.set(value, f32x4.mul(value, v128.load(from, 16 * k)));
        });
        x.forEach((value, k) => {
          f.store(to, value, 16 * k);
          f.set(largest[k], f32x4.pmax(value, largest[k]));
        });
        f.increment(to, row);
        f.increment(start, p.stride);
      });
      scaled(f, p.out, p.units, at, p.scale, largest);
    });
  };

  /** Adds up the exponents of the children, whose scales stand at `scales`, and multiplies. */
  const productForward = m.func(
    'productForward',
    words(10),
    (f, values, exponents, out, list, stride, now, units, scale, scales, count) => {
      const [at, entry, last] = locals(f, 3);
      f.set(last, i32.add(scales, i32.shl(count, 2)));
      f.for(at, 0, row, 16, () => {
        const sum = f.let(f.constant(i32x4.const(0)));
        f.for(entry, scales, last, 4, () => {
          f.set(sum, i32x4.add(sum, v128.load(i32.add(i32.add(exponents, at), i32.load(entry)))));
        });
        // A row of zeros must stay far below all others, however many of its parts are zero.
        f.store(i32.add(scale, at), i32x4.max(sum, f.constant(i32x4.const(NOTHING))));
      });
      multiply(f, { values, out, list, stride, now, units, scale }, false);
    },
  );

  const multiplyForward = m.func('multiplyForward', words(7), (f, values, out, list, stride, now, units, scale) => {
    multiply(f, { values, out, list, stride, now, units, scale }, true);
  });

  /** Slope of a child += (value times slope of the product) / value of the child. */
  const productBackward = m.func('productBackward', words(6), (f, values, slopes, out, list, fan, units) => {
    const [at, unit, x, d, entry, last] = locals(f, 6);
    const flow = vectors(f, 4);
    f.for(at, 0, row, 64, () => {
      f.set(x, i32.add(values, i32.add(out, at)));
      f.set(d, i32.add(slopes, i32.add(out, at)));
      f.set(entry, list);
      const [fromValue, fromSlope] = [f.let(i32.add(values, at)), f.let(i32.add(slopes, at))];
      f.for(unit, 0, units, 1, () => {
        flow.forEach((share, k) => {
          f.set(share, f32x4.mul(v128.load(x, 16 * k), v128.load(d, 16 * k)));
        });
        f.set(last, i32.add(entry, i32.shl(fan, 2)));
        f.for(entry, undefined, last, 4, () => {
          const value = f.let(i32.add(fromValue, i32.load(entry)));
          const slope = f.let(i32.add(fromSlope, i32.load(entry)));
          flow.forEach((share, k) => {
            const by = f32x4.pmax(v128.load(value, 16 * k), f.constant(f32x4.const(LEAST)));
            f.store(slope, f32x4.add(v128.load(slope, 16 * k), f32x4.div(share, by)), 16 * k);
          });
        });
        f.increment(x, row);
        f.increment(d, row);
      });
    });
  });

  /** The common exponent is the largest; each part is multiplied by 2^(own - common), 0 where that is below the floats. */
  const merge = m.func('merge', words(5), (f, values, exponents, list, parts, scale) => {
    const [at, part, entry, unit, to] = locals(f, 5);
    f.for(at, 0, row, 16, () => {
      const most = f.let(f.constant(i32x4.const(NOTHING)));
      const from = f.let(i32.add(exponents, at));
      f.set(entry, list);
      f.for(part, 0, parts, 1, () => {
        f.set(most, i32x4.max(most, v128.load(i32.add(from, i32.load(entry, 8)))));
        f.increment(entry, 12);
      });
      f.store(i32.add(scale, at), most);
      f.set(entry, list);
      f.for(part, 0, parts, 1, () => {
        const own = v128.load(i32.add(from, i32.load(entry, 8)));
        const shift = f.let(i32x4.max(i32x4.sub(own, most), f.constant(i32x4.const(-127))));
        const factor = f.let(i32x4.shl(i32x4.add(shift, f.constant(i32x4.const(127))), 23));
        f.set(to, i32.add(i32.add(values, at), i32.load(entry, 4)));
        const units = f.let(i32.load(entry));
        f.for(unit, 0, units, 1, () => {
          f.store(to, f32x4.mul(v128.load(to), factor));
          f.increment(to, row);
        });
        f.increment(entry, 12);
      });
    });
  });

  return {
    ...{ pairsForward, pairsBackward, inputsForward, inputsBackward },
    ...{ productForward, multiplyForward, productBackward, merge },
  };
}
