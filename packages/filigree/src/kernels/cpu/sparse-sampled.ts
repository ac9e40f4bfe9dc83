import type { Local, ModuleBuilder } from './assembler.js';
import { f32x4, i32, v128 } from './instructions.js';
import { across } from './lanes.js';
import { transpose } from './product-pack.js';
import { locals } from './product-tile.js';
import { packTileKernel } from './sparse-tiles.js';

/** Entries whose partial sums, 16 bytes each, are kept at a time. */
export const SAMPLED_BAND = 8192;

/** `(x, stride, samples, features, zeros, to)`: all tiles of a batch, one after the other; a unit is a tile. */
export function packAllKernel(m: ModuleBuilder, width: number): void {
  const pack = packTileKernel(m, width);
  m.func('run', Array(8).fill('i32') as 'i32'[], (f, tile, end, x, stride, samples, features, zeros, to) => {
    const valid = f.local('i32');
    f.for(tile, undefined, end, 1, () => {
      const first = f.let(i32.mul(tile, width));
      f.set(valid, i32.sub(samples, first));
      f.if(i32.gt(valid, width), () => f.set(valid, width));
      const at = i32.add(to, i32.shl(i32.mul(first, features), 2));
      f.call(pack, i32.add(x, i32.mul(first, stride)), stride, valid, features, zeros, at);
    });
  });
}

/**
 * `(x, g, tiles, xTile, gTile, groups, columns, out, bounds, scratch, scratchStep, chunk)`: packed batches, bytes from tile to tile,
 * the pattern, the gradient, where each part of the groups begins; scratch memory as in the dense product, 16 bytes for
 * each entry that a part or, where that is less, a band of `SAMPLED_BAND` entries and one group can have.
 */
export const SAMPLED_ARGUMENTS = 12;

/**
 * The gradient of the values: for each entry the product of its row of `g` and its column of `x`, summed over the batch. The row's
 * floats stay in registers; the four lanes of a sum go to scratch memory between tiles and are added up at the end. A
 * unit is a part of the groups (equal numbers of entries), so no two units write the same values.
 */
export function sampledKernel(m: ModuleBuilder, lanes: number, step: number | undefined, width: number): void {
  m.func('run', Array(2 + SAMPLED_ARGUMENTS).fill('i32') as 'i32'[], (f, unit, end, ...parameters) => {
    const [x, g, tiles, xTile, gTile, groups, columns, out, bounds, scratch, scratchStep, chunk] = parameters;
    const [t, group, last, stop, first, column, value, count, left, entry] = locals(f, 10);
    const [stride, xBase, gBase, row, table, sum] = locals(f, 6);
    const gradient = Array.from({ length: width / 4 }, () => f.local('v128'));
    const partial = f.let(i32.add(scratch, i32.mul(i32.divU(unit, chunk), scratchStep)));

    /** Each row of the band: pointers set, `body` adds or stores `left` sums. */
    const eachRow = (begin: (lane: number) => void, body: () => void) => {
      f.set(sum, partial);
      f.set(group, first);
      f.for(group, undefined, stop, 1, () => {
        f.set(table, i32.add(groups, i32.shl(group, 4)));
        f.set(count, i32.load(table, 8));
        f.set(stride, step === undefined ? i32.shl(i32.load(table, 12), 2) : 4 * step);
        for (let lane = 0; lane < lanes; lane++) {
          begin(lane);
          f.set(left, count);
          f.if(left, body);
        }
      });
    };
    const repeat = (counter: Local<'i32'>, body: () => void) =>
      f.loop((more) => {
        body();
        f.brIf(more, f.tee(counter, i32.sub(counter, 1)));
      });
    /** One tile: adds to the partial sums, or begins them. */
    const sweep = (begins: boolean) =>
      eachRow(
        () => {
          f.set(column, i32.add(columns, i32.shl(i32.load(table, 4), 2)));
          gradient.forEach((part, v) => {
            f.set(part, v128.load(row, 16 * v));
          });
          f.increment(row, 4 * width);
        },
        () =>
          repeat(left, () => {
            f.set(entry, i32.add(xBase, i32.mul(i32.load(column), 4 * width)));
            let total = begins
              ? f32x4.mul(gradient[0], v128.load(entry))
              : f.madd(gradient[0], v128.load(entry), v128.load(sum));
            for (let v = 1; v < gradient.length; v++) total = f.madd(gradient[v], v128.load(entry, 16 * v), total);
            f.store(sum, total);
            f.increment(sum, 16);
            f.increment(column, step === undefined ? stride : 4);
          }),
      );

    f.for(unit, undefined, end, 1, () => {
      f.set(first, i32.load(i32.add(bounds, i32.shl(unit, 2))));
      f.set(last, i32.load(i32.add(bounds, i32.shl(unit, 2)), 4));
      f.if(i32.lt(first, last), () => {
        f.loop((again) => {
          // The next band: groups until it is full.
          f.set(stop, first);
          f.set(left, SAMPLED_BAND);
          f.loop((more) => {
            f.set(left, i32.sub(left, i32.mul(i32.load(i32.add(groups, i32.shl(stop, 4)), 8), lanes)));
            f.increment(stop, 1);
            f.brIf(more, i32.and(i32.lt(stop, last), i32.gt(left, 0)));
          });
          f.set(xBase, x);
          f.set(gBase, i32.add(g, i32.mul(first, 4 * width * lanes)));
          f.set(row, gBase);
          sweep(true);
          f.for(t, 1, tiles, 1, () => {
            f.increment(xBase, xTile);
            f.increment(gBase, gTile);
            f.set(row, gBase);
            sweep(false);
          });
          eachRow(
            (lane) => f.set(value, i32.add(out, i32.add(i32.shl(i32.load(table), 2), 4 * lane))),
            () => {
              const quads = f.let(i32.shrU(count, 2));
              f.if(quads, () =>
                repeat(quads, () => {
                  const turned = transpose(
                    f,
                    [0, 1, 2, 3].map((k) => v128.load(sum, 16 * k)),
                  );
                  const total = f.let(f32x4.add(f32x4.add(turned[0], turned[1]), f32x4.add(turned[2], turned[3])));
                  if (step === 1) f.store(value, total);
                  else for (let k = 0; k < 4; k++) f.storeLane(i32.add(value, i32.mul(stride, k)), total, k);
                  f.increment(value, i32.shl(stride, 2));
                  f.increment(sum, 64);
                }),
              );
              f.set(left, i32.and(count, 3));
              f.if(left, () =>
                repeat(left, () => {
                  f.store(value, across(f, f.let(v128.load(sum)), 'add'));
                  f.increment(value, stride);
                  f.increment(sum, 16);
                }),
              );
            },
          );
          f.set(first, stop);
          f.brIf(again, i32.lt(first, last));
        });
      });
    });
  });
}
