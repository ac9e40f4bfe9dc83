import { outputSize } from '../../kernels/reference-patches.js';
import { record } from '../tape.js';
import { Tensor } from '../tensor.js';
import { contiguous } from './views.js';

/**
 * What a convolution sees: `y[b, r, s, ky, kx, c] = x[b, r stride + ky - padding, s stride + kx - padding, c]`, 0 outside. Differentiable.
 * @param x `[batch, height, width, channels]`
 * @returns `[batch, rows, columns, kh * kw * channels]`
 */
export function patches(
  x: Tensor,
  options: { kernel: readonly [number, number]; stride: number; padding: number },
): Tensor {
  const [batch, height, width, channels] = x.shape;
  const { kernel } = options;
  const geometry = { height, width, channels, ...options };
  const [down, across] = outputSize(geometry);
  const out = Tensor.allocate([batch, down, across, kernel[0] * kernel[1] * channels], undefined, x.device);
  x.device.patches(out.view('patches'), contiguous(x).view('patches'), geometry);
  return record('patches', out, [x], (g) => {
    if (!x.tracked) return [null];
    const dx = Tensor.allocate(x.shape, undefined, x.device);
    x.device.patchesGrad(dx.view('patches'), contiguous(g).view('patches'), geometry);
    return [dx];
  });
}
