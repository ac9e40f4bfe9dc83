import type { Callable, FunctionBuilder, Local, ModuleBuilder } from './assembler.js';
import { f32x4, i32, type Value, v128 } from './instructions.js';
import { type I32s, locals } from './product-tile.js';

/** `(from, depthStride, laneStride, depth, lanes, to)`, strides in bytes. */
export type Pack = Callable<I32s<6>, never>;

/**
 * Packs `x[depth, lanes]` into panels of `width` lanes (4 or 8), each `[depth, width]` and contiguous, zeros where `lanes` ends
 * inside the last panel. Fast where lanes are contiguous (vector copies) or depth is (4x4 transposes).
 */
export function packKernel(m: ModuleBuilder, name: string, width: number): Pack {
  const step = 4 * width;
  const params = Array(6).fill('i32') as I32s<6>;
  return m.func(name, params, (f, from, depthStride, laneStride, depth, lanes, to) => {
    const [first, k, p, q, left, whole] = locals(f, 6);
    const rows = locals(f, 4);
    f.set(whole, i32.and(depth, -4));
    /** The lanes of one step of depth that exist, zeros after them; `rows` are where they start. */
    const gather = (count: number): Value<'v128'> => {
      let x = v128.load32Zero(rows[0]);
      for (let r = 1; r < count; r++) x = v128.load32Lane(rows[r], x, r);
      return x;
    };
    const strided = (count: number) =>
      f.for(k, undefined, depth, 1, () => {
        f.store(q, gather(count));
        for (const row of rows) f.increment(row, depthStride);
        f.increment(q, step);
      });
    const quad = () => {
      f.set(q, to);
      f.set(k, 0);
      for (let r = 0; r < 4; r++) f.set(rows[r], r === 0 ? p : i32.add(rows[r - 1], laneStride));
      f.if(
        i32.ge(left, 4),
        () =>
          f.if(
            i32.eq(laneStride, 4),
            () =>
              f.for(k, undefined, depth, 1, () => {
                f.store(q, v128.load(p));
                f.increment(p, depthStride);
                f.increment(q, step);
              }),
            () => {
              f.if(i32.eq(depthStride, 4), () =>
                f.for(k, undefined, whole, 4, () => {
                  const turned = transpose(
                    f,
                    rows.map((row) => v128.load(row)),
                  );
                  for (let r = 0; r < 4; r++) f.store(q, turned[r], r * step);
                  for (const row of rows) f.increment(row, 16);
                  f.increment(q, 4 * step);
                }),
              );
              strided(4);
            },
          ),
        () => {
          f.if(i32.le(left, 0), () =>
            f.for(k, undefined, depth, 1, () => {
              f.store(q, f32x4.const(0));
              f.increment(q, step);
            }),
          );
          for (const count of [1, 2, 3]) f.if(i32.eq(left, count), () => strided(count));
        },
      );
    };
    f.for(first, 0, lanes, width, () => {
      f.set(left, i32.sub(lanes, first));
      for (let part = 0; part < width; part += 4) {
        f.set(p, from);
        quad();
        f.increment(from, i32.mul(laneStride, 4));
        f.increment(to, 16);
        f.set(left, i32.sub(left, 4));
      }
      f.increment(to, i32.sub(i32.mul(depth, step), step));
    });
  });
}

/** The columns of four vectors taken as rows of a 4x4 matrix. */
export function transpose(f: FunctionBuilder, rows: readonly Value<'v128'>[]): Local<'v128'>[] {
  const [a, b, c, d] = rows.map((row) => f.let(row));
  const ab = f.let(f32x4.shuffle(a, b, 0, 4, 1, 5));
  const cd = f.let(f32x4.shuffle(c, d, 0, 4, 1, 5));
  const abHigh = f.let(f32x4.shuffle(a, b, 2, 6, 3, 7));
  const cdHigh = f.let(f32x4.shuffle(c, d, 2, 6, 3, 7));
  return [
    f.let(f32x4.shuffle(ab, cd, 0, 1, 4, 5)),
    f.let(f32x4.shuffle(ab, cd, 2, 3, 6, 7)),
    f.let(f32x4.shuffle(abHigh, cdHigh, 0, 1, 4, 5)),
    f.let(f32x4.shuffle(abHigh, cdHigh, 2, 3, 6, 7)),
  ];
}
