import type { View } from '../device.js';
import { keptPerRow } from '../reference-sparse.js';
import { sizeOf } from '../views.js';
import type { FunctionBuilder, Local, ModuleBuilder } from './assembler.js';
import { type Engine, viewAddress } from './engine.js';
import { i32, i32x4, select, v128 } from './instructions.js';
import { transpose } from './product-pack.js';
import { locals } from './product-tile.js';

/** Weights that are worth the waking of a thread. */
const WORK = 65_536;

/** Where the selection goes: packed, or as ones and zeros in the shape of the weights. */
type Target = { readonly values: View; readonly columns: View } | { readonly mask: View };

interface Kind {
  readonly n: number;
  readonly m: number;
  /** Weights of the last group of a row, 0 where `m` divides the columns. */
  readonly rest: number;
  /** Whether neighbours in a row stand next to each other, whole fours of neighbours in a column, or neither. */
  readonly stand: 'rows' | 'columns' | 'apart';
  readonly packed: boolean;
}

/** See `SparseDevice.selectNm` and `maskNm`. A unit is four rows, one for each lane. */
export function selectNm(engine: Engine, to: Target, w: View, n: number, m: number): void {
  const [rows, cols] = w.shape;
  if (sizeOf(w.shape) === 0) return;
  const [rowStride, colStride] = w.strides;
  const columnwise = rowStride === 1 && rows % 4 === 0;
  const stand = colStride === 1 ? 'rows' : columnwise ? 'columns' : 'apart';
  const kind: Kind = { n, m, rest: cols % m, stand, packed: 'values' in to };
  const kernel = engine.module(`select ${Object.values(kind)}`, (module) => selectKernel(module, kind));
  // Where what is not kept goes, so that nothing has to branch.
  const waste = engine.memory.allocate(16);
  const [first, second] = 'values' in to ? [to.values, to.columns].map(viewAddress) : [viewAddress(to.mask), 0];
  engine.run(kernel, Math.ceil(rows / 4), Math.ceil(WORK / (4 * cols)), [
    ...[viewAddress(w), 4 * rowStride, 4 * colStride, rows, Math.floor(cols / m)],
    ...[first, second, 4 * ('values' in to ? keptPerRow(cols, n, m) : cols), waste.address],
  ]);
  engine.memory.free(waste);
}

function selectKernel(module: ModuleBuilder, { n, m, rest, stand, packed }: Kind): void {
  module.func('run', Array(11).fill('i32') as 'i32'[], (f, unit, end, ...parameters) => {
    const [w, rowStride, colStride, rows, groups, values, columns, perRow, waste] = parameters;
    const [left, column] = locals(f, 2);
    const from = locals(f, 4);
    const to = locals(f, 4);
    const places = locals(f, 4);

    const group = (count: number) => {
      const loaded = loadGroup(f, from, colStride, count, stand);
      const kept = keepLargest(f, loaded, Math.ceil((n * count) / m));
      for (let lane = 0; lane < 4; lane++) {
        for (let k = 0; k < count; k++) {
          if (!packed) {
            f.store(to[lane], i32.and(i32x4.lane(kept[k], lane), ONE), 4 * k);
            continue;
          }
          const keep = f.let(i32x4.lane(kept[k], lane));
          f.storeLane(select('i32', keep, to[lane], waste), loaded[k], lane);
          f.store(select('i32', keep, places[lane], waste), i32.add(column, k));
          f.increment(to[lane], i32.and(keep, 4));
          f.increment(places[lane], i32.and(keep, 4));
        }
        if (!packed) f.increment(to[lane], 4 * count);
        f.increment(from[lane], i32.mul(colStride, count));
      }
      f.increment(column, count);
    };

    f.for(unit, undefined, end, 1, () => {
      for (let lane = 0; lane < 4; lane++) {
        // The last unit does its last row several times where fewer than four are left.
        const row = f.let(i32.add(i32.shl(unit, 2), lane));
        f.if(i32.ge(row, rows), () => f.set(row, i32.sub(rows, 1)));
        f.set(from[lane], i32.add(w, i32.mul(row, rowStride)));
        f.set(to[lane], i32.add(values, i32.mul(row, perRow)));
        f.set(places[lane], i32.add(columns, i32.mul(row, perRow)));
      }
      f.set(column, 0);
      f.set(left, groups);
      f.if(left, () =>
        f.loop((again) => {
          group(m);
          f.brIf(again, f.tee(left, i32.sub(left, 1)));
        }),
      );
      if (rest > 0) group(rest);
    });
  });
}

/** The bits of 1 as a float. */
const ONE = 0x3f800000;

/** `count` neighbours of four rows: vector `k` holds neighbour `k` of each. */
function loadGroup(
  f: FunctionBuilder,
  from: readonly Local<'i32'>[],
  colStride: Local<'i32'>,
  count: number,
  stand: Kind['stand'],
): Local<'v128'>[] {
  const single = (k: number) => {
    const at = (lane: number) => (stand === 'rows' ? from[lane] : i32.add(from[lane], i32.mul(colStride, k)));
    if (stand === 'columns') return f.let(v128.load(at(0)));
    const offset = stand === 'rows' ? 4 * k : 0;
    let column = v128.load32Zero(at(0), offset);
    for (let lane = 1; lane < 4; lane++) column = v128.load32Lane(at(lane), column, lane, offset);
    return f.let(column);
  };
  const loaded: Local<'v128'>[] = [];
  while (loaded.length < count) {
    const k = loaded.length;
    if (stand === 'rows' && k + 4 <= count) {
      loaded.push(
        ...transpose(
          f,
          from.map((p) => v128.load(p, 4 * k)),
        ).map((x) => f.let(x)),
      );
    } else loaded.push(single(k));
  }
  return loaded;
}

/** Ones in the lanes of the `n` largest magnitudes. Bits of magnitudes are compared as integers: a total order, NaN on top. */
function keepLargest(f: FunctionBuilder, x: readonly Local<'v128'>[], n: number): Local<'v128'>[] {
  const magnitude = f.constant(i32x4.const(0x7fffffff));
  const sizes = x.map((v) => f.let(v128.and(v, magnitude)));
  // How many stand before each: the larger ones, and the equal ones to the left; comparisons give -1 for true.
  const ranks = x.map((_, k) => f.let(f.constant(i32x4.const(x.length - 1 - k))));
  for (let k = 0; k < x.length; k++) {
    for (let l = 0; l < k; l++) {
      const before = f.let(i32x4.ge(sizes[l], sizes[k]));
      f.set(ranks[k], i32x4.sub(ranks[k], before));
      f.set(ranks[l], i32x4.add(ranks[l], before));
    }
  }
  const limit = f.constant(i32x4.const(n));
  return ranks.map((rank) => f.let(i32x4.lt(rank, limit)));
}
