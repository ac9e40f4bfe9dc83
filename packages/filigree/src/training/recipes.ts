import { findNamed } from '../nearest.js';
import type { TransformerConfig } from '../nn/config.js';

/** Everything that decides a trained language model, but its seed. */
export interface Recipe {
  readonly name: string;
  readonly description: string;
  /** Size of the model; vocabulary and token ids come from the tokenizer. */
  readonly config: Omit<TransformerConfig, 'vocabulary' | 'bos' | 'eos'>;
  /** Tokens of the byte-pair vocabulary, and documents that it is trained on. */
  readonly tokenizer: { readonly size: number; readonly documents: number; readonly digits?: 1 | 2 };
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

/** A small Llama-family model of stories, rhymes, lists and sayings; the one that the project ships. */
const stories: Recipe = {
  name: 'stories',
  description: 'a small Llama-family model of made-up stories, rhymes, nested lists and quotations',
  config: {
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
  },
  tokenizer: { size: 1088, documents: 6000, digits: 2 },
  steps: 6500,
  batch: 16,
  window: 64,
  lr: 4e-3,
  warmup: 100 / 6500,
  weightDecay: 0.1,
  beta2: 0.99,
  clip: 1,
  scale: 0.08,
};

export const recipes: readonly Recipe[] = [stories];

/** The recipe of this name. Throws InputError, with the nearest name, when there is none. */
export function findRecipe(name: string): Recipe {
  return findNamed('recipe', name, recipes, (recipe) => recipe.name);
}
