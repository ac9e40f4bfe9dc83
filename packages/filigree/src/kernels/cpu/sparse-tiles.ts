import type { Callable, Local, ModuleBuilder } from './assembler.js';
import { i32, select, v128 } from './instructions.js';
import { transpose } from './product-pack.js';
import { type I32s, locals } from './product-tile.js';

/** Features that are turned before the next rows are read: their part of a tile stays in the first-level cache. */
const BAND = 256;
/** Rows of a sparse matrix whose outputs are kept as a tile before they are written. */
export const ROW_BAND = 64;

/** `(x, rowStride, valid, features, zeros, to)` */
export type PackTile = Callable<I32s<6>, never>;
/** `(tile, to, rowStride, valid, features)` */
export type UnpackTile = Callable<I32s<5>, never>;

/**
 * Packs `width` rows of the batch, `x[width, features]`, into a tile `[features, width]`. Rows from `valid` on are read at
 * `zeros`, as many zeros as there are features. Strides are in bytes.
 */
export function packTileKernel(m: ModuleBuilder, width: number): PackTile {
  const step = 4 * width;
  return m.func(`pack${width}`, Array(6).fill('i32') as I32s<6>, (f, x, stride, valid, features, zeros, to) => {
    const [band, j, end, whole, q, at] = locals(f, 6);
    const rows = locals(f, 4);
    f.for(band, 0, features, BAND, () => {
      f.set(end, i32.add(band, BAND));
      f.if(i32.gt(end, features), () => f.set(end, features));
      f.set(whole, i32.and(end, -4));
      f.for(q, 0, width, 4, () => {
        rows.forEach((row, k) => {
          const index = f.let(i32.add(q, k));
          const start = i32.add(x, i32.mul(index, stride));
          f.set(row, i32.add(select('i32', i32.lt(index, valid), start, zeros), i32.shl(band, 2)));
        });
        f.set(at, i32.add(to, i32.add(i32.mul(band, step), i32.shl(q, 2))));
        f.set(j, band);
        f.for(j, undefined, whole, 4, () => {
          const turned = transpose(
            f,
            rows.map((row) => v128.load(row)),
          );
          turned.forEach((column, k) => {
            f.store(at, column, k * step);
          });
          for (const row of rows) f.increment(row, 16);
          f.increment(at, 4 * step);
        });
        f.for(j, undefined, end, 1, () => {
          let column = v128.load32Zero(rows[0]);
          for (let k = 1; k < 4; k++) column = v128.load32Lane(rows[k], column, k);
          f.store(at, column);
          for (const row of rows) f.increment(row, 4);
          f.increment(at, step);
        });
      });
    });
  });
}

/** Writes a tile `[features, width]` to `valid` rows of the batch, `to[width, features]`. Strides are in bytes. */
export function unpackTileKernel(m: ModuleBuilder, width: number): UnpackTile {
  const step = 4 * width;
  return m.func(`unpack${width}`, Array(5).fill('i32') as I32s<5>, (f, tile, to, stride, valid, features) => {
    const [q, j, whole, at, out] = locals(f, 5);
    f.set(whole, i32.and(features, -4));
    f.for(q, 0, valid, 4, () => {
      f.set(at, i32.add(tile, i32.shl(q, 2)));
      f.set(out, i32.add(to, i32.mul(q, stride)));
      /** Does `write` for the rows of the batch that exist, with the address where row `k` begins. */
      const each = (write: (k: number, address: Local<'i32'>) => void) => {
        const address = f.let(out);
        for (let k = 0; k < 4; k++) {
          f.if(i32.lt(i32.add(q, k), valid), () => write(k, address));
          f.increment(address, stride);
        }
      };
      f.set(j, 0);
      f.for(j, undefined, whole, 4, () => {
        const turned = transpose(
          f,
          [0, 1, 2, 3].map((k) => v128.load(at, k * step)),
        );
        each((k, address) => f.store(address, turned[k]));
        f.increment(at, 4 * step);
        f.increment(out, 16);
      });
      f.for(j, undefined, features, 1, () => {
        const column = f.let(v128.load(at));
        each((k, address) => f.storeLane(address, column, k));
        f.increment(at, step);
        f.increment(out, 4);
      });
    });
  });
}
