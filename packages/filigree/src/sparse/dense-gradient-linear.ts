import { InputError } from '../errors.js';
import { sizeOf } from '../kernels/views.js';
import { add, matmul, record, reshape, sum, Tensor, tensor, zeros } from '../tensor/index.js';
import type { SparseTensor } from './sparse-tensor.js';

/**
 * `y = x W^T + b` with a dense `W[out, in]` that is mostly zeros. Where `packed`, its nonzero weights, is given, the forward pass and the
 * gradient of `x` skip the zeros. The gradient of `W` is that of all its places, zeros included, so that a weight may come back
 * (Gao et al. 2025); with `support` only that of the packed ones, and 0 elsewhere.
 * @param x `[.., in]`
 * @param packed holds what `w` holds now
 * @param bias `[out]`
 * @returns `[.., out]`
 * @throws InputError where the shapes do not fit
 */
export function denseGradientLinear(
  x: Tensor,
  w: Tensor,
  packed: SparseTensor | undefined,
  bias?: Tensor,
  options: { support?: boolean } = {},
): Tensor {
  const [out, inputs] = w.shape;
  if (w.shape.length !== 2 || x.shape.length === 0 || x.shape[x.shape.length - 1] !== inputs) {
    throw new InputError(`denseGradientLinear: a weight [${w.shape}] does not fit inputs [${x.shape}]`);
  }
  if (packed && packed.shape.join() !== w.shape.join()) {
    throw new InputError(`denseGradientLinear: a weight [${w.shape}] is not the packed one of [${packed.shape}]`);
  }
  const outer = x.shape.slice(0, -1);
  const rows = reshape(x, [sizeOf(outer), inputs]);
  if (!packed) {
    const y = matmul(rows, w, { transposeB: true });
    return reshape(bias ? add(y, bias) : y, [...outer, out]);
  }
  const products = packed.products();
  const view = (t: Tensor) => t.view('denseGradientLinear');
  const y = Tensor.allocate([rows.shape[0], out], undefined, x.device);
  products.product(packed.forward(), view(packed.values), view(y), view(rows), bias && view(bias));
  const inputGradient = (g: Tensor): Tensor => {
    const dx = Tensor.allocate(rows.shape, undefined, x.device);
    products.product(packed.transposed(), view(packed.values), view(dx), view(g));
    return dx;
  };
  const weightGradient = (g: Tensor): Tensor => {
    if (!options.support) return matmul(g, rows, { transposeA: true });
    const values = Tensor.allocate([packed.layout.size, 1], undefined, x.device);
    products.sampled(packed.forward(), view(reshape(values, [-1])), view(g), view(rows));
    const dense = zeros([out * inputs, 1], x.device);
    const places = Int32Array.from(packed.layout.support.keys());
    const ids = tensor(places, [places.length], 'i32', x.device);
    dense.device.scatterAdd(view(dense), view(ids), view(values));
    return reshape(dense, [out, inputs]);
  };
  const result = record('denseGradientLinear', y, bias ? [rows, w, bias] : [rows, w], (g) => [
    rows.tracked ? inputGradient(g) : null,
    w.tracked ? weightGradient(g) : null,
    ...(bias ? [bias.tracked ? sum(g, 0) : null] : []),
  ]);
  return reshape(result, [...outer, out]);
}
