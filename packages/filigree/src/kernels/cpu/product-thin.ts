import type { Callable, Local, ModuleBuilder } from './assembler.js';
import { f32, f32x4, i32, select, type Value, v128 } from './instructions.js';
import { transpose } from './product-pack.js';
import { type I32s, locals, type Scatter } from './product-tile.js';

/** `(a, aRow, aK, b, bK, bCol, out, outRow, outCol, rows, cols, depth, add, tile, alpha)`, strides in bytes. */
export type Thin = Callable<readonly [...I32s<14>, 'f32'], never>;
const PARAMETERS = [...(Array(14).fill('i32') as I32s<14>), 'f32'] as const;

/**
 * The product of few rows where depth is contiguous in both operands (`aK` and `bK` are 4): four columns at a time, sums
 * of eight elements of depth in two vectors for each column.
 */
export function dotKernel(m: ModuleBuilder, scatter: Scatter): Thin {
  return m.func('dot', PARAMETERS, (f, ...p) => {
    const [a, aRow, _aK, b, _bK, bCol, out, outRow, outCol, rows, cols, depth, add, tile, alpha] = p;
    const [i, j, k, left, pa, row, to, eights, fours] = locals(f, 9);
    const columns = locals(f, 4);
    const at = locals(f, 4);
    const sums = Array.from({ length: 8 }, () => f.local('v128'));
    const total = f.local('v128');
    const scale = f.let(f32x4.splat(alpha));
    f.set(eights, i32.and(depth, -8));
    f.set(fours, i32.and(depth, -4));
    const step = (half: number, from: Value<'v128'>) => {
      const x = f.let(from);
      for (let c = 0; c < 4; c++) {
        const sum = sums[2 * c + half];
        f.set(sum, f.madd(x, v128.load(at[c], 16 * half), sum));
      }
    };
    const advance = (bytes: number) => {
      f.increment(pa, bytes);
      for (const pointer of at) f.increment(pointer, bytes);
    };
    f.for(j, 0, cols, 4, () => {
      f.set(left, i32.sub(cols, j));
      f.if(i32.gt(left, 4), () => f.set(left, 4));
      // Columns past the end are the last one again; they are not stored.
      f.set(columns[0], b);
      for (let c = 1; c < 4; c++) {
        const next = i32.add(columns[c - 1], bCol);
        f.set(columns[c], select('i32', i32.gt(left, c), next, columns[c - 1]));
      }
      f.set(row, a);
      f.set(to, out);
      f.for(i, 0, rows, 1, () => {
        for (const sum of sums) f.set(sum, f32x4.const(0));
        f.set(pa, row);
        for (let c = 0; c < 4; c++) f.set(at[c], columns[c]);
        f.set(k, 0);
        f.for(k, undefined, eights, 8, () => {
          step(0, v128.load(pa));
          step(1, v128.load(pa, 16));
          advance(32);
        });
        f.for(k, undefined, fours, 4, () => {
          step(0, v128.load(pa));
          advance(16);
        });
        const across = transpose(
          f,
          [0, 1, 2, 3].map((c) => f32x4.add(sums[2 * c], sums[2 * c + 1])),
        );
        f.set(total, f32x4.add(f32x4.add(across[0], across[1]), f32x4.add(across[2], across[3])));
        f.for(k, undefined, depth, 1, () => {
          let x = v128.load32Zero(at[0]);
          for (let c = 1; c < 4; c++) x = v128.load32Lane(at[c], x, c);
          f.set(total, f.madd(v128.load32Splat(pa), x, total));
          advance(4);
        });
        f.store(tile, f32x4.mul(total, scale));
        f.call(scatter, tile, to, outRow, outCol, 1, left, add);
        f.increment(row, aRow);
        f.increment(to, outRow);
      });
      f.set(b, i32.add(b, i32.mul(bCol, 4)));
      f.set(out, i32.add(out, i32.mul(outCol, 4)));
    });
  });
}

/**
 * The product of few rows where the columns of B and of the output are contiguous (`bCol` and `outCol` are 4): eight rows of
 * B at a time are scaled and added to the output, so that B is read in the order in which it stands in memory.
 */
export function axpyKernel(m: ModuleBuilder): Thin {
  return m.func('axpy', PARAMETERS, (f, ...p) => {
    const [a, aRow, aK, b, bK, _bCol, out, outRow, _outCol, rows, cols, depth, add, _tile, alpha] = p;
    const [i, j, k, row, to, fours, whole, pa] = locals(f, 8);
    const from = locals(f, 8);
    const weights = Array.from({ length: 8 }, () => f.local('v128'));
    f.set(fours, i32.and(cols, -4));
    f.set(whole, i32.and(depth, -8));
    /** Adds `count` rows of B to all rows of the output. */
    const some = (count: number) => {
      f.set(row, a);
      f.set(to, out);
      f.for(i, 0, rows, 1, () => {
        f.set(pa, row);
        for (let r = 0; r < count; r++) {
          f.set(weights[r], f32x4.splat(f32.mul(alpha, f32.load(pa))));
          f.increment(pa, aK);
          f.set(from[r], r === 0 ? b : i32.add(from[r - 1], bK));
        }
        const at = f.let(to);
        const sweep = (load: (p: Local<'i32'>) => Value<'v128'>, store: (x: Local<'v128'>) => void, width: number) => {
          const sum = f.let(f32x4.const(0));
          f.if(add, () => f.set(sum, load(at)));
          for (let r = 0; r < count; r++) {
            f.set(sum, f.madd(weights[r], load(from[r]), sum));
            f.increment(from[r], width);
          }
          store(sum);
          f.increment(at, width);
        };
        f.set(j, 0);
        f.for(j, undefined, fours, 4, () => sweep(v128.load, (x) => f.store(at, x), 16));
        f.for(j, undefined, cols, 1, () => sweep(v128.load32Zero, (x) => f.storeLane(at, x, 0), 4));
        f.increment(row, aRow);
        f.increment(to, outRow);
      });
      f.increment(a, i32.mul(aK, count));
      f.increment(b, i32.mul(bK, count));
      f.set(add, 1);
    };
    f.set(k, 0);
    f.for(k, undefined, whole, 8, () => some(8));
    f.for(k, undefined, depth, 1, () => some(1));
  });
}
