import { InputError } from '../errors.js';
import { noGrad, Random, scope, type Tensor } from '../tensor/index.js';
import { KeyValueCache } from './cache.js';
import type { Transformer } from './transformer.js';

export interface GenerateOptions {
  /** Tokens to add at most. */
  length?: number;
  /** 0 takes the most likely token; higher is more varied. */
  temperature?: number;
  /** Only the k most likely tokens are drawn from; 0 means all. */
  topK?: number;
  seed?: number;
  signal?: AbortSignal;
}

/**
 * Continues a prompt one token at a time, with a key-value cache: each step runs only the new token. Ends at the end token, at
 * `length`, or where the context is full. Throws InputError for a prompt that the model cannot read.
 */
export async function* generate(
  model: Transformer,
  prompt: readonly number[],
  options: GenerateOptions = {},
): AsyncGenerator<number> {
  const { length = 100, temperature = 1, topK = 0, seed = 0, signal } = options;
  if (!(temperature >= 0)) throw new InputError(`The temperature must be 0 or more, not ${temperature}.`);
  if (!(Number.isInteger(topK) && topK >= 0)) throw new InputError(`top-k must be 0 or a whole number, not ${topK}.`);
  model.check([prompt]);
  const random = new Random(seed);
  const capacity = Math.min(model.config.context, prompt.length + length);
  const cache = new KeyValueCache(model.config, 1, capacity);
  try {
    let next = prompt;
    for (let i = 0; i < length && cache.length + next.length <= capacity; i++) {
      signal?.throwIfAborted();
      const at = [next.length - 1];
      const logits: Tensor = scope(() => noGrad(() => model.run([next], { cache, at, narrow: true }).logits));
      const values = Float64Array.from(await logits.data());
      logits.dispose();
      const token = sample(values, temperature, topK, random);
      if (token === model.config.eos) return;
      yield token;
      next = [token];
    }
  } finally {
    cache.dispose();
  }
}

/** Draws from softmax(logits / temperature) among the k largest. */
function sample(logits: Float64Array, temperature: number, topK: number, random: Random): number {
  const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a] || a - b);
  if (temperature === 0) return order[0];
  const among = topK === 0 ? order : order.slice(0, topK);
  const weights = among.map((i) => Math.exp((logits[i] - logits[among[0]]) / temperature));
  let left = random.uniform() * weights.reduce((a, b) => a + b, 0);
  for (let i = 0; i < among.length; i++) {
    left -= weights[i];
    if (left < 0) return among[i];
  }
  return among[among.length - 1];
}
