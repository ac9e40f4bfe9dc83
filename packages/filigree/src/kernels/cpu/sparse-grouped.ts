import type { SparsePattern } from '../device.js';
import type { Local, ModuleBuilder } from './assembler.js';
import { f32x4, i32, v128 } from './instructions.js';
import { locals } from './product-tile.js';
import { unpackTileKernel } from './sparse-tiles.js';

type Grouped = NonNullable<SparsePattern['grouped']>;

/** Rows of the batch in a tile: the inputs of a pattern, the sums of a row and a weight fit the registers. 0: too many for any. */
export const groupedWidth = ({ patterns }: Grouped): number => {
  const n = patterns[0]?.length ?? 0;
  if (patterns.length > 70 || n === 0) return 0;
  return n <= 2 ? 16 : n <= 4 ? 8 : n <= 8 ? 4 : 0;
};

/** Bytes of scratch memory for each range: the sums of one chunk. */
export const groupedScratch = ({ patterns, g }: Grouped, width: number): number => 4 * width * patterns.length * g;

/** `(x, xTile, tiles, samples, out, outStride, members, values, rowBytes, blocks, bias, scratch, scratchStep, chunk)` */
export const GROUPED_ARGUMENTS = 14;

/**
 * Grouped n:m times packed batch (Ivanov et al. 2023, STen). A unit is a chunk of rows. The pattern is known by the position: its inputs are
 * loaded once for all its `g` rows, whose sums stay in the first-level cache; per block of `n` weights the only index is the row in
 * the chunk, 16 bits.
 */
export function groupedKernel(module: ModuleBuilder, { patterns, g, m }: Grouped, width: number): void {
  const unpack = unpackTileKernel(module, width);
  const vectors = width / 4;
  const rows = patterns.length * g;
  const n = patterns[0].length;
  module.func('run', Array(2 + GROUPED_ARGUMENTS).fill('i32') as 'i32'[], (f, unit, end, ...parameters) => {
    const [x, xTile, tiles, samples, out, outStride, members, values, rowBytes, blocks, bias, ...rest] = parameters;
    const [scratch, scratchStep, chunk] = rest;
    const [tile, block, input, member, weights, row, left, valid, to, sum, value] = locals(f, 11);
    const y = f.let(i32.add(scratch, i32.mul(i32.divU(unit, chunk), scratchStep)));
    const loaded = Array.from({ length: n * vectors }, () => f.local('v128'));

    const start = () => {
      f.set(sum, y);
      f.for(row, 0, rows, 1, () => {
        const first = f.let(f32x4.const(0));
        f.if(bias, () => {
          const at = i32.add(i32.mul(unit, rows), row);
          f.set(first, v128.load32Splat(i32.add(bias, i32.shl(at, 2))));
        });
        for (let v = 0; v < vectors; v++) f.store(sum, first, 16 * v);
        f.increment(sum, 4 * width);
      });
    };
    const pattern = (columns: readonly number[]) => {
      columns.forEach((column, k) => {
        for (let v = 0; v < vectors; v++) f.set(loaded[k * vectors + v], v128.load(input, 4 * width * column + 16 * v));
      });
      f.set(left, g);
      f.loop((again) => {
        f.set(row, i32.load16u(member));
        f.set(sum, i32.add(y, i32.mul(row, 4 * width)));
        f.set(value, i32.add(weights, i32.mul(row, rowBytes)));
        addBlock();
        f.increment(member, 2);
        f.brIf(again, f.tee(left, i32.sub(left, 1)));
      });
    };
    const addBlock = () => {
      const sums = Array.from({ length: vectors }, (_, v) => f.let(v128.load(sum, 16 * v)));
      for (let k = 0; k < n; k++) {
        const w: Local<'v128'> = f.let(v128.load32Splat(value, 4 * k));
        for (let v = 0; v < vectors; v++) f.set(sums[v], f.madd(w, loaded[k * vectors + v], sums[v]));
      }
      for (let v = 0; v < vectors; v++) f.store(sum, sums[v], 16 * v);
    };

    f.for(unit, undefined, end, 1, () => {
      f.for(tile, 0, tiles, 1, () => {
        start();
        f.set(input, i32.add(x, i32.mul(tile, xTile)));
        f.set(member, i32.add(members, i32.mul(i32.mul(unit, blocks), 2 * rows)));
        f.set(weights, i32.add(values, i32.mul(i32.mul(unit, rows), rowBytes)));
        f.for(block, 0, blocks, 1, () => {
          for (const columns of patterns) pattern(columns);
          f.increment(input, 4 * width * m);
          f.increment(weights, 4 * n);
        });
        const first = f.let(i32.mul(tile, width));
        f.set(valid, i32.sub(samples, first));
        f.if(i32.gt(valid, width), () => f.set(valid, width));
        f.set(to, i32.add(out, i32.add(i32.mul(first, outStride), i32.shl(i32.mul(unit, rows), 2))));
        f.call(unpack, y, to, outStride, valid, rows);
      });
    });
  });
}
