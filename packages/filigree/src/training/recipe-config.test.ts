import { describe, expect, it } from 'vitest';
import { resizedRecipe } from './recipe-config.js';
import { findRecipe } from './recipes.js';

const recipe = findRecipe('weight-sparse');

describe('a resized recipe', () => {
  it('is the recipe itself where nothing is said', () => {
    const { sparsity, config, ...rest } = resizedRecipe(recipe, {}, 'sizes.json');
    expect({ ...rest, config: { ...config, bigram: undefined }, sparsity }).toEqual({
      ...recipe,
      config: { ...recipe.config, bigram: undefined },
      sparsity: { ...recipe.sparsity, denseEvery: undefined },
    });
  });

  it('takes the sizes that are given', () => {
    const other = resizedRecipe(
      recipe,
      { width: 64, window: 32, density: 0.125, gradients: 'clip', activations: 1, bigram: true },
      'sizes.json',
    );
    expect(other.config).toMatchObject({ width: 64, heads: 4, kvHeads: 4, mlpWidth: 256, context: 32, bigram: true });
    expect(other.config.topK).toBeUndefined();
    expect(other.sparsity?.density).toBe(0.125);
    expect(other.gradientRms).toEqual({ limit: 1, rescale: false });
    expect(resizedRecipe(recipe, { density: 1 }, 'sizes.json').sparsity).toBeUndefined();
  });

  it('refuses what does not fit', () => {
    expect(() => resizedRecipe(recipe, { width: 100 }, 'sizes.json')).toThrow('sizes.json: the width 100');
    expect(() => resizedRecipe(recipe, { widht: 64 }, 'sizes.json')).toThrow('widht');
    expect(() => resizedRecipe(findRecipe('mix4'), {}, 'sizes.json')).toThrow('fixed sizes');
  });
});
