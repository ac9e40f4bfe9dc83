import { InputError } from '../errors.js';
import { mul, noGrad, reshape, type Tensor } from '../tensor/index.js';
import { nmMask } from './project.js';

/**
 * AbsTopK: of every row (last dimension) the `k` largest magnitudes stay, the rest becomes 0; of equals the first stays. The gradient
 * flows to what stays.
 * @param x `[.., features]`
 * @throws InputError where `k` is not a whole number from 1 to the features, or the device has no sparse products
 */
export function absTopK(x: Tensor, k: number): Tensor {
  const features = x.shape[x.shape.length - 1];
  if (!(Number.isInteger(k) && k >= 1 && k <= features)) {
    throw new InputError(`absTopK: of ${features} features a whole number from 1 to ${features} can stay, not ${k}`);
  }
  if (k === features) return x;
  const mask = noGrad(() => reshape(nmMask(reshape(x, [-1, features]), { kind: 'nm', n: k, m: features }), x.shape));
  return mul(x, mask);
}
