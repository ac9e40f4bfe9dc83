import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../node/index.js';
import { memoryBytes } from '../bytes.js';
import { createCpuDevice } from '../kernels/cpu/device.js';
import { setDefaultDevice, type Tensor } from '../tensor/index.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { trainLanguageModel } from './language-model.js';
import { findRecipe, type Recipe } from './recipes.js';
import {
  becomesSparse,
  budgetAt,
  densityAt,
  gradientsOnlyThere,
  sharkfin,
  type WeightSparsity,
} from './weight-sparsity.js';

const device = createCpuDevice({ threads: 1 });
const before = setDefaultDevice(undefined);
beforeAll(() => {
  setDefaultDevice(device);
});
afterAll(() => {
  setDefaultDevice(before);
  device.dispose();
});

const base = findRecipe('weight-sparse');
const sparsity: WeightSparsity = { density: 1 / 16, least: 4, from: 0.01, until: 0.5 };
const tiny: Recipe = {
  ...base,
  config: { ...base.config, width: 16, heads: 1, kvHeads: 1, mlpWidth: 32, context: 16, bigram: true },
  tokenizer: { ...base.tokenizer, size: 300, documents: 20 },
  steps: 12,
  batch: 4,
  window: 16,
  sparsity,
};

const valuesOf = async (parameters: ReadonlyMap<string, Tensor>) =>
  new Map(await Promise.all([...parameters].map(async ([name, p]) => [name, await p.data()] as const)));

describe('the schedule', () => {
  it('falls along a line from 1 to the last density, and raises the learning rate as it falls', () => {
    expect([0, 0.01, 0.255, 0.5, 1].map((t) => densityAt(sparsity, t))).toEqual([1, 1, 1 - 15 / 32, 1 / 16, 1 / 16]);
    const factor = sharkfin(sparsity, 0.01);
    expect(factor(0.01)).toBeCloseTo(1 / 4, 12);
    expect(factor(0.255)).toBeCloseTo((0.745 / 0.99) * Math.sqrt(1 / 16 / (1 - 15 / 32)), 12);
    expect(factor(0.75)).toBeCloseTo(0.25 / 0.99, 12);
    expect([factor(0), factor(1)]).toEqual([0, 0]);
  });

  it('takes all gradients in every n-th step', () => {
    const only = (denseEvery?: number) =>
      [0, 1, 2, 3, 4].map((step) => gradientsOnlyThere({ ...sparsity, denseEvery }, step));
    expect(only()).toEqual([false, false, false, false, false]);
    expect(only(2)).toEqual([false, true, false, true, false]);
  });
});

/** A place for the state of a training, which aborts it after so many writes. */
function storeUntil(stop = Number.POSITIVE_INFINITY) {
  const abort = new AbortController();
  const states: Uint8Array<ArrayBuffer>[] = [];
  const store = {
    read: async () => states.at(-1),
    async write(bytes: Uint8Array<ArrayBuffer>) {
      states.push(bytes);
      if (states.length === stop) abort.abort();
    },
  };
  return { states, store, signal: abort.signal };
}

describe('weight-sparse training', () => {
  it('leaves every matrix its exact budget after every step, and every row its least', async () => {
    const { states, store } = storeUntil();
    const { model } = await trainLanguageModel(tiny, { checkpoint: { store, every: 1 } });
    expect(states.length).toBe(tiny.steps);
    for (const [index, state] of states.entries()) {
      const density = densityAt(sparsity, (index + 1) / tiny.steps);
      const file = await readSafetensors(memoryBytes(state), 'state');
      for (const [name, { shape, size }] of model.parameters) {
        const { data } = await file.load(name);
        const nonzero = data.filter((x) => x !== 0).length;
        if (!becomesSparse(name)) {
          if (!name.startsWith('bigram')) expect(nonzero, name).toBe(size);
          continue;
        }
        const budget = budgetAt(size, density);
        // Biases begin as 0, and some have had no gradient yet.
        if (name.endsWith('.bias')) expect(nonzero, name).toBeLessThanOrEqual(budget);
        else expect(nonzero, name).toBe(budget);
        if (shape.length < 2) continue;
        const [rows, cols] = shape;
        const least = Math.min(sparsity.least, cols, Math.floor(budget / rows));
        for (let r = 0; r < rows; r++) {
          expect(data.subarray(r * cols, (r + 1) * cols).filter((x) => x !== 0).length, name).toBeGreaterThanOrEqual(
            least,
          );
        }
      }
    }
    model.dispose();
  });

  describe('goes on to the same bits', () => {
    const recipe = { ...tiny, sparsity: { ...sparsity, denseEvery: 3 } };
    let whole: Promise<ReadonlyMap<string, unknown>> | undefined;
    const uninterrupted = async () => {
      const { model } = await trainLanguageModel(recipe, { seed: 3 });
      const values = await valuesOf(model.parameters);
      model.dispose();
      return values;
    };

    // Dense still, just packed, at the last density.
    it.each([1, 5, 9])('when it was stopped after %i of 12 steps', async (stop) => {
      whole ??= uninterrupted();
      const expected = await whole;
      const { states, store, signal } = storeUntil(1);
      const stopped = trainLanguageModel(recipe, { seed: 3, checkpoint: { store, every: stop }, signal });
      await expect(stopped).rejects.toThrow('abort');
      expect(states.length).toBe(1);
      const { model } = await trainLanguageModel(recipe, { seed: 3, checkpoint: { store } });
      for (const [name, values] of await valuesOf(model.parameters)) expect(values, name).toEqual(expected.get(name));
      model.dispose();
    });
  });
});
