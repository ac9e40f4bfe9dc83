import type { Local, ModuleBuilder } from './assembler.js';
import { f32, i32 } from './instructions.js';
import { packKernel } from './product-pack.js';
import { axpyKernel, dotKernel } from './product-thin.js';
import { blockKernel, locals, scatterKernel, TILE_BYTES, TILE_COLS } from './product-tile.js';

/** Elements of the inner dimension that are summed in registers between two visits of the output. */
export const DEPTH = 256;
/** Rows of A packed at a time: 128 KiB, for the second-level cache. */
export const PACK_ROWS = 128;

/**
 * The arguments of the kernel, in this order (i32, but `alpha` f32). Addresses and strides are in bytes; the strides are of
 * A `[rows, depth]`, B `[depth, cols]`, the output `[rows, cols]` and of two batch dimensions (the outer one is `1`).
 * A unit of work is `unitRows x unitCols` of one batch; units are numbered with columns fastest, then rows, then batches.
 * The range that starts at unit `c * chunk` has the scratch memory at `scratch + c * scratchStep` to itself.
 */
export const JOB = [
  ...['a', 'b', 'out', 'aRow', 'aDepth', 'bDepth', 'bCol', 'outRow', 'outCol'],
  ...['rows', 'cols', 'depth', 'unitRows', 'unitCols', 'rowUnits', 'colUnits', 'batch2'],
  ...[
    'a1',
    'a2',
    'b1',
    'b2',
    'out1',
    'out2',
    'method',
    'packA',
    'packB',
    'add',
    'scratch',
    'scratchStep',
    'chunk',
    'alpha',
  ],
] as const;

/** Bytes of scratch memory that a range of units of `unitCols` columns needs. */
export function scratchBytes(packA: boolean, packB: boolean, depth: number, unitCols: number): number {
  const deep = Math.min(depth, DEPTH);
  const panels = packB ? Math.ceil(unitCols / TILE_COLS) : 1;
  return TILE_BYTES + 4 * deep * (panels * TILE_COLS + (packA ? PACK_ROWS : 0));
}

/** How a unit is computed: in tiles, or by one of the kernels for few rows. */
export const METHOD = { tiles: 0, dot: 1, axpy: 2 } as const;

type Name = (typeof JOB)[number];
type Job = { readonly [K in Name]: Local<K extends 'alpha' ? 'f32' : 'i32'> };
const PARAMETERS = JOB.map((name) => (name === 'alpha' ? 'f32' : 'i32'));

/**
 * Writes the dense product: `run(from, to, ...job)` does the units `from <= u < to`. Within a method, the order in which an
 * output element is summed depends on the depth only, not on the unit, tile or packing: how the work is split never
 * changes a bit.
 */
export function productKernel(m: ModuleBuilder): void {
  const scatter = scatterKernel(m);
  const panels = blockKernel(m, 'panels', true, scatter);
  const strided = blockKernel(m, 'strided', false, scatter);
  const packA = packKernel(m, 'packA', 4);
  const packB = packKernel(m, 'packB', TILE_COLS);
  const dot = dotKernel(m, scatter);
  const axpy = axpyKernel(m);
  m.func('run', ['i32', 'i32', ...PARAMETERS], (f, ...parameters) => {
    const [unit, end] = parameters as Local<'i32'>[];
    const word = Object.fromEntries(JOB.map((name, k) => [name, parameters[k + 2]])) as Job;
    const { alpha, aRow, aDepth, bDepth, bCol, outRow, outCol } = word;
    const [a, b, out, rows, cols, depth, k, i, height, add, at, rest, left] = locals(f, 13);
    const [bPacked, aPacked, bPanels, bStep, bPanel, tail] = locals(f, 6);
    const smaller = (x: Local<'i32'>, most: Local<'i32'> | number) => f.if(i32.gt(x, most), () => f.set(x, most));
    const scratch = f.let(i32.add(word.scratch, i32.mul(i32.divU(unit, word.chunk), word.scratchStep)));
    f.set(bPacked, i32.add(scratch, TILE_BYTES));

    const blocks = (width: Local<'i32'>) => {
      f.if(
        word.packA,
        () => {
          f.for(i, 0, rows, PACK_ROWS, () => {
            f.set(height, i32.sub(rows, i));
            smaller(height, PACK_ROWS);
            f.call(packA, i32.add(a, i32.mul(i, aRow)), aDepth, aRow, depth, height, aPacked);
            const to = i32.add(at, i32.mul(i, outRow));
            const aPanel = i32.mul(depth, 16);
            const sizes = [height, width, depth, add, scratch, alpha] as const;
            f.if(
              i32.eq(bStep, 4 * TILE_COLS),
              () => f.call(panels, aPacked, 4, 16, aPanel, bPanels, bStep, bPanel, to, outRow, outCol, ...sizes),
              () => f.call(strided, aPacked, 4, 16, aPanel, bPanels, bStep, bPanel, to, outRow, outCol, ...sizes),
            );
          });
        },
        () => {
          const aPanel = i32.mul(aRow, 4);
          const sizes = [rows, width, depth, add, scratch, alpha] as const;
          f.call(strided, a, aRow, aDepth, aPanel, bPanels, bStep, bPanel, at, outRow, outCol, ...sizes);
        },
      );
    };

    const inTiles = () => {
      f.if(i32.eqz(i32.or(word.depth, word.add)), () => {
        f.for(i, 0, rows, 1, () => {
          f.set(at, i32.add(out, i32.mul(i, outRow)));
          f.for(k, 0, cols, 1, () => {
            f.store(at, f32.const(0));
            f.increment(at, outCol);
          });
        });
      });
      f.set(add, word.add);
      f.for(k, 0, word.depth, DEPTH, () => {
        f.set(depth, i32.sub(word.depth, k));
        smaller(depth, DEPTH);
        f.set(at, out);
        f.set(tail, cols);
        f.set(bPanels, b);
        // Columns that B holds next to each other in whole tiles are read in place; the rest is packed.
        f.if(i32.eqz(word.packB), () => f.set(tail, i32.and(cols, TILE_COLS - 1)));
        f.set(left, i32.sub(cols, tail));
        f.set(bStep, bDepth);
        f.set(bPanel, 4 * TILE_COLS);
        f.set(aPacked, i32.add(bPacked, i32.mul(depth, i32.mul(4, i32.and(i32.add(tail, 7), -TILE_COLS)))));
        f.if(left, () => {
          blocks(left);
          f.increment(at, i32.mul(left, outCol));
        });
        f.if(tail, () => {
          f.set(bPanel, i32.mul(depth, 4 * TILE_COLS));
          f.set(bStep, 4 * TILE_COLS);
          f.set(bPanels, bPacked);
          f.call(packB, i32.add(b, i32.mul(left, bCol)), bDepth, bCol, depth, tail, bPacked);
          blocks(tail);
        });
        f.increment(a, i32.mul(depth, aDepth));
        f.increment(b, i32.mul(depth, bDepth));
        f.set(add, 1);
      });
    };

    f.for(unit, undefined, end, 1, () => {
      const index = (size: Local<'i32'>) => {
        const x = f.let(i32.remU(rest, size));
        f.set(rest, i32.divU(rest, size));
        return x;
      };
      f.set(rest, unit);
      const col = f.let(i32.mul(index(word.colUnits), word.unitCols));
      const row = f.let(i32.mul(index(word.rowUnits), word.unitRows));
      const inner = index(word.batch2);
      const start = (base: Local<'i32'>, outer: Local<'i32'>, second: Local<'i32'>) =>
        i32.add(base, i32.add(i32.mul(rest, outer), i32.mul(inner, second)));
      f.set(a, i32.add(start(word.a, word.a1, word.a2), i32.mul(row, aRow)));
      f.set(b, i32.add(start(word.b, word.b1, word.b2), i32.mul(col, bCol)));
      const corner = i32.add(i32.mul(row, outRow), i32.mul(col, outCol));
      f.set(out, i32.add(start(word.out, word.out1, word.out2), corner));
      f.set(rows, i32.sub(word.rows, row));
      smaller(rows, word.unitRows);
      f.set(cols, i32.sub(word.cols, col));
      smaller(cols, word.unitCols);
      f.if(
        word.method,
        () => {
          f.set(add, word.add);
          const thin = [
            a,
            aRow,
            aDepth,
            b,
            bDepth,
            bCol,
            out,
            outRow,
            outCol,
            rows,
            cols,
            word.depth,
            add,
            scratch,
          ] as const;
          f.if(
            i32.eq(word.method, METHOD.dot),
            () => f.call(dot, ...thin, alpha),
            () => f.call(axpy, ...thin, alpha),
          );
        },
        inTiles,
      );
    });
  });
}
