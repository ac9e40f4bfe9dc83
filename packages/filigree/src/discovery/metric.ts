import { InputError } from '../errors.js';
import type { Pair } from '../tasks/task.js';
import { exp, logSoftmax, mul, softmax, sub, sum, type Tensor, tensor } from '../tensor/index.js';

export const metricNames = ['logit-diff', 'prob-diff', 'kl'] as const;
export type MetricName = (typeof metricNames)[number];

/**
 * How well the model behaves on each pair, from the logits of the last position `[batch, vocabulary]`; higher is better.
 * `logit-diff`: mean logit of the answers minus mean logit of the wrongs. `prob-diff`: sum of the answers' probabilities minus
 * sum of the wrongs'. `kl`: minus KL(full model's distribution on the clean prompt || this one), so `cleanLogits` are needed.
 * Differentiable in the logits; gives `[batch]`.
 */
export function metric(name: MetricName, logits: Tensor, pairs: readonly Pair[], cleanLogits?: Tensor): Tensor {
  if (name === 'kl') {
    if (!cleanLogits) throw new RangeError('metric: kl needs the logits of the clean run');
    const reference = logSoftmax(cleanLogits);
    return sum(mul(exp(reference), sub(logSoftmax(logits), reference)), -1);
  }
  const [batch, vocabulary] = logits.shape;
  const weights = new Float32Array(batch * vocabulary);
  pairs.forEach((pair, row) => {
    const share = (ids: readonly number[], sign: number): void => {
      const each = name === 'logit-diff' ? sign / ids.length : sign;
      for (const id of ids) weights[row * vocabulary + id] += each;
    };
    share(pair.answers, 1);
    share(pair.wrongs, -1);
  });
  const selector = tensor(weights, [batch, vocabulary], undefined, logits.device);
  return sum(mul(name === 'prob-diff' ? softmax(logits) : logits, selector), -1);
}

/** The metric's name from a user. */
export function parseMetric(name: string): MetricName {
  const known = metricNames.find((m) => m === name);
  if (!known) throw new InputError(`There is no metric '${name}'; choose one of ${metricNames.join(', ')}.`);
  return known;
}
