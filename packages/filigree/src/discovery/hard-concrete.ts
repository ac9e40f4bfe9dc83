import { add, maximum, minimum, mul, type Random, sigmoid, type Tensor, tensor } from '../tensor/index.js';

/** Temperature, and the ends to which the concrete distribution is stretched before it is clipped to 0 .. 1. */
const temperature = 2 / 3;
const [low, high] = [-0.1, 1.1];
/** By how much a gate's logit is above the one at which it is as often shut as not. */
const shift = -temperature * Math.log(-low / high);

/**
 * Samples of the hard concrete distribution (Louizos, Welling, Kingma 2018, "Learning Sparse Neural Networks through L0
 * Regularization"), one per gate:
 *
 *     z = clip(1.2 sigmoid((log U - log(1 - U) + a) / beta) - 0.1, 0, 1),   beta = 2/3, U uniform
 *
 * which is exactly 0 or 1 often enough to cut and to keep. Differentiable in the logits `a`; same shape.
 */
export function hardConcrete(logits: Tensor, random: Random): Tensor {
  const noise = Float64Array.from({ length: logits.size }, () => {
    // Half a step above the multiples of 2^-53 that `uniform` gives: never 0, never 1.
    const u = random.uniform() + 2 ** -54;
    return Math.log(u) - Math.log1p(-u);
  });
  const sample = sigmoid(mul(add(logits, tensor(noise, logits.shape, undefined, logits.device)), 1 / temperature));
  return minimum(maximum(add(mul(sample, high - low), low), 0), 1);
}

/** The chance that a gate is not shut, P(z > 0) = sigmoid(a - beta log(0.1 / 1.1)). */
export function openProbability(logits: Tensor): Tensor {
  return sigmoid(add(logits, shift));
}

/** The same of one logit, as a number. */
export function openChance(logit: number): number {
  return 1 / (1 + Math.exp(-logit - shift));
}
