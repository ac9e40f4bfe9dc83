import type { LayeredOptions } from '../nn/layered.js';
import { checkPull, type SrSteOptions } from './sr-ste.js';

/**
 * BDWP, bidirectional weight pruning: as SR-STE in the forward pass, and the gradient of the inputs goes through the `n` largest of every `m` weights
 * along the outputs: `dX = W_b^T dY` is n:m too. Only the weights' gradient stays dense: a step takes `(2 n / m + 1) / 3` of the
 * multiply-adds of a dense one.
 * Fang, Sun, Aly, Wang: Efficient N:M Sparse DNN Training Using Algorithm, Architecture, and Dataflow Co-Design, IEEE TCAD 2023.
 * @returns what `Mlp` and `Cnn` take as `projection`
 */
export function bdwp({ n, m, pull = 0 }: SrSteOptions): NonNullable<LayeredOptions['projection']> {
  checkPull(pull);
  return { n, m, pull, backward: 'own' };
}
