import { InputError } from '../errors.js';
import type { Random } from '../tensor/index.js';
import {
  checkPositive,
  checkSizes,
  type DecoyOptions,
  decoysOf,
  type Planted,
  type PlantedWeights,
  plant,
} from './planted.js';
import type { Pair } from './task.js';

export interface PlantedInductionOptions extends DecoyOptions {
  /** Logit by which an attention score of a match exceeds one of no match; larger is more saturated, and harder for gradients. */
  beta?: number;
  /** Number of tokens. */
  vocabulary?: number;
  /** Tokens in a prompt; at most `vocabulary`. */
  length?: number;
}

/** Logits by which the induction head raises what it copies. */
const copy = 4;

/**
 * An induction circuit (Olsson et al. 2022, "In-context Learning and Induction Heads") in two attention-only layers without norms
 * or biases. The stream has four blocks of `vocabulary` features, tok | pos | prev | out, and heads are `vocabulary` wide:
 *
 *     a0.h0   W_Q = c S on pos (S takes position t to t - 1), W_K = c I on pos, W_V = I on tok, W_O = I into prev
 *     a1.h0   W_Q = c I on tok, W_K = c I on prev,            W_V = I on tok, W_O = 4 I into out
 *
 * with c^2 = beta sqrt(vocabulary), so that a match scores beta; the unembedding reads `out`. Decoys follow in each layer.
 * A prompt is `length - 1` different tokens and one of them again; the answer is what followed it. The corrupted prompt is an
 * independent one with another answer. (Position 0 has none before it and attends to itself, so that after the first token the
 * model also repeats that token.) A gradient on the clean prompt misses what saturated attention hides.
 *
 * @throws InputError for sizes that are not whole numbers or leave no room for a prompt
 */
export function plantedInduction(options: PlantedInductionOptions = {}): Planted {
  const { beta = 12, vocabulary: v = 12, length = 10 } = options;
  const decoys = decoysOf(options, 0.3);
  checkRows(v, length);
  checkPositive({ beta });
  return plant({
    name: 'induction',
    config: {
      layers: 2,
      heads: 1 + decoys.decoys,
      width: 4 * v,
      headWidth: v,
      mlpWidth: 0,
      vocabulary: v,
      context: length,
    },
    truth: ['input->a0.h0<v>', 'a0.h0->a1.h0<k>', 'input->a1.h0<q>', 'input->a1.h0<v>', 'a1.h0->logits'],
    decoys,
    real: () => ({ heads: 1, features: 0 }),
    write: (weights) => writeInduction(weights, { vocabulary: v, length, beta, copies: [copy] }),
    draw: (random) => drawRows(random, v, length),
  });
}

/** Throws InputError where rows of different tokens cannot be drawn: too few tokens, or fewer than a prompt has. */
export function checkRows(vocabulary: number, length: number): void {
  checkSizes([
    ['vocabulary', vocabulary, 4],
    ['length', length, 3],
  ]);
  if (length > vocabulary) {
    throw new InputError(`A planted prompt of ${length} tokens needs a vocabulary as large, not of ${vocabulary}.`);
  }
}

/**
 * Writes the blocks tok | pos | prev | out, a previous-token head into layer 0, and into layer 1 an induction head for each of
 * `copies`, which is the logits by which it raises what it copies.
 */
export function writeInduction(
  weights: PlantedWeights,
  {
    vocabulary: v,
    length,
    beta,
    copies,
  }: { vocabulary: number; length: number; beta: number; copies: readonly number[] },
): void {
  const [tok, pos, prev, out] = [0, v, 2 * v, 3 * v];
  const c = Math.sqrt(beta * Math.sqrt(v));
  weights.identity('embed.weight', 0, tok, 1, v);
  weights.identity('position.weight', 0, pos, 1, length);
  weights.identity('unembed.weight', 0, out, 1, v);
  // The query's row t - 1 reads position t, so that it matches the key of the position before.
  weights.identity('blocks.0.attn.q.weight', 0, pos + 1, c, v - 1);
  weights.identity('blocks.0.attn.k.weight', 0, pos, c, v);
  weights.identity('blocks.0.attn.v.weight', 0, tok, 1, v);
  weights.identity('blocks.0.attn.out.weight', prev, 0, 1, v);
  for (const [head, raise] of copies.entries()) {
    weights.identity('blocks.1.attn.q.weight', head * v, tok, c, v);
    weights.identity('blocks.1.attn.k.weight', head * v, prev, c, v);
    weights.identity('blocks.1.attn.v.weight', head * v, tok, 1, v);
    weights.identity('blocks.1.attn.out.weight', out, head * v, raise, v);
  }
}

/**
 * Two independent rows of different tokens, each with one of them again at the end, from the place `first` on; the answers, what
 * followed it, differ.
 */
export function drawRows(random: Random, vocabulary: number, length: number, first = 0): Pair {
  const draw = (): { tokens: number[]; answer: number } => {
    const row = random.shuffle(Array.from({ length: vocabulary }, (_, i) => i)).slice(0, length - 1);
    // The last token of the row has no successor.
    const asked = first + random.integer(length - 2 - first);
    return { tokens: [...row, row[asked]], answer: row[asked + 1] };
  };
  for (;;) {
    const clean = draw();
    const corrupt = draw();
    if (clean.answer === corrupt.answer) continue;
    return { clean: clean.tokens, corrupt: corrupt.tokens, answers: [clean.answer], wrongs: [corrupt.answer] };
  }
}
