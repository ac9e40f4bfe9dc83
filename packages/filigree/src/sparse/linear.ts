import { InputError } from '../errors.js';
import { sizeOf } from '../kernels/views.js';
import { record, reshape, sum, Tensor } from '../tensor/index.js';
import type { SparseTensor } from './sparse-tensor.js';

/**
 * `y = x W^T + b` with a sparse `W[out, in]`: `y[.., i] = b[i] + sum of W[i, j] x[.., j]` over the stored places of row `i`.
 * Gradients flow to `x` (the product with the transposed pattern), to `w.values` (only where they are) and to `bias`.
 * In `csr` and `condensed`, inputs without a weight are never read: what is NaN there stays there.
 * @param x `[.., in]`, at least one dimension
 * @param bias `[out]`
 * @returns `[.., out]`
 * @throws InputError where the shapes do not fit
 */
export function sparseLinear(x: Tensor, w: SparseTensor, bias?: Tensor): Tensor {
  const [out, inputs] = w.shape;
  if (x.shape.length === 0 || x.shape[x.shape.length - 1] !== inputs) {
    throw new InputError(
      `sparseLinear: a ${out} x ${inputs} weight needs inputs of ${inputs} features, got [${x.shape}]`,
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new InputError(`sparseLinear: a ${out} x ${inputs} weight needs a bias of ${out}, got [${bias.shape}]`);
  }
  const samples = sizeOf(x.shape.slice(0, -1));
  const rows = reshape(x, [samples, inputs]);
  const y = multiply(rows, w, bias);
  return reshape(y, [...x.shape.slice(0, -1), out]);
}

function multiply(x: Tensor, w: SparseTensor, bias: Tensor | undefined): Tensor {
  const [out, inputs] = w.shape;
  const [samples] = x.shape;
  const products = w.products();
  const y = Tensor.allocate([samples, out], undefined, x.device);
  const view = (t: Tensor) => t.view('sparseLinear');
  products.product(w.forward(), view(w.values), view(y), view(x), bias && view(bias));
  return record('sparseLinear', y, bias ? [x, w.values, bias] : [x, w.values], (g) => {
    const gradients: (Tensor | null)[] = [null, null];
    if (x.tracked) {
      gradients[0] = Tensor.allocate([samples, inputs], undefined, x.device);
      products.product(w.transposed(), view(w.values), view(gradients[0]), view(g));
    }
    if (w.values.tracked) {
      gradients[1] = Tensor.allocate([w.layout.size], undefined, x.device);
      products.sampled(w.forward(), view(gradients[1]), view(g), view(x));
    }
    if (bias) gradients.push(bias.tracked ? sum(g, 0) : null);
    return gradients;
  });
}

/**
 * `y = x W + b` with a sparse `W[out, in]`, the way back through the layer: `y[.., j] = b[j] + sum of W[i, j] x[.., i]`. Gradients as in `sparseLinear`.
 * @param x `[.., out]`, at least one dimension
 * @param bias `[in]`
 * @returns `[.., in]`
 * @throws InputError where the shapes do not fit
 */
export function sparseLinearTransposed(x: Tensor, w: SparseTensor, bias?: Tensor): Tensor {
  const [out, inputs] = w.shape;
  if (x.shape.length === 0 || x.shape[x.shape.length - 1] !== out) {
    throw new InputError(`sparseLinearTransposed: a ${out} x ${inputs} weight needs ${out} features, got [${x.shape}]`);
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== inputs)) {
    throw new InputError(
      `sparseLinearTransposed: a ${out} x ${inputs} weight needs a bias of ${inputs}, got [${bias.shape}]`,
    );
  }
  const samples = sizeOf(x.shape.slice(0, -1));
  const rows = reshape(x, [samples, out]);
  const products = w.products();
  const view = (t: Tensor) => t.view('sparseLinearTransposed');
  const y = Tensor.allocate([samples, inputs], undefined, x.device);
  products.product(w.transposed(), view(w.values), view(y), view(rows), bias && view(bias));
  const operands = bias ? [rows, w.values, bias] : [rows, w.values];
  const recorded = record('sparseLinearTransposed', y, operands, (g) => {
    const gradients: (Tensor | null)[] = [null, null];
    if (rows.tracked) {
      gradients[0] = Tensor.allocate([samples, out], undefined, x.device);
      products.product(w.forward(), view(w.values), view(gradients[0]), view(g));
    }
    if (w.values.tracked) {
      gradients[1] = Tensor.allocate([w.layout.size], undefined, x.device);
      products.sampled(w.forward(), view(gradients[1]), view(rows), view(g));
    }
    if (bias) gradients.push(bias.tracked ? sum(g, 0) : null);
    return gradients;
  });
  return reshape(recorded, [...x.shape.slice(0, -1), inputs]);
}
