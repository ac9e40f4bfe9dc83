import { InputError } from '../errors.js';
import type { PatchGeometry } from '../kernels/index.js';
import { outputSize } from '../kernels/reference-patches.js';
import { add, contiguous, noGrad, record, reshape, scope, slice, sum, Tensor, zeros } from '../tensor/index.js';
import type { SparseTensor } from './sparse-tensor.js';

export interface ConvOptions {
  /** Rows and columns of the kernel; default 1x1. */
  kernel?: readonly [number, number];
  /** Default 1. */
  stride?: number;
  /** Rows of zeros around the image; default 0. */
  padding?: number;
}

/** Floats of patches that are laid out at a time: they bound the memory, whatever the batch. */
const PATCH_FLOATS = 1 << 22;

/**
 * Convolution with a sparse kernel in any layout: `y[b, r, s, i] = bias[i] + sum_(ky, kx, c) W[i, (ky * kw + kx) * channels + c] x[b, r * stride + ky -
 * padding, s * stride + kx - padding, c]`, zeros outside. Gradients flow to `x`, to `w.values` (only where they are) and to `bias`. Images go
 * through in groups, so that what the kernel sees is never laid out for the whole batch.
 * @param x `[batch, height, width, channels]`
 * @param w `[out, kh * kw * channels]`, channels fastest; `convColumns` gives the order of PyTorch's `[out, channels, kh, kw]`
 * @param bias `[out]`
 * @returns `[batch, rows, columns, out]`
 * @throws InputError where the shapes do not fit
 */
export function sparseConv2d(x: Tensor, w: SparseTensor, options: ConvOptions = {}, bias?: Tensor): Tensor {
  const { kernel = [1, 1], stride = 1, padding = 0 } = options;
  const [out, inputs] = w.shape;
  if (x.shape.length !== 4)
    throw new InputError(`sparseConv2d: images are [batch, height, width, channels], got [${x.shape}]`);
  const [batch, height, width, channels] = x.shape;
  const whole = (n: number, least: number) => Number.isInteger(n) && n >= least && n < 65536;
  if (!whole(kernel[0], 1) || !whole(kernel[1], 1) || !whole(stride, 1) || !whole(padding, 0)) {
    throw new InputError(
      `sparseConv2d: kernel ${kernel[0]}x${kernel[1]}, stride ${stride} and padding ${padding} have to be whole, kernel and stride at least 1`,
    );
  }
  if (inputs !== kernel[0] * kernel[1] * channels) {
    throw new InputError(
      `sparseConv2d: a ${kernel[0]}x${kernel[1]} kernel on ${channels} channels has ${kernel[0] * kernel[1] * channels} inputs, the weight ${inputs}`,
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new InputError(`sparseConv2d: a weight with ${out} outputs needs a bias of ${out}, got [${bias.shape}]`);
  }
  const geometry: PatchGeometry = { height, width, channels, kernel, stride, padding };
  const [down, across] = outputSize(geometry);
  const spots = down * across;
  const plain = kernel[0] === 1 && kernel[1] === 1 && stride === 1 && padding === 0;
  const step = plain ? Math.max(1, batch) : Math.max(1, Math.floor(PATCH_FLOATS / Math.max(1, spots * inputs)));
  const view = (t: Tensor) => t.view('sparseConv2d');
  const products = w.products();
  const images = contiguous(x);
  /** Images `from` to `to` of a batch of images or of outputs, as rows. */
  const part = (t: Tensor, from: number, to: number, rows: number, columns: number) =>
    reshape(slice(t, 0, from, to), [(to - from) * rows, columns]);
  const seen = (from: number, to: number): Tensor => {
    if (plain) return part(images, from, to, spots, channels);
    const patches = Tensor.allocate([(to - from) * spots, inputs], undefined, x.device);
    x.device.patches(view(patches), view(slice(images, 0, from, to)), geometry);
    return patches;
  };
  const groups = Array.from({ length: Math.ceil(batch / step) }, (_, k) => [k * step, Math.min(batch, (k + 1) * step)]);

  const y = Tensor.allocate([batch, down, across, out], undefined, x.device);
  for (const [from, to] of groups) {
    scope(() =>
      noGrad(() => {
        const rows = view(part(y, from, to, spots, out));
        products.product(w.forward(), view(w.values), rows, view(seen(from, to)), bias && view(bias));
      }),
    );
  }
  return record('sparseConv2d', y, bias ? [x, w.values, bias] : [x, w.values], (gradient) => {
    const g = contiguous(gradient);
    const slopes: (Tensor | null)[] = [null, null];
    if (x.tracked) {
      const dx = Tensor.allocate(x.shape, undefined, x.device);
      for (const [from, to] of groups) {
        scope(() => {
          const image = slice(dx, 0, from, to);
          const rows = plain
            ? part(dx, from, to, spots, channels)
            : Tensor.allocate([(to - from) * spots, inputs], undefined, x.device);
          products.product(w.transposed(), view(w.values), view(rows), view(part(g, from, to, spots, out)));
          if (!plain) x.device.patchesGrad(view(image), view(rows), geometry);
        });
      }
      slopes[0] = dx;
    }
    if (w.values.tracked) {
      let total = zeros([w.layout.size], x.device);
      for (const [from, to] of groups) {
        const before = total;
        total = scope(() => {
          const slope = Tensor.allocate([w.layout.size], undefined, x.device);
          products.sampled(w.forward(), view(slope), view(part(g, from, to, spots, out)), view(seen(from, to)));
          return add(before, slope);
        });
        before.dispose();
      }
      slopes[1] = total;
    }
    if (bias) slopes.push(bias.tracked ? sum(reshape(g, [batch * spots, out]), 0) : null);
    return slopes;
  });
}

/**
 * A kernel `[out, channels, kh, kw]`, row-major as PyTorch keeps it, in the order of `sparseConv2d`: `[out, kh * kw * channels]`.
 * @throws InputError where the number of values is not that of the shape
 */
export function convColumns(
  kernel: ArrayLike<number>,
  [out, channels, kh, kw]: readonly [number, number, number, number],
): Float64Array {
  if (kernel.length !== out * channels * kh * kw) {
    throw new InputError(
      `a kernel of ${out} x ${channels} x ${kh} x ${kw} has ${out * channels * kh * kw} values, got ${kernel.length}`,
    );
  }
  const columns = new Float64Array(kernel.length);
  for (let i = 0, from = 0; i < out; i++) {
    for (let c = 0; c < channels; c++) {
      for (let tap = 0; tap < kh * kw; tap++, from++) columns[(i * kh * kw + tap) * channels + c] = kernel[from];
    }
  }
  return columns;
}
