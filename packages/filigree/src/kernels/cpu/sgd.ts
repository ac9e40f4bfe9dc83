import type { SgdOptions } from '../device.js';
import type { Engine } from './engine.js';
import { f32x4, i32 } from './instructions.js';
import { eachVector, element, loadVector, storeVector } from './lanes.js';

const WORK = 65_536;

/** SGD with momentum in place on `length` floats at byte addresses; see `Device.sgd`. A unit is one element. */
export function sgd(
  engine: Engine,
  addresses: readonly [parameter: number, gradient: number, velocity: number],
  length: number,
  o: SgdOptions,
): void {
  const kernel = engine.kernel(
    'sgd',
    ['i32', 'i32', 'i32', 'f32', 'f32', 'f32', 'f32', 'f32'],
    (f, from, to, ...rest) => {
      const [p, g, v] = [rest[0], rest[1], rest[2]].map((base) => f.let(element(base, from)));
      const scalars = [rest[3], rest[4], rest[5], rest[6], rest[7]];
      const [lr, momentum, decay, fresh, kept] = scalars.map((x) => f.let(f32x4.splat(x)));
      eachVector(f, i32.sub(to, from), (at, count) => {
        const [x, slope, velocity] = [p, g, v].map((base) => loadVector(f, i32.add(base, at), count));
        const pull = f.let(f.madd(x, decay, slope));
        const next = f.let(f.madd(velocity, momentum, pull));
        const step = f.madd(pull, fresh, f32x4.mul(next, kept));
        storeVector(f, i32.add(v, at), next, count);
        storeVector(f, i32.add(p, at), f.nmadd(step, lr, x), count);
      });
    },
  );
  // The step is `fresh * gradient + kept * velocity`: the velocity alone, or looked ahead.
  const [fresh, kept] = o.nesterov ? [1, o.momentum] : [0, 1];
  engine.run(kernel, length, WORK, [...addresses, o.lr, o.momentum, o.weightDecay, fresh, kept]);
}
