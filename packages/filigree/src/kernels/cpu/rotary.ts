import type { View } from '../device.js';
import { type Engine, viewAddress } from './engine.js';
import { f32x4, i32 } from './instructions.js';
import { eachVector, loadVector, storeVector } from './lanes.js';
import { eachUnit } from './odometer.js';

const WORK = 65_536;

/**
 * Rotary positions; see `Device.rotary`. `x` has its features next to each other, other strides are free; `out`, and the
 * tables at byte addresses `cos` and `sin`, are contiguous. A unit is one position of one sequence.
 */
export function rotary(
  engine: Engine,
  out: View,
  x: View,
  cos: number,
  sin: number,
  half: number,
  inverse: boolean,
): void {
  const [batch, length, heads, width] = x.shape;
  const list = new Array<'i32'>(18).fill('i32');
  const kernel = engine.kernel(`rotary ${inverse}`, list, (f, from, to, ...p) => {
    const [heads, width, half, step] = p;
    const bases = p.slice(4, 8);
    const sizes = p.slice(8, 10);
    const strides = [0, 1, 2, 3].map((k) => p.slice(10 + 2 * k, 12 + 2 * k));
    const h = f.local('i32');
    const offset = f.let(i32.shl(half, 2));
    const tail = f.let(i32.sub(width, i32.shl(half, 1)));
    eachUnit(f, from, to, sizes, bases, strides, ([o, i, c, s]) => {
      f.for(h, 0, heads, 1, () => {
        eachVector(f, half, (at, count) => {
          const near = f.let(i32.add(i, at));
          const first = loadVector(f, near, count);
          const second = loadVector(f, i32.add(near, offset), count);
          const cosine = loadVector(f, i32.add(c, at), count);
          const sine = loadVector(f, i32.add(s, at), count);
          const target = f.let(i32.add(o, at));
          const along = f.let(f32x4.mul(first, cosine));
          const up = f.let(f32x4.mul(second, cosine));
          const turned = inverse ? f.madd(second, sine, along) : f.nmadd(second, sine, along);
          const other = inverse ? f.nmadd(first, sine, up) : f.madd(first, sine, up);
          storeVector(f, target, turned, count);
          storeVector(f, i32.add(target, offset), other, count);
        });
        const rest = f.let(i32.shl(offset, 1));
        eachVector(f, tail, (at, count) => {
          const plain = loadVector(f, i32.add(i32.add(i, rest), at), count);
          storeVector(f, i32.add(i32.add(o, rest), at), plain, count);
        });
        f.increment(i, step);
        f.increment(o, i32.shl(width, 2));
      });
    });
  });
  const row = heads * width * 4;
  engine.run(kernel, batch * length, Math.ceil(WORK / Math.max(1, heads * width)), [
    heads,
    width,
    half,
    4 * x.strides[2],
    ...[viewAddress(out), viewAddress(x), cos, sin],
    ...[batch, length],
    ...[length * row, row],
    ...[4 * x.strides[0], 4 * x.strides[1]],
    ...[0, 4 * half],
    ...[0, 4 * half],
  ]);
}
