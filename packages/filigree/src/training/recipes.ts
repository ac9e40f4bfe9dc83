import { findNamed } from '../nearest.js';
import type { TransformerConfig } from '../nn/config.js';
import type { Mixture } from '../tasks/corpus.js';

/** Everything that decides a trained language model, but its seed. */
export interface Recipe {
  readonly name: string;
  readonly description: string;
  /** Size of the model; vocabulary and token ids come from the tokenizer. */
  readonly config: Omit<TransformerConfig, 'vocabulary' | 'bos' | 'eos'>;
  /** What the text is made of, and how often each part is drawn. */
  readonly text: Mixture;
  /**
   * Tokens of the byte-pair vocabulary, documents that it is trained on, and digits that make a token; `even` takes every part of the
   * text equally often, so that the words of the rare ones are tokens too.
   */
  readonly tokenizer: {
    readonly size: number;
    readonly documents: number;
    readonly digits?: 1 | 2;
    readonly kind?: 'prose' | 'programs';
    readonly even?: boolean;
  };
  readonly steps: number;
  /** Windows in a batch and positions in a window. */
  readonly batch: number;
  readonly window: number;
  readonly lr: number;
  readonly warmup: number;
  readonly weightDecay: number;
  readonly beta2: number;
  readonly clip: number;
  /** Standard deviation of the initial weights. */
  readonly scale: number;
}

/** Four layers of four heads, width 64, for prompts of up to 64 tokens. */
const small: Recipe['config'] = {
  architecture: 'llama',
  layers: 4,
  heads: 4,
  kvHeads: 4,
  width: 64,
  headWidth: 16,
  mlpWidth: 172,
  context: 64,
  norm: 'rms',
  normEps: 1e-5,
  activation: 'silu',
  gated: true,
  positions: 'rotary',
  rotaryBase: 10000,
  rotaryWidth: 16,
  tied: true,
  biases: { qkv: false, attentionOut: false, mlp: false },
};

/** How both are trained. */
const usual = { batch: 16, window: 64, lr: 4e-3, weightDecay: 0.1, beta2: 0.99, clip: 1, scale: 0.08 } as const;

/** A small Llama-family model of stories, rhymes, lists and sayings: half the training of `mix4`, four of its tasks. */
const stories: Recipe = {
  name: 'stories',
  description: 'a small Llama-family model of made-up stories, rhymes, nested lists and quotations',
  config: small,
  text: { stories: 4, rhymes: 4, lists: 3, sayings: 2 },
  tokenizer: { size: 640, documents: 4000 },
  steps: 6000,
  warmup: 100 / 6000,
  ...usual,
};

/** The same size with text for every built-in task; the one that the project ships. */
const mix4: Recipe = {
  name: 'mix4',
  description:
    'the same size, with people who give, years, Python functions, professions, and verbs that agree besides',
  config: small,
  text: { stories: 4, 'long rhymes': 8, lists: 2, sayings: 2, gifts: 6, years: 1.5, code: 2, jobs: 1.5, herds: 5 },
  tokenizer: { size: 1088, documents: 6000, digits: 2, even: true },
  steps: 12_000,
  warmup: 100 / 12_000,
  ...usual,
};

export const recipes: readonly Recipe[] = [stories, mix4];

/** The recipe of this name. Throws InputError, with the nearest name, when there is none. */
export function findRecipe(name: string): Recipe {
  return findNamed('recipe', name, recipes, (recipe) => recipe.name);
}
