import type { Local, ModuleBuilder } from './assembler.js';
import { f32, f32x4, i32, v128 } from './instructions.js';
import { across } from './lanes.js';
import { transpose } from './product-pack.js';
import { locals } from './product-tile.js';
import { packTileKernel } from './sparse-tiles.js';

/** Rows of the batch in a tile of the gradient of the values. */
export const SAMPLED_WIDTH = 16;

/** `(x, stride, samples, features, zeros, to)`: all tiles of a batch, one after the other; a unit is a tile. */
export function packAllKernel(m: ModuleBuilder): void {
  const pack = packTileKernel(m, SAMPLED_WIDTH);
  m.func('run', Array(8).fill('i32') as 'i32'[], (f, tile, end, x, stride, samples, features, zeros, to) => {
    const valid = f.local('i32');
    f.for(tile, undefined, end, 1, () => {
      const first = f.let(i32.mul(tile, SAMPLED_WIDTH));
      f.set(valid, i32.sub(samples, first));
      f.if(i32.gt(valid, SAMPLED_WIDTH), () => f.set(valid, SAMPLED_WIDTH));
      const at = i32.add(to, i32.shl(i32.mul(first, features), 2));
      f.call(pack, i32.add(x, i32.mul(first, stride)), stride, valid, features, zeros, at);
    });
  });
}

/** `(x, g, tiles, xTile, gTile, groups, offsets, out, bounds)`: packed batches, bytes from tile to tile, the pattern, the values' gradient. */
export const SAMPLED_ARGUMENTS = 9;

/**
 * The gradient of the values: for each entry the product of its row of `g` and its column of `x`, summed over the batch; four entries
 * at a time, so that one transpose sums all of them across lanes. Adds to `out`. A unit is a part of the groups (equal
 * numbers of entries), which goes through all tiles: no two units write the same values.
 * @param wider shift to the left (or right, if negative) that turns stored byte offsets into those of the tiles
 */
export function sampledKernel(m: ModuleBuilder, lanes: number, step: number | undefined, wider: number): void {
  const vectors = SAMPLED_WIDTH / 4;
  m.func('run', Array(2 + SAMPLED_ARGUMENTS).fill('i32') as 'i32'[], (f, unit, end, ...parameters) => {
    const [x, g, tiles, xTile, gTile, groups, offsets, out, bounds] = parameters;
    const [t, group, last, first, offset, value, count, left, entry, stride, xBase, gBase] = locals(f, 12);
    const gradient = Array.from({ length: vectors }, () => f.local('v128'));
    const sums = Array.from({ length: 4 }, () => f.local('v128'));
    const column = (k: number) => {
      const stored = i32.load(offset, step === undefined ? 0 : 4 * k);
      f.set(entry, i32.add(xBase, wider >= 0 ? i32.shl(stored, wider) : i32.shrU(stored, -wider)));
      if (step === undefined) f.increment(offset, stride);
    };
    const dot = (sum: Local<'v128'>) => {
      f.set(sum, f32x4.mul(gradient[0], v128.load(entry)));
      for (let v = 1; v < vectors; v++) f.set(sum, f.madd(gradient[v], v128.load(entry, 16 * v), sum));
    };
    f.for(unit, undefined, end, 1, () => {
      f.set(first, i32.load(i32.add(bounds, i32.shl(unit, 2))));
      f.set(last, i32.load(i32.add(bounds, i32.shl(unit, 2)), 4));
      f.set(xBase, x);
      f.set(gBase, i32.add(g, i32.mul(first, 4 * SAMPLED_WIDTH * lanes)));
      f.for(t, 0, tiles, 1, () => {
        const row = f.let(gBase);
        f.set(group, first);
        f.for(group, undefined, last, 1, () => {
          const table = f.let(i32.add(groups, i32.shl(group, 4)));
          f.set(count, i32.load(table, 8));
          if (step === undefined) f.set(stride, i32.shl(i32.load(table, 12), 2));
          else f.set(stride, 4 * step);
          for (let l = 0; l < lanes; l++) {
            f.set(value, i32.add(out, i32.add(i32.shl(i32.load(table), 2), 4 * l)));
            f.set(offset, i32.add(offsets, i32.shl(i32.load(table, 4), 2)));
            gradient.forEach((part, v) => {
              f.set(part, v128.load(row, 16 * v));
            });
            f.increment(row, 4 * SAMPLED_WIDTH);
            f.set(left, i32.shrU(count, 2));
            f.if(left, () => {
              f.loop((more) => {
                sums.forEach((sum, k) => {
                  column(k);
                  dot(sum);
                });
                if (step !== undefined) f.increment(offset, 16);
                const turned = transpose(f, sums);
                const total = f.let(f32x4.add(f32x4.add(turned[0], turned[1]), f32x4.add(turned[2], turned[3])));
                if (step === 1) {
                  f.store(value, f32x4.add(v128.load(value), total));
                  f.increment(value, 16);
                } else {
                  for (let k = 0; k < 4; k++) {
                    f.store(value, f32.add(f32.load(value), f32x4.lane(total, k)));
                    f.increment(value, stride);
                  }
                }
                f.brIf(more, f.tee(left, i32.sub(left, 1)));
              });
            });
            f.set(left, i32.and(count, 3));
            f.if(left, () => {
              f.loop((more) => {
                column(0);
                dot(sums[0]);
                if (step !== undefined) f.increment(offset, 4);
                f.store(value, f32.add(f32.load(value), across(f, sums[0], 'add')));
                f.increment(value, stride);
                f.brIf(more, f.tee(left, i32.sub(left, 1)));
              });
            });
          }
        });
        f.increment(xBase, xTile);
        f.increment(gBase, gTile);
      });
    });
  });
}
