import { SparseTensor, sparseLinear } from '../sparse/index.js';
import { add, matmul, type Tensor, tagged } from '../tensor/index.js';
import type { Parameter } from './optimiser.js';

/** The tag of products with sparse weights, by which `WeightFlows` finds them. */
export const weightTag = 'weight';

/** `y = x W^T + b` with a dense or a sparse `W[out, in]`; `x` is `[.., in]`. */
export function linear(x: Tensor, weight: Parameter, bias?: Tensor): Tensor {
  if (weight instanceof SparseTensor) return tagged(weightTag, () => sparseLinear(x, weight, bias));
  const y = matmul(x, weight, { transposeB: true });
  return bias ? add(y, bias) : y;
}
