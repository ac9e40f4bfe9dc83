import type { Layered } from '../nn/layered.js';
import { SparseTensor } from '../sparse/index.js';

/** What one sample costs in multiply-adds, and what a network takes in memory. */
export interface TrainingCost {
  /** Of the products of one layer after the other, forward, the inputs' gradients (not of the first layer) and the weights'. */
  readonly forward: number;
  readonly inputs: number;
  readonly weights: number;
  /** Of weights, biases, indices, gradients and optimiser state while training. */
  readonly bytes: number;
  /** Weights that compute. */
  readonly size: number;
  /** Weights of the dense network. */
  readonly dense: number;
}

/** @param slots arrays that the optimiser keeps of each parameter: 1 for SGD with momentum, 2 for Adam */
export function trainingCost(model: Layered, slots = 1): TrainingCost {
  const cost = { forward: 0, inputs: 0, weights: 0, bytes: 0, size: 0, dense: 0 };
  for (let l = 0; l < model.layers; l++) {
    const weight = model.weight(l);
    const [out, columns] = weight.shape;
    const all = out * columns;
    const sparse = weight instanceof SparseTensor ? weight.layout : undefined;
    const macs = model.projections.get(l)?.macs ?? uniform(sparse ? sparse.size : all);
    const { places } = model.uses[l];
    cost.forward += places * macs.forward;
    if (l > 0) cost.inputs += places * macs.input;
    cost.weights += places * macs.weights;
    cost.size += macs.forward;
    cost.dense += all;
    const learned = sparse ? sparse.size : all;
    const indices = sparse ? sparse.statistics().bytes - 4 * sparse.size : 0;
    cost.bytes += 4 * (2 + slots) * (learned + out) + indices;
  }
  return cost;
}

const uniform = (size: number) => ({ forward: size, input: size, weights: size });
