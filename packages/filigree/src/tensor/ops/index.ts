export * from './elementwise.js';
export { crossEntropy, gather, pick } from './gather.js';
export { patches } from './patches.js';
export { einsum, matmul } from './product.js';
export { max, mean, min, sum } from './reduce.js';
export { rotary } from './rotary.js';
export { logSoftmax, softmax } from './softmax.js';
export { sort, topK } from './sort.js';
export {
  addAxis,
  alias,
  assign,
  at,
  concat,
  contiguous,
  expand,
  permute,
  reshape,
  slice,
  stack,
  transpose,
} from './views.js';
