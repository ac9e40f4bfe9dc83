import type { TransformerConfig } from '../nn/config.js';
import { fit } from '../nn/fit.js';
import type { FitOptions } from '../nn/fit-options.js';
import { createTokenizer, type Tokenizer } from '../nn/tokenizer.js';
import { type TokenizerFiles, trainTokenizer } from '../nn/train-tokenizer.js';
import { Transformer } from '../nn/transformer.js';
import { randomParameters } from '../nn/weights.js';
import { cosine } from '../sparse/schedule.js';
import { corpus, ingredientsOf } from '../tasks/corpus.js';
import { crossEntropy, Random, reshape } from '../tensor/index.js';
import { batches } from './batches.js';
import type { Recipe } from './recipes.js';
import { gradientsOnlyThere, PackedProducts, sharkfin, sparsify } from './weight-sparsity.js';

export interface TrainOptions {
  seed?: number;
  /** Documents to train on besides the recipe's text: every other document is one of them, in random order, again and again. */
  texts?: readonly string[];
  signal?: AbortSignal;
  checkpoint?: FitOptions['checkpoint'];
  onProgress?: (state: { step: number; steps: number; loss: number; tokens: number }) => void;
}

/** A trained model with its tokenizer, as an object and as files. */
export interface TrainedModel {
  readonly model: Transformer;
  readonly tokenizer: Tokenizer;
  readonly tokenizerFiles: TokenizerFiles;
  /** Cross-entropy of the last batch, in nats per token. */
  readonly loss: number;
  /** Tokens trained on. */
  readonly tokens: number;
}

/**
 * Trains a language model from nothing but a recipe and a seed: text is generated, a byte-pair tokenizer is trained on it, and a
 * transformer learns to predict each next token (AdamW, cosine schedule with warm-up, gradient clipping). The same seed gives
 * the same model on the same kind of CPU, for any number of threads.
 */
export async function trainLanguageModel(recipe: Recipe, options: TrainOptions = {}): Promise<TrainedModel> {
  const { seed = 0 } = options;
  const { texts = [] } = options;
  const tokenizerFiles = tokenizerOf(recipe, seed, texts);
  const vocabulary = Object.keys(tokenizerFiles.tokenizer.model.vocab).length;
  const tokenizer = createTokenizer(tokenizerFiles.tokenizer, tokenizerFiles.config, { vocabulary });
  const config: TransformerConfig = { ...recipe.config, vocabulary, bos: tokenizer.bos, eos: tokenizer.eos };
  const parameters = randomParameters(config, { seed, scale: recipe.scale });
  const model = new Transformer(config, parameters);
  const { batch, window, steps, sparsity } = recipe;
  const data = {
    batches: () => steps,
    epoch: () => numbered(take(textWindows(recipe, tokenizer, seed, texts), steps)),
  };
  const products = sparsity && new PackedProducts(parameters);
  const multiply = products?.multiply;
  const nextTokens = ([step, block]: [number, Int32Array]) => {
    if (sparsity && products) products.onlyThere = gradientsOnlyThere(sparsity, step);
    const rows = Array.from({ length: batch }, (_, b) => [...block.subarray(b * (window + 1), (b + 1) * (window + 1))]);
    const { logits } = model.run(
      rows.map((row) => row.slice(0, -1)),
      { multiply },
    );
    return crossEntropy(
      reshape(logits, [-1, vocabulary]),
      rows.flatMap((row) => row.slice(1)),
    );
  };
  try {
    const { loss } = await fit({ parameters, loss: nextTokens }, data, {
      batch,
      seed,
      lr: recipe.lr,
      schedule: sparsity ? sharkfin(sparsity, recipe.warmup) : cosine({ warmup: recipe.warmup, end: 0.05 }),
      optimiser: {
        kind: 'adamw',
        beta2: recipe.beta2,
        weightDecay: recipe.weightDecay,
        ...(recipe.beta1 === undefined ? {} : { beta1: recipe.beta1 }),
        ...(recipe.eps === undefined ? {} : { eps: recipe.eps }),
      },
      clip: recipe.clip,
      gradientRms: recipe.gradientRms,
      ...(sparsity &&
        products && {
          async constrain({ step }) {
            sparsify(parameters, sparsity, step / steps);
            await products.repack();
          },
        }),
      signal: options.signal,
      checkpoint: options.checkpoint,
      reportEvery: 20,
      onProgress: ({ step, loss }) => options.onProgress?.({ step, steps, loss, tokens: step * batch * window }),
    });
    return { model, tokenizer, tokenizerFiles, loss, tokens: steps * batch * window };
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    products?.dispose();
  }
}

/** The text that a recipe trains on, batch by batch without end: windows of token ids, `[batch, window + 1]` row-major. */
export function textWindows(
  { text, batch, window }: Pick<Recipe, 'text' | 'batch' | 'window'>,
  tokenizer: Tokenizer,
  seed: number,
  texts: readonly string[] = [],
): Generator<Int32Array<ArrayBuffer>, void> {
  const documents = alternating(corpus({ seed, ingredients: ingredientsOf(text) }), texts, seed);
  return batches(documents, tokenizer, { batch, context: window });
}

/** The tokenizer of a recipe: byte pairs of its text without familiar names, and of `texts`. */
export function tokenizerOf(
  recipe: Pick<Recipe, 'text' | 'tokenizer'>,
  seed: number,
  texts: readonly string[] = [],
): TokenizerFiles {
  const { documents, even = false, ...options } = recipe.tokenizer;
  const ingredients = ingredientsOf(recipe.text).map((each) => (even ? { ...each, weight: 1 } : each));
  const all = alternating(corpus({ seed, names: 'paired', ingredients }), texts, seed);
  return trainTokenizer(take(all, documents), options);
}

/** The documents of the corpus, after each of them one of `texts`, which are gone through in another random order each time. */
function* alternating(documents: Iterable<string>, texts: readonly string[], seed: number): Generator<string> {
  const random = new Random(seed).fork('texts');
  let left: string[] = [];
  for (const document of documents) {
    yield document;
    if (texts.length === 0) continue;
    if (left.length === 0) left = random.shuffle(texts);
    yield left.pop() as string;
  }
}

function* numbered<T>(items: Iterable<T>): Generator<[number, T]> {
  let next = 0;
  for (const item of items) yield [next++, item];
}

function* take<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  for (const item of items) {
    if (left-- <= 0) return;
    yield item;
  }
}
