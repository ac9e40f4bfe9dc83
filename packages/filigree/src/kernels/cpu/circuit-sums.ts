import type { FunctionBuilder, Local, ModuleBuilder } from './assembler.js';
import { f32x4, i32, v128 } from './instructions.js';
import { type I32s, locals } from './product-tile.js';

type V = Local<'v128'>;
type P = Local<'i32'>;
const words = <const N extends number>(count: N) => Array(count).fill('i32') as unknown as I32s<N>;
const vectors = (f: FunctionBuilder, count: number): V[] => Array.from({ length: count }, () => f.local('v128'));

/** Bytes of one entry of a list of sums: entries, list, parameter, slot. */
export const SUM_BYTES = 16;

/** Four vectors, each added up, as one vector. */
export function sumsOf(f: FunctionBuilder, [a, b, c, d]: readonly V[]) {
  const ab = f.let(f32x4.add(f32x4.shuffle(a, b, 0, 4, 1, 5), f32x4.shuffle(a, b, 2, 6, 3, 7)));
  const cd = f.let(f32x4.add(f32x4.shuffle(c, d, 0, 4, 1, 5), f32x4.shuffle(c, d, 2, 6, 3, 7)));
  return f32x4.add(f32x4.shuffle(ab, cd, 0, 1, 4, 5), f32x4.shuffle(ab, cd, 2, 3, 6, 7));
}

/** Kernels of sums, for tiles of `tile` rows. Lists hold byte offsets of slots; `parameters` and `counts` have one layout. */
export function sumKernels(m: ModuleBuilder, tile: number) {
  const row = 4 * tile;

  /** Goes over the sums (or fours of sums) of a list. */
  const each = (
    f: FunctionBuilder,
    p: { lists: P; list: P; count: P },
    body: (s: { first: P; last: P; parameter: P; slot: P }) => void,
  ) => {
    const [index, entry, first, last, parameter, slot] = locals(f, 6);
    f.set(entry, p.list);
    f.for(index, 0, p.count, 1, () => {
      f.set(first, i32.add(p.lists, i32.shl(i32.load(entry, 4), 2)));
      f.set(last, i32.add(first, i32.shl(i32.load(entry), 2)));
      f.set(parameter, i32.shl(i32.load(entry, 8), 2));
      f.set(slot, i32.load(entry, 12));
      body({ first, last, parameter, slot });
      f.increment(entry, SUM_BYTES);
    });
  };

  /** Four sums that share their children: eight rows of all four stay in registers. */
  const panelsForward = m.func('panelsForward', words(5), (f, lists, list, count, values, parameters) => {
    const [at, entry, w] = locals(f, 3);
    const sums = vectors(f, 8);
    each(f, { lists, list, count }, ({ first, last, parameter, slot }) => {
      f.for(at, 0, row, 32, () => {
        const base = f.let(i32.add(values, at));
        for (const sum of sums) f.set(sum, f32x4.const(0));
        f.set(w, i32.add(parameters, parameter));
        f.for(entry, first, last, 8, () => {
          for (const k of [0, 1]) {
            const from = f.let(i32.add(base, i32.load(entry, 4 * k)));
            const x = [f.let(v128.load(from)), f.let(v128.load(from, 16))];
            for (let lane = 0; lane < 4; lane++) {
              const weight = f.let(v128.load32Splat(w, 16 * k + 4 * lane));
              for (const v of [0, 1]) f.set(sums[2 * lane + v], f.madd(weight, x[v], sums[2 * lane + v]));
            }
          }
          f.increment(w, 32);
        });
        const to = f.let(i32.add(base, slot));
        sums.forEach((sum, k) => {
          f.store(to, sum, (k >> 1) * row + (k & 1) * 16);
        });
      });
    });
  });

  /** Slope of a child += Σ weight times slope of the sum; count of an edge += Σ over rows of slope of the sum times value of the child. */
  const panelsBackward = m.func(
    'panelsBackward',
    words(7),
    (f, lists, list, count, values, slopes, parameters, counts) => {
      const [at, entry, w] = locals(f, 3);
      const d = vectors(f, 8);
      each(f, { lists, list, count }, ({ first, last, parameter, slot }) => {
        f.for(at, 0, row, 32, () => {
          const base = f.let(i32.add(slopes, at));
          const own = f.let(i32.add(base, slot));
          d.forEach((slope, k) => {
            f.set(slope, v128.load(own, (k >> 1) * row + (k & 1) * 16));
          });
          f.set(w, i32.add(parameters, parameter));
          f.for(entry, first, last, 4, () => {
            const to = f.let(i32.add(base, i32.load(entry)));
            const sums = [f.let(v128.load(to)), f.let(v128.load(to, 16))];
            for (let lane = 0; lane < 4; lane++) {
              const weight = f.let(v128.load32Splat(w, 4 * lane));
              for (const v of [0, 1]) f.set(sums[v], f.madd(weight, d[2 * lane + v], sums[v]));
            }
            f.store(to, sums[0]);
            f.store(to, sums[1], 16);
            f.increment(w, 16);
          });
          // Now the slopes by row, the four sums in the lanes: the counts of an entry are then one vector.
          for (const v of [0, 1]) {
            const [a, b, c, e] = [0, 2, 4, 6].map((k) => d[k + v]);
            const [ab, AB] = [f.let(f32x4.shuffle(a, b, 0, 4, 1, 5)), f.let(f32x4.shuffle(a, b, 2, 6, 3, 7))];
            const [ce, CE] = [f.let(f32x4.shuffle(c, e, 0, 4, 1, 5)), f.let(f32x4.shuffle(c, e, 2, 6, 3, 7))];
            f.set(a, f32x4.shuffle(ab, ce, 0, 1, 4, 5));
            f.set(b, f32x4.shuffle(ab, ce, 2, 3, 6, 7));
            f.set(c, f32x4.shuffle(AB, CE, 0, 1, 4, 5));
            f.set(e, f32x4.shuffle(AB, CE, 2, 3, 6, 7));
          }
          const byRow = [0, 2, 4, 6, 1, 3, 5, 7].map((k) => d[k]);
          const from = f.let(i32.add(values, at));
          f.set(w, i32.add(counts, parameter));
          f.for(entry, first, last, 4, () => {
            const x = f.let(i32.add(from, i32.load(entry)));
            const sums = [f.let(v128.load(w)), f.let(f32x4.mul(byRow[4], v128.load32Splat(x, 16)))];
            byRow.forEach((slope, b) => {
              const k = b >> 2;
              if (b !== 4) f.set(sums[k], f.madd(slope, v128.load32Splat(x, 4 * b), sums[k]));
            });
            f.store(w, f32x4.add(sums[0], sums[1]));
            f.increment(w, 16);
          });
        });
      });
    },
  );

  /** Sums by themselves: sixteen rows stay in registers. */
  const elementsForward = m.func('elementsForward', words(5), (f, lists, list, count, values, parameters) => {
    const [at, entry, w] = locals(f, 3);
    const sums = vectors(f, 8);
    each(f, { lists, list, count }, ({ first, last, parameter, slot }) => {
      f.for(at, 0, row, 64, () => {
        const base = f.let(i32.add(values, at));
        for (const sum of sums) f.set(sum, f32x4.const(0));
        f.set(w, i32.add(parameters, parameter));
        f.for(entry, first, last, 16, () => {
          for (let e = 0; e < 4; e++) {
            const from = f.let(i32.add(base, i32.load(entry, 4 * e)));
            const weight = f.let(v128.load32Splat(w, 4 * e));
            for (let v = 0; v < 4; v++) {
              const sum = sums[4 * (e & 1) + v];
              f.set(sum, f.madd(weight, v128.load(from, 16 * v), sum));
            }
          }
          f.increment(w, 16);
        });
        const to = f.let(i32.add(base, slot));
        for (let v = 0; v < 4; v++) f.store(to, f32x4.add(sums[v], sums[4 + v]), 16 * v);
      });
    });
  });

  const elementsBackward = m.func(
    'elementsBackward',
    words(7),
    (f, lists, list, count, values, slopes, parameters, counts) => {
      const [at, entry, w, c] = locals(f, 4);
      const [d, dots] = [vectors(f, 4), vectors(f, 4)];
      each(f, { lists, list, count }, ({ first, last, parameter, slot }) => {
        f.for(at, 0, row, 64, () => {
          const base = f.let(i32.add(slopes, at));
          const from = f.let(i32.add(values, at));
          const own = f.let(i32.add(base, slot));
          d.forEach((slope, v) => {
            f.set(slope, v128.load(own, 16 * v));
          });
          f.set(w, i32.add(parameters, parameter));
          f.set(c, i32.add(counts, parameter));
          f.for(entry, first, last, 16, () => {
            for (let e = 0; e < 4; e++) {
              const child = f.let(i32.load(entry, 4 * e));
              const to = f.let(i32.add(base, child));
              const weight = f.let(v128.load32Splat(w, 4 * e));
              d.forEach((slope, v) => {
                f.store(to, f.madd(weight, slope, v128.load(to, 16 * v)), 16 * v);
              });
              const x = f.let(i32.add(from, child));
              f.set(dots[e], f32x4.mul(d[0], v128.load(x)));
              for (let v = 1; v < 4; v++) f.set(dots[e], f.madd(d[v], v128.load(x, 16 * v), dots[e]));
            }
            f.store(c, f32x4.add(v128.load(c), sumsOf(f, dots)));
            f.increment(w, 16);
            f.increment(c, 16);
          });
        });
      });
    },
  );

  return { panelsForward, panelsBackward, elementsForward, elementsBackward };
}
