import type { FunctionBuilder, Local, ModuleBuilder } from './assembler.js';
import { f32x4, i32, type Value, v128 } from './instructions.js';
import { locals } from './product-tile.js';
import { packTileKernel, ROW_BAND, unpackTileKernel } from './sparse-tiles.js';

/** How a wide kernel is specialised. */
export interface WideKind {
  /** Rows of the matrix that share columns. */
  readonly lanes: 1 | 2 | 4;
  /** Rows of the batch in a tile. */
  readonly width: number;
  /** Floats between the values of neighbouring entries; undefined: each group says, and its columns stand as far apart. */
  readonly step: number | undefined;
}

/** Bytes of scratch memory for each range. */
export const wideScratch = (width: number, features: number): number => 4 * width * (features + ROW_BAND);

/**
 * The arguments, i32, addresses and strides in bytes: the batch `x[samples, features]` and `out[samples, rows]`; the groups, the
 * column of each entry, and the values; the bias, or 0; the first group of each part (one more than there are
 * parts) and their number; a row of zeros; scratch memory as in the dense product.
 */
export const WIDE = [
  ...['x', 'xStride', 'out', 'outStride', 'samples', 'features', 'rows', 'groups', 'columns', 'values', 'bias'],
  ...['bounds', 'parts', 'zeros', 'scratch', 'scratchStep', 'chunk'],
] as const;
type Job = { readonly [K in (typeof WIDE)[number]]: Local<'i32'> };

/**
 * Sparse times tile-packed batch. A unit is one part of the rows (equal numbers of entries) for one tile; parts run fastest, so that
 * a tile is packed once in a range. Each entry multiplies one weight with the `width` floats of its column: no gather and
 * no sum across lanes.
 */
export function wideKernel(m: ModuleBuilder, kind: WideKind): void {
  const { lanes, width } = kind;
  const pack = packTileKernel(m, width);
  const unpack = unpackTileKernel(m, width);
  const vectors = width / 4;
  // Few sums are doubled, to hide the latency of the multiply-add. The optimising tier does all loads of a turn before the first
  // multiply-add, so a turn has no more entries than fit in 15 registers: their inputs, weights and all sums.
  const sets = lanes * vectors <= 3 ? 2 : 1;
  m.func('run', ['i32', 'i32', ...WIDE.map(() => 'i32' as const)], (f, unit, end, ...rest) => {
    const job = Object.fromEntries(WIDE.map((name, k) => [name, rest[k]])) as Job;
    const [tile, part, valid, group, last, index, at, bandEnd, count, left, row] = locals(f, 11);
    const [column, value, step, entry, table] = locals(f, 5);
    const sums = Array.from({ length: sets }, () => Array.from({ length: lanes * vectors }, () => f.local('v128')));
    const x = f.let(i32.add(job.scratch, i32.mul(i32.divU(unit, job.chunk), job.scratchStep)));
    const y = f.let(i32.add(x, i32.mul(job.features, 4 * width)));
    f.set(tile, -1);
    f.for(unit, undefined, end, 1, () => {
      f.set(part, i32.remU(unit, job.parts));
      const next = f.let(i32.divU(unit, job.parts));
      f.set(valid, i32.sub(job.samples, i32.mul(next, width)));
      f.if(i32.gt(valid, width), () => f.set(valid, width));
      f.if(i32.ne(next, tile), () => {
        f.set(tile, next);
        const start = i32.add(job.x, i32.mul(i32.mul(tile, width), job.xStride));
        f.call(pack, start, job.xStride, valid, job.features, job.zeros, x);
      });
      f.set(group, i32.load(i32.add(job.bounds, i32.shl(part, 2))));
      f.set(last, i32.load(i32.add(job.bounds, i32.shl(part, 2)), 4));
      f.set(table, i32.add(job.groups, i32.shl(group, 4)));
      f.set(index, group);
      f.for(index, undefined, last, ROW_BAND / lanes, () => {
        f.set(at, y);
        f.set(bandEnd, i32.add(table, 16 * (ROW_BAND / lanes)));
        const stop = f.let(i32.add(job.groups, i32.shl(last, 4)));
        f.if(i32.gtU(bandEnd, stop), () => f.set(bandEnd, stop));
        f.set(row, i32.mul(index, lanes));
        f.loop((again) => {
          f.set(value, i32.add(job.values, i32.shl(i32.load(table), 2)));
          f.set(column, i32.add(job.columns, i32.shl(i32.load(table, 4), 2)));
          f.set(count, i32.load(table, 8));
          if (kind.step === undefined) f.set(step, i32.shl(i32.load(table, 12), 2));
          startSums(f, sums, job.bias, row, vectors);
          const one = (set: number, k: number) => {
            // Groups that say their step move on entry by entry; the others by constants.
            const moves = kind.step === undefined;
            const from = i32.mul(i32.load(column, moves ? 0 : 4 * k), 4 * width);
            f.set(entry, i32.add(x, from));
            multiply(f, sums[set], entry, value, moves ? 0 : 4 * k * (kind.step ?? 0), lanes, vectors);
            if (moves) for (const p of [value, column]) f.increment(p, step);
          };
          f.set(left, sets === 2 ? i32.shrU(count, 1) : count);
          f.if(left, () => {
            f.loop((more) => {
              for (let k = 0; k < sets; k++) one(k, k);
              if (kind.step !== undefined) {
                f.increment(value, 4 * sets * kind.step);
                f.increment(column, 4 * sets);
              }
              f.brIf(more, f.tee(left, i32.sub(left, 1)));
            });
          });
          if (sets === 2) f.if(i32.and(count, 1), () => one(0, 0));
          sums[0].forEach((sum, k) => {
            f.store(at, sets === 2 ? f32x4.add(sum, sums[1][k]) : sum, 16 * k);
          });
          f.increment(at, 4 * width * lanes);
          f.increment(row, lanes);
          f.brIf(again, i32.ne(f.tee(table, i32.add(table, 16)), bandEnd));
        });
        const to = i32.add(job.out, i32.mul(i32.mul(tile, width), job.outStride));
        const done = f.let(i32.mul(index, lanes));
        f.call(unpack, y, i32.add(to, i32.shl(done, 2)), job.outStride, valid, i32.sub(row, done));
      });
    });
  });
}

/** The first set of sums begins with the bias (lane by lane), the second with 0. */
function startSums(
  f: FunctionBuilder,
  sums: readonly (readonly Local<'v128'>[])[],
  bias: Local<'i32'>,
  row: Local<'i32'>,
  vectors: number,
): void {
  for (const set of sums) for (const sum of set) f.set(sum, f32x4.const(0));
  f.if(bias, () => {
    const from = f.let(i32.add(bias, i32.shl(row, 2)));
    sums[0].forEach((sum, k) => {
      f.set(sum, v128.load32Splat(from, 4 * Math.floor(k / vectors)));
    });
  });
}

/** Adds one entry: `lanes` weights at `value`, each times the tile's floats at `entry`. */
function multiply(
  f: FunctionBuilder,
  sums: readonly Local<'v128'>[],
  entry: Local<'i32'>,
  value: Local<'i32'>,
  at: number,
  lanes: number,
  vectors: number,
): void {
  const weights = Array.from({ length: lanes }, (_, l) => f.let(v128.load32Splat(value, at + 4 * l)));
  for (let v = 0; v < vectors; v++) {
    const loaded = v128.load(entry, 16 * v);
    const x: Value<'v128'> = lanes === 1 ? loaded : f.let(loaded);
    for (let l = 0; l < lanes; l++) {
      const sum = sums[l * vectors + v];
      f.set(sum, f.madd(weights[l], x, sum));
    }
  }
}
