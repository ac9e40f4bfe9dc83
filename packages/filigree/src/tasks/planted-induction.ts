import { InputError } from '../errors.js';
import type { TransformerConfig } from '../nn/config.js';
import { parameterShapes } from '../nn/parameters.js';
import { Transformer } from '../nn/transformer.js';
import { Random, type Tensor, tensor } from '../tensor/index.js';
import type { Pair } from './task.js';

export interface PlantedInductionOptions {
  /** Logit by which an attention score of a match exceeds one of no match; larger is more saturated, and harder for gradients. */
  beta?: number;
  /** Number of tokens. */
  vocabulary?: number;
  /** Tokens in a prompt; at most `vocabulary`. */
  length?: number;
  /** Heads with random weights in each layer, which change the output but are no part of the circuit. */
  decoys?: number;
  /** Draws the weights of the decoys. */
  seed?: number;
}

/** A transformer written by hand to do a task, so that the circuit which does it is known. The caller disposes of the model. */
export interface Planted {
  readonly model: Transformer;
  /** Names of the edges that carry the behaviour when edges take their values of the corrupted prompt. */
  readonly truth: ReadonlySet<string>;
  /** Pairs of token ids, the same for the same seed. */
  pairs(count: number, seed: number): Pair[];
}

/** Standard deviation of the decoys' weights, and how much smaller their maps into the stream are. */
const decoyDeviation = 0.25;
const decoyOut = 0.3;
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
  const { beta = 12, vocabulary = 12, length = 10, decoys = 2, seed = 0 } = options;
  for (const [name, value, least] of [
    ['vocabulary', vocabulary, 4],
    ['length', length, 3],
    ['decoys', decoys, 0],
  ] as const) {
    if (!(Number.isInteger(value) && value >= least)) {
      throw new InputError(`A planted model's ${name} must be a whole number of at least ${least}, not ${value}.`);
    }
  }
  if (!(beta > 0 && Number.isFinite(beta))) throw new InputError(`beta must be a positive number, not ${beta}.`);
  if (length > vocabulary) {
    throw new InputError(`A planted prompt of ${length} tokens needs a vocabulary as large, not of ${vocabulary}.`);
  }
  const config = plantedConfig(vocabulary, length, 1 + decoys);
  return {
    model: new Transformer(config, plantedParameters(config, beta, seed)),
    truth: new Set(['input->a0.h0<v>', 'a0.h0->a1.h0<k>', 'input->a1.h0<q>', 'input->a1.h0<v>', 'a1.h0->logits']),
    pairs(count, pairSeed) {
      const random = new Random(pairSeed).fork('planted induction');
      return Array.from({ length: count }, () => drawPair(random, vocabulary, length));
    },
  };
}

function plantedConfig(vocabulary: number, length: number, heads: number): TransformerConfig {
  return {
    architecture: 'gpt2',
    layers: 2,
    heads,
    kvHeads: heads,
    width: 4 * vocabulary,
    headWidth: vocabulary,
    mlpWidth: 0,
    vocabulary,
    context: length,
    norm: 'none',
    normEps: 0,
    activation: 'relu',
    gated: false,
    positions: 'learned',
    rotaryBase: 0,
    rotaryWidth: 0,
    tied: false,
    biases: { qkv: false, attentionOut: false, mlp: false },
  };
}

function plantedParameters(config: TransformerConfig, beta: number, seed: number): Map<string, Tensor> {
  const { vocabulary: v, width, heads, context } = config;
  const [tok, pos, prev, out] = [0, v, 2 * v, 3 * v];
  const random = new Random(seed).fork('decoys');
  const values = new Map([...parameterShapes(config)].map(([name, [r, c]]) => [name, new Float64Array(r * c)]));
  /** Adds `scale` times the identity to a matrix: row `row + i`, column `column + i`, for `count` values of i. */
  const identity = (name: string, row: number, column: number, scale = 1, count = v): void => {
    const matrix = values.get(name)!;
    const columns = name.endsWith('attn.out.weight') ? heads * v : width;
    for (let i = 0; i < count; i++) matrix[(row + i) * columns + column + i] = scale;
  };
  identity('embed.weight', 0, tok);
  identity('position.weight', 0, pos, 1, context);
  identity('unembed.weight', 0, out);
  for (const layer of [0, 1]) {
    for (const which of ['q', 'k', 'v']) {
      const decoy = random.normals((heads - 1) * v * width, decoyDeviation);
      values.get(`blocks.${layer}.attn.${which}.weight`)!.set(decoy, v * width);
    }
    const outWeights = values.get(`blocks.${layer}.attn.out.weight`)!;
    for (let row = 0; row < width; row++) {
      outWeights.set(random.normals((heads - 1) * v, decoyDeviation * decoyOut), row * heads * v + v);
    }
  }
  const c = Math.sqrt(beta * Math.sqrt(v));
  // The query's row t - 1 reads position t, so that it matches the key of the position before.
  identity('blocks.0.attn.q.weight', 0, pos + 1, c, v - 1);
  identity('blocks.0.attn.k.weight', 0, pos, c);
  identity('blocks.0.attn.v.weight', 0, tok);
  identity('blocks.0.attn.out.weight', prev, 0);
  identity('blocks.1.attn.q.weight', 0, tok, c);
  identity('blocks.1.attn.k.weight', 0, prev, c);
  identity('blocks.1.attn.v.weight', 0, tok);
  identity('blocks.1.attn.out.weight', out, 0, copy);
  const shapes = parameterShapes(config);
  return new Map([...values].map(([name, data]) => [name, tensor(data, shapes.get(name)!)]));
}

function drawPair(random: Random, vocabulary: number, length: number): Pair {
  const draw = (): { tokens: number[]; answer: number } => {
    const row = random.shuffle(Array.from({ length: vocabulary }, (_, i) => i)).slice(0, length - 1);
    // The last token of the row has no successor.
    const asked = random.integer(length - 2);
    return { tokens: [...row, row[asked]], answer: row[asked + 1] };
  };
  for (;;) {
    const clean = draw();
    const corrupt = draw();
    if (clean.answer === corrupt.answer) continue;
    return { clean: clean.tokens, corrupt: corrupt.tokens, answers: [clean.answer], wrongs: [corrupt.answer] };
  }
}
