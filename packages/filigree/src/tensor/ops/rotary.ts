import { record } from '../tape.js';
import { Tensor } from '../tensor.js';

/**
 * Rotary positions, half-split form (Su et al. 2021): of `x` `[batch, position, head, feature]` the first `2 * half` features
 * are turned pairwise, `(i, i + half)`, by the angles whose cosines and sines stand in `[position, half]`.
 */
export function rotary(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  return turn(x, cos, sin, false);
}

function turn(x: Tensor, cos: Tensor, sin: Tensor, inverse: boolean): Tensor {
  const out = Tensor.allocate(x.shape, undefined, x.device);
  x.device.rotary(out.view('rotary'), x.view('rotary'), cos.view('rotary'), sin.view('rotary'), inverse);
  return record('rotary', out, [x], (g) => [turn(g, cos, sin, !inverse)]);
}
