import type { Buffer, Product, View } from '../device.js';
import { collapse } from '../views.js';
import { METHOD, scratchBytes } from './product-kernel.js';
import { TILE_COLS, TILE_ROWS } from './product-tile.js';

/** A dimension of all three operands: how many, and the stride in A, B and the output (elements). */
interface Axis {
  readonly count: number;
  readonly a: number;
  readonly b: number;
  readonly out: number;
}

/** One call of the kernel. */
export interface ProductJob {
  /** As `JOB` lists them, with `scratch` still 0. */
  readonly words: number[];
  /** Independent units of work, and how many of them one range has (but for the last). */
  readonly units: number;
  readonly chunk: number;
  /** Bytes of scratch memory that all ranges need together. */
  readonly scratch: number;
}

/** Units are cut so that one packs at most 512 KiB of B ... */
const UNIT_COLS = 512;
/** ... and so that there are this many for each thread, for balance, as long as they are not narrower than that. */
const UNITS_PER_THREAD = 4;
const UNIT_SIDE = 96;
/** Multiply-adds, some 50 microseconds of them, that are worth the waking of a thread. */
const THREAD_WORK = 1 << 20;
/** Panels of B are packed when at least so many rows use them, and of A when so many columns do. */
const REUSE_B = 48;
const REUSE_A = 64;
/** Most rows for the kernels that do not use tiles. */
const DOT_ROWS = 6;
const AXPY_ROWS = 2;

/**
 * How a product is to be computed: dimensions merged and folded, the orientation that writes whole vectors, what is packed and how
 * the work is cut. It depends on the shapes, strides and number of threads only; the number of threads never changes a bit
 * of the result. `addressOf` gives the byte address of a buffer. Empty when there is nothing to write.
 */
export function planProduct(p: Product, threads: number, addressOf: (buffer: Buffer) => number): ProductJob[] {
  const last = p.out.shape.length - 1;
  const strides = ({ strides }: View) => [strides[last - 1], strides[last]];
  let [rows, cols] = p.out.shape.slice(-2);
  const depth = p.a.shape[last];
  if (p.out.shape.includes(0) || (depth === 0 && p.accumulate)) return [];
  let [aRow, aDepth] = strides(p.a);
  let [bDepth, bCol] = strides(p.b);
  let [outRow, outCol] = strides(p.out);
  const address = ({ buffer, offset }: View) => addressOf(buffer) + 4 * offset;
  let [a, b] = [address(p.a), address(p.b)];
  const out = address(p.out);
  let axes = batchAxes(p);
  // A batch that shares B is more rows, one that shares A is more columns.
  axes = axes.filter(({ count, ...axis }) => {
    if (count === 1) return false;
    const asRows = axis.b === 0 && (rows === 1 || (axis.a === rows * aRow && axis.out === rows * outRow));
    const asCols = axis.a === 0 && (cols === 1 || (axis.b === cols * bCol && axis.out === cols * outCol));
    if (asRows) {
      if (rows === 1) [aRow, outRow] = [axis.a, axis.out];
      rows *= count;
    } else if (asCols) {
      if (cols === 1) [bCol, outCol] = [axis.b, axis.out];
      cols *= count;
    }
    return !asRows && !asCols;
  });

  // The transposed product where that makes the output's columns contiguous, or a single column a single row.
  if ((cols === 1 && rows > 1) || (outCol !== 1 && outRow === 1 && rows > 1)) {
    [rows, cols, outRow, outCol, a, b] = [cols, rows, outCol, outRow, b, a];
    [aRow, aDepth, bDepth, bCol] = [bCol, bDepth, aDepth, aRow];
    axes = axes.map(({ count, a, b, out }) => ({ count, a: b, b: a, out }));
  }

  const method = methodOf(rows, depth, { aDepth, bDepth, bCol, outCol });
  const packA = cols >= REUSE_A && (rows > 16 || aDepth !== 1);
  const packB = bCol !== 1 || rows >= REUSE_B;
  const none: Axis = { count: 1, a: 0, b: 0, out: 0 };
  const [outer, inner] = [none, none, ...axes].slice(-2);
  const batches = outer.count * inner.count;
  const units = cut(rows, cols, depth, batches, threads, method);
  const count = units.rowUnits * units.colUnits * batches;
  const unitWork = units.unitRows * units.unitCols * depth;
  const chunk =
    threads === 1 ? count : Math.max(Math.ceil(THREAD_WORK / (unitWork + 1)), Math.ceil(count / (4 * threads)));
  const scratchStep = scratchBytes(packA, packB, depth, units.unitCols);
  return starts(axes.slice(0, -2)).map((start) => ({
    words: [
      ...[a + 4 * start.a, b + 4 * start.b, out + 4 * start.out],
      ...[4 * aRow, 4 * aDepth, 4 * bDepth, 4 * bCol, 4 * outRow, 4 * outCol, rows, cols, depth],
      ...[units.unitRows, units.unitCols, units.rowUnits, units.colUnits, inner.count],
      ...[4 * outer.a, 4 * inner.a, 4 * outer.b, 4 * inner.b, 4 * outer.out, 4 * inner.out],
      ...[method, +packA, +packB, +p.accumulate, 0, scratchStep, chunk, p.alpha],
    ],
    units: count,
    chunk,
    scratch: scratchStep * Math.ceil(count / chunk),
  }));
}

/** The batch dimensions, merged where all three operands walk them evenly. */
function batchAxes({ a, b, out }: Product): Axis[] {
  if (out.shape.length === 2) return [];
  const strides = [a, b, out].map((view) => view.strides.slice(0, -2));
  const { shape, strides: merged } = collapse(out.shape.slice(0, -2), strides);
  return shape.map((count, d) => ({ count, a: merged[0][d], b: merged[1][d], out: merged[2][d] }));
}

/** Few rows do not pay for tiles: the matrix is read once, as it stands. */
function methodOf(
  rows: number,
  depth: number,
  { aDepth, bDepth, bCol, outCol }: { aDepth: number; bDepth: number; bCol: number; outCol: number },
): number {
  if (rows <= DOT_ROWS && depth > 1 && aDepth === 1 && bDepth === 1) return METHOD.dot;
  if (rows <= AXPY_ROWS && depth > 0 && bCol === 1 && outCol === 1) return METHOD.axpy;
  return METHOD.tiles;
}

/** Where each place in the outermost dimensions starts: those beyond the two that the kernel loops over itself. */
function starts(axes: readonly Axis[]): Omit<Axis, 'count'>[] {
  let places = [{ a: 0, b: 0, out: 0 }];
  for (const axis of axes) {
    places = places.flatMap(({ a, b, out }) =>
      Array.from({ length: axis.count }, (_, k) => ({ a: a + k * axis.a, b: b + k * axis.b, out: out + k * axis.out })),
    );
  }
  return places;
}

/** Cuts one product into units along its longer side, so that all threads have work. */
function cut(rows: number, cols: number, depth: number, batches: number, threads: number, method: number) {
  const work = rows * cols * depth;
  const byCols = cols >= rows;
  // A multiple of the threads: with one unit left over, all but one of them would wait for it.
  const most = threads * Math.max(1, Math.floor(Math.max(rows, cols) / UNIT_SIDE / threads));
  const balanced = Math.ceil((UNITS_PER_THREAD * threads) / batches);
  const wanted = threads === 1 ? 1 : Math.min(balanced, most, work / THREAD_WORK);
  const size = (length: number, pieces: number, tile: number) => {
    const share = Math.ceil(length / Math.max(1, Math.floor(pieces)));
    return Math.ceil(share / tile) * tile;
  };
  const unitRows = size(rows, byCols ? 1 : wanted, TILE_ROWS);
  const unitCols = size(
    cols,
    Math.max(method === METHOD.tiles ? Math.ceil(cols / UNIT_COLS) : 1, byCols ? wanted : 1),
    TILE_COLS,
  );
  return { unitRows, unitCols, rowUnits: Math.ceil(rows / unitRows), colUnits: Math.ceil(cols / unitCols) };
}
