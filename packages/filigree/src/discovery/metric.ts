import { InputError } from '../errors.js';
import type { Pair } from '../tasks/task.js';
import { exp, logSoftmax, maximum, mul, pick, softmax, sub, sum, type Tensor, tensor } from '../tensor/index.js';

export const metricNames = ['logit-diff', 'logit-margin', 'prob-diff', 'kl'] as const;
export type MetricName = (typeof metricNames)[number];

/**
 * How well the model behaves on each pair, from the logits of the last position `[batch, vocabulary]`; higher is better.
 * `logit-diff`: mean logit of the answers minus mean logit of the wrongs. `logit-margin`: mean logit of the answers minus the
 * largest logit of the wrongs. `prob-diff`: sum of the answers' probabilities minus sum of the wrongs'. `kl`: minus KL(full model's distribution on the clean prompt || this one), so `cleanLogits` are needed.
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
      const each = name === 'prob-diff' ? sign : sign / ids.length;
      for (const id of ids) weights[row * vocabulary + id] += each;
    };
    share(pair.answers, 1);
    if (name !== 'logit-margin') share(pair.wrongs, -1);
  });
  const selector = tensor(weights, [batch, vocabulary], undefined, logits.device);
  const value = sum(mul(name === 'prob-diff' ? softmax(logits) : logits, selector), -1);
  return name === 'logit-margin' ? sub(value, largestWrong(logits, pairs)) : value;
}

/** The largest logit among each pair's wrongs, `[batch]`; of equals the gradient goes to one. */
function largestWrong(logits: Tensor, pairs: readonly Pair[]): Tensor {
  const vocabulary = logits.shape[1];
  const most = Math.max(...pairs.map(({ wrongs }) => wrongs.length));
  // The k-th wrong of each pair; where there is none, the first once more.
  const column = (k: number): Tensor =>
    pick(
      logits,
      pairs.map(({ wrongs }, row) => row * vocabulary + (wrongs[k] ?? wrongs[0])),
    );
  let largest = column(0);
  for (let k = 1; k < most; k++) largest = maximum(largest, column(k));
  return largest;
}

/** The metric's name from a user. */
export function parseMetric(name: string): MetricName {
  const known = metricNames.find((m) => m === name);
  if (!known) throw new InputError(`There is no metric '${name}'; choose one of ${metricNames.join(', ')}.`);
  return known;
}
