import { findNamed } from '../nearest.js';
import type { TransformerConfig } from '../nn/config.js';
import type { Mixture } from '../tasks/corpus.js';
import type { WeightSparsity } from './weight-sparsity.js';

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
  readonly beta1?: number;
  readonly beta2: number;
  /** Added to the root of AdamW's second moment; 1e-8 where left out. */
  readonly eps?: number;
  /** Largest norm of all gradients together. */
  readonly clip?: number;
  /** Largest root mean square of all gradients together, in place of `clip`; `rescale` brings smaller ones up to it. */
  readonly gradientRms?: { readonly limit: number; readonly rescale?: boolean };
  /** How the weights become few; the learning rate follows the sharkfin then, and a half cosine otherwise. */
  readonly sparsity?: WeightSparsity;
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

/** The transformer of "Weight-sparse transformers have interpretable circuits" (Gao et al. 2025), small. */
const weightSparse: Recipe = {
  name: 'weight-sparse',
  description: 'a transformer of generated programs in which all but one of 32 weights become zero',
  config: {
    architecture: 'weight_sparse',
    layers: 2,
    heads: 8,
    kvHeads: 8,
    width: 128,
    headWidth: 16,
    mlpWidth: 512,
    context: 64,
    norm: 'rms',
    normEps: 1e-5,
    activation: 'gelu',
    gated: false,
    positions: 'none',
    rotaryBase: 0,
    rotaryWidth: 0,
    tied: false,
    biases: { qkv: true, attentionOut: true, mlp: true },
    topK: 1 / 4,
    sink: true,
  },
  text: { programs: 1 },
  tokenizer: { size: 512, documents: 6000, kind: 'programs' },
  steps: 2400,
  batch: 16,
  window: 64,
  lr: 0.1,
  warmup: 0.01,
  weightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  eps: 0.1,
  gradientRms: { limit: 1, rescale: true },
  sparsity: { density: 1 / 32, least: 4, from: 0.01, until: 0.5 },
  scale: 0.05,
};

export const recipes: readonly Recipe[] = [stories, mix4, weightSparse];

/** The recipe of this name. Throws InputError, with the nearest name, when there is none. */
export function findRecipe(name: string): Recipe {
  return findNamed('recipe', name, recipes, (recipe) => recipe.name);
}
