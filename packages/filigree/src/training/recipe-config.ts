import { z } from 'zod';
import { InputError } from '../errors.js';
import { validate } from '../validate.js';
import type { Recipe } from './recipes.js';

const whole = z.number().int().positive();
const share = z.number().min(0).max(1);

const sizesSchema = z.strictObject({
  /** A multiple of the width of a head, 16. */
  width: whole.max(8192).optional(),
  layers: whole.max(100).optional(),
  /** Positions of a window, and the model's context. */
  window: whole.max(4096).optional(),
  /** Tokens of the vocabulary. */
  vocabulary: whole.max(65_536).optional(),
  /** Share of weights that are left in the end; 1 trains a dense model. */
  density: z.number().positive().max(1).optional(),
  /** Share of the training after which they are so few. */
  until: share.optional(),
  least: z.number().int().nonnegative().optional(),
  /** Share of activations that AbsTopK keeps; 1 keeps all. */
  activations: z.number().positive().max(1).optional(),
  sink: z.boolean().optional(),
  bigram: z.boolean().optional(),
  steps: whole.optional(),
  batch: whole.optional(),
  lr: z.number().positive().optional(),
  /** Whether gradients are always brought to a root mean square of 1, or only larger ones are cut to it. */
  gradients: z.enum(['rescale', 'clip']).optional(),
  denseEvery: whole.optional(),
});

/**
 * A recipe of weight-sparse transformers in other sizes, as JSON says; what is left out stays.
 * @throws InputError for what does not fit, naming it, and for recipes of other models
 */
export function resizedRecipe(recipe: Recipe, json: unknown, what: string): Recipe {
  const { sparsity, config } = recipe;
  if (!sparsity) throw new InputError(`the recipe ${recipe.name} has fixed sizes; leave ${what} out`);
  const sizes = validate(sizesSchema, json, what);
  const { width = config.width, window = recipe.window, activations = config.topK ?? 1 } = sizes;
  if (width % config.headWidth !== 0) {
    throw new InputError(`${what}: the width ${width} is not a multiple of ${config.headWidth}, the width of a head`);
  }
  const heads = width / config.headWidth;
  const { topK: _, ...rest } = config;
  const density = sizes.density ?? sparsity.density;
  return {
    ...recipe,
    config: {
      ...rest,
      ...(activations < 1 ? { topK: activations } : {}),
      layers: sizes.layers ?? config.layers,
      width,
      heads,
      kvHeads: heads,
      mlpWidth: 4 * width,
      context: window,
      sink: sizes.sink ?? config.sink,
      bigram: sizes.bigram ?? config.bigram,
    },
    tokenizer: { ...recipe.tokenizer, size: sizes.vocabulary ?? recipe.tokenizer.size },
    window,
    steps: sizes.steps ?? recipe.steps,
    batch: sizes.batch ?? recipe.batch,
    lr: sizes.lr ?? recipe.lr,
    gradientRms: { limit: 1, rescale: (sizes.gradients ?? 'rescale') === 'rescale' },
    sparsity:
      density === 1
        ? undefined
        : {
            ...sparsity,
            density,
            until: sizes.until ?? sparsity.until,
            least: sizes.least ?? sparsity.least,
            denseEvery: sizes.denseEvery ?? sparsity.denseEvery,
          },
  };
}
