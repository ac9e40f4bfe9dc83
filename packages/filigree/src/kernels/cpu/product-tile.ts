import type { Callable, FunctionBuilder, Local, ModuleBuilder } from './assembler.js';
import { f32, f32x4, i32, type Value, v128 } from './instructions.js';

/** Rows and columns of the register tile: 8 accumulators, 2 vectors of B and 1 of A fit V8's 15 registers on x86-64. */
export const TILE_ROWS = 4;
export const TILE_COLS = 8;
const VECTORS = TILE_COLS / 4;
/** Bytes that `block` needs to set down one tile. */
export const TILE_BYTES = 4 * TILE_ROWS * TILE_COLS;

export type I32s<N extends number, T extends 'i32'[] = []> = T['length'] extends N ? T : I32s<N, [...T, 'i32']>;

/** `(tile, out, outRow, outCol, rows, cols, add)`: adds or copies a tile of at most 4x8 to where it belongs. */
export type Scatter = Callable<I32s<7>, never>;
/** `(a, aRow, aK, aPanel, b, bK, bPanel, out, outRow, outCol, rows, cols, depth, add, tile, alpha)`, all strides in bytes. */
export type Block = Callable<readonly [...I32s<15>, 'f32'], never>;

/** Sets down tiles that overlap the edge of the output, or whose columns are not next to each other. */
export function scatterKernel(m: ModuleBuilder): Scatter {
  const params = Array(7).fill('i32') as I32s<7>;
  return m.func('scatter', params, (f, tile, out, outRow, outCol, rows, cols, add) => {
    const [i, j, to, from, vectors] = locals(f, 5);
    f.for(i, 0, rows, 1, () => {
      f.set(to, out);
      f.set(from, tile);
      f.set(j, 0);
      f.if(i32.eq(outCol, 4), () => {
        f.set(vectors, i32.and(cols, -4));
        f.for(j, undefined, vectors, 4, () => {
          const x = f.let(v128.load(from));
          f.if(add, () => f.set(x, f32x4.add(x, v128.load(to))));
          f.store(to, x);
          f.increment(to, 16);
          f.increment(from, 16);
        });
      });
      f.for(j, undefined, cols, 1, () => {
        const x = f.let(f32.load(from));
        f.if(add, () => f.set(x, f32.add(x, f32.load(to))));
        f.store(to, x);
        f.increment(to, outCol);
        f.increment(from, 4);
      });
      f.increment(out, outRow);
      f.increment(tile, 4 * TILE_COLS);
    });
  });
}

/**
 * `out[rows, cols] (+)= alpha * a[rows, depth] b[depth, cols]`, tile by tile, `depth` summed in order in registers.
 * Row `4p + r` of `a` starts at `a + p aPanel + r aRow`, its next element is `aK` further; columns `8p ..` of row `k` of
 * `b` are the 8 floats at `b + p bPanel + k bK`. So both take packed panels as well as plain rows; `packed` fixes
 * the strides of packed panels (`aRow` 4, `aK` 16, `bK` 32) in the code. All 8 columns of the last panel are read.
 */
export function blockKernel(m: ModuleBuilder, name: string, packed: boolean, scatter: Scatter): Block {
  const params = [...(Array(15).fill('i32') as I32s<15>), 'f32'] as const;
  return m.func(name, params, (f, ...p) => {
    const [a, aRow, aK, aPanel, b, bK, bPanel, out, outRow, outCol, rows, cols, depth, add, tile, alpha] = p;
    const [i, j, rest, pa, pb, to, toRow, width, direct, whole] = locals(f, 10);
    const scale = f.let(f32x4.splat(alpha));
    const registers = new Registers(f);

    const oneTile = (height: number) => {
      const sums = registers.sums.slice(0, height * VECTORS);
      for (const sum of sums) f.set(sum, f32x4.const(0));
      f.set(pb, b);
      f.set(rest, depth);
      const rowOf = packed ? [pa] : registers.rows.slice(0, height);
      for (let r = 0; r < rowOf.length && !packed; r++) f.set(rowOf[r], r === 0 ? pa : i32.add(rowOf[r - 1], aRow));
      f.loop((again) => {
        for (let v = 0; v < VECTORS; v++) f.set(registers.b[v], v128.load(pb, 16 * v));
        for (let r = 0; r < height; r++) {
          f.set(registers.a, packed ? v128.load32Splat(pa, 4 * r) : v128.load32Splat(rowOf[r]));
          for (let v = 0; v < VECTORS; v++) {
            const sum = sums[r * VECTORS + v];
            f.set(sum, f.madd(registers.a, registers.b[v], sum));
          }
        }
        for (const row of rowOf) f.increment(row, packed ? 4 * TILE_ROWS : aK);
        f.increment(pb, packed ? 4 * TILE_COLS : bK);
        f.brIf(again, f.tee(rest, i32.sub(rest, 1)));
      });
      const each = (body: (sum: Local<'v128'>, r: number, v: number) => void) => {
        for (let r = 0; r < height; r++) for (let v = 0; v < VECTORS; v++) body(sums[r * VECTORS + v], r, v);
      };
      const toRows = (store: (at: Value<'i32'>, x: Value<'v128'>, v: number) => void) => {
        f.set(toRow, to);
        each((sum, _r, v) => {
          store(toRow, sum, v);
          if (v === VECTORS - 1) f.increment(toRow, outRow);
        });
      };
      f.if(
        direct,
        () =>
          f.if(
            add,
            () => toRows((at, x, v) => f.store(at, f.madd(x, scale, v128.load(at, 16 * v)), 16 * v)),
            () => toRows((at, x, v) => f.store(at, f32x4.mul(x, scale), 16 * v)),
          ),
        () => {
          each((sum, r, v) => f.store(tile, f32x4.mul(sum, scale), 4 * (r * TILE_COLS + 4 * v)));
          f.call(scatter, tile, to, outRow, outCol, height, width, add);
        },
      );
    };

    f.set(whole, i32.and(rows, -TILE_ROWS));
    f.for(j, 0, cols, TILE_COLS, () => {
      f.set(width, i32.sub(cols, j));
      f.if(i32.gt(width, TILE_COLS), () => f.set(width, TILE_COLS));
      f.set(direct, i32.and(i32.eq(width, TILE_COLS), i32.eq(outCol, 4)));
      f.set(to, out);
      const panel = f.let(a);
      f.for(i, 0, whole, TILE_ROWS, () => {
        f.set(pa, panel);
        oneTile(TILE_ROWS);
        f.increment(panel, aPanel);
        f.increment(to, i32.mul(outRow, TILE_ROWS));
      });
      f.set(pa, panel);
      for (let height = 1; height < TILE_ROWS; height++) {
        f.if(i32.eq(i32.sub(rows, whole), height), () => oneTile(height));
      }
      f.increment(b, bPanel);
      f.increment(out, i32.mul(outCol, TILE_COLS));
    });
  });
}

/** Variables that all tile heights share. */
class Registers {
  readonly sums: Local<'v128'>[];
  readonly b: Local<'v128'>[];
  readonly a: Local<'v128'>;
  readonly rows: Local<'i32'>[];
  constructor(f: FunctionBuilder) {
    this.sums = Array.from({ length: TILE_ROWS * VECTORS }, () => f.local('v128'));
    this.b = Array.from({ length: VECTORS }, () => f.local('v128'));
    this.a = f.local('v128');
    this.rows = Array.from({ length: TILE_ROWS }, () => f.local('i32'));
  }
}

/** `count` integer variables. */
export function locals(f: FunctionBuilder, count: number): Local<'i32'>[] {
  return Array.from({ length: count }, () => f.local('i32'));
}
