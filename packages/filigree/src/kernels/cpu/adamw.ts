import type { AdamOptions } from '../device.js';
import type { Engine } from './engine.js';
import { f32, f32x4, i32 } from './instructions.js';
import { eachVector, element, loadVector, storeVector } from './lanes.js';

const WORK = 65_536;

/** AdamW in place on `length` floats at byte addresses; see `Device.adamw`. A unit is one element. */
export function adamw(
  engine: Engine,
  addresses: readonly [parameter: number, gradient: number, m: number, v: number],
  length: number,
  o: AdamOptions,
): void {
  const floats = new Array<'f32'>(6).fill('f32');
  const kernel = engine.kernel('adamw', ['i32', 'i32', 'i32', 'i32', ...floats], (f, from, to, ...rest) => {
    const [p, g, m, v] = [rest[0], rest[1], rest[2], rest[3]].map((base) => f.let(element(base, from)));
    const scalars = [rest[4], rest[5], rest[6], rest[7], rest[8], rest[9]];
    const [beta1, beta2, rate, correction, eps, keep] = scalars.map((x) => f.let(f32x4.splat(x)));
    const fresh1 = f.let(f32x4.splat(f32.sub(1, rest[4])));
    const fresh2 = f.let(f32x4.splat(f32.sub(1, rest[5])));
    eachVector(f, i32.sub(to, from), (at, count) => {
      const [x, slope, first, second] = [p, g, m, v].map((base) => loadVector(f, i32.add(base, at), count));
      const mean = f.let(f.madd(first, beta1, f32x4.mul(slope, fresh1)));
      const square = f.let(f.madd(second, beta2, f32x4.mul(f32x4.mul(slope, slope), fresh2)));
      const size = f32x4.add(f32x4.sqrt(f32x4.mul(square, correction)), eps);
      const step = f32x4.div(f32x4.mul(mean, rate), size);
      storeVector(f, i32.add(m, at), mean, count);
      storeVector(f, i32.add(v, at), square, count);
      storeVector(f, i32.add(p, at), f32x4.sub(f32x4.mul(x, keep), step), count);
    });
  });
  const rate = o.lr / (1 - o.beta1 ** o.step);
  const correction = 1 / (1 - o.beta2 ** o.step);
  const decay = 1 - o.lr * o.weightDecay;
  engine.run(kernel, length, WORK, [...addresses, o.beta1, o.beta2, rate, correction, o.eps, decay]);
}
