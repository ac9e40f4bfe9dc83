import type { Causal } from '../../kernels/device.js';
import { record } from '../tape.js';
import { Tensor } from '../tensor.js';
import { contiguous } from './views.js';

function rows(x: Tensor, causal: Causal | undefined, log: boolean): Tensor {
  const name = log ? 'logSoftmax' : 'softmax';
  const input = contiguous(x);
  const y = Tensor.allocate(x.shape, undefined, x.device);
  x.device.softmax(y.view(name), input.view(name), causal, log);
  return record(name, y, [input], (g) => {
    const packed = contiguous(g);
    const out = Tensor.allocate(y.shape, undefined, y.device);
    y.device.softmaxGrad(out.view(name), y.view(name), packed.view(name), log);
    return [out];
  });
}

/** Softmax over the last dimension. With `causal`, query rows see only keys up to their own position, the rest get 0. */
export function softmax(x: Tensor, causal?: Causal): Tensor {
  return rows(x, causal, false);
}

/** Log-softmax over the last dimension. */
export function logSoftmax(x: Tensor): Tensor {
  return rows(x, undefined, true);
}
