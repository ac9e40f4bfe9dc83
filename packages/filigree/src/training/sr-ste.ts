import { InputError } from '../errors.js';
import type { LayeredOptions } from '../nn/layered.js';

export interface SrSteOptions {
  /** `n` of every `m` inputs compute. */
  n: number;
  m: number;
  /** How strongly what does not compute decays: lambda; 0 is the plain straight-through estimator. */
  pull?: number;
}

/**
 * SR-STE: dense weights `W` are trained, but only the `n` largest of every `m` compute, `W~ = M W`; the gradient of `W~` goes straight
 * through to all of `W`, and what does not compute decays: `W <- W - lr (dL/dW~ + pull (1 - M) W)`. So masks settle. The paper's 2e-4 belongs to
 * a learning rate of 0.1 and long training; in short ones more is needed.
 * Zhou, Ma, Zhu, Liu, Zhang, Yuan, Sun, Li: Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch, ICLR 2021.
 * @returns what `Mlp` and `Cnn` take as `projection`
 */
export function srSte({ n, m, pull = 2e-4 }: SrSteOptions): NonNullable<LayeredOptions['projection']> {
  checkPull(pull);
  return { n, m, pull, backward: 'same' };
}

/** Throws InputError for a decay that is no number. */
export function checkPull(pull: number): void {
  if (!Number.isFinite(pull)) throw new InputError(`pull must be a number, not ${pull}`);
}
