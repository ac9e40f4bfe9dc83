import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCpuDevice } from '../kernels/cpu/device.js';
import type { CheckpointStore } from '../nn/fit-options.js';
import { setDefaultDevice } from '../tensor/index.js';
import { type TrainedModel, trainLanguageModel } from './language-model.js';
import { type Recipe, recipes } from './recipes.js';

const before = setDefaultDevice(undefined);
beforeAll(() => {
  setDefaultDevice(createCpuDevice({ threads: 1 }));
});
afterAll(() => {
  setDefaultDevice(before);
});

const [stories] = recipes;
const recipe: Recipe = {
  ...stories,
  config: { ...stories.config, layers: 1, heads: 2, kvHeads: 2, width: 8, headWidth: 4, rotaryWidth: 4, mlpWidth: 16 },
  tokenizer: { ...stories.tokenizer, size: 400, documents: 40 },
  steps: 12,
  batch: 2,
};

async function weights({ model }: TrainedModel): Promise<number[][]> {
  const all: number[][] = [];
  for (const parameter of model.parameters.values()) all.push([...(await parameter.data())]);
  model.dispose();
  return all;
}

it('a language model that was interrupted goes on to the same weights', async () => {
  const whole = await weights(await trainLanguageModel(recipe, { seed: 3 }));
  let saved: Uint8Array<ArrayBuffer> | undefined;
  const store: CheckpointStore = {
    read: async () => saved,
    write: async (bytes) => {
      saved = bytes;
    },
  };
  // Progress comes every 20 steps, so that of an interrupted run is told by its checkpoint.
  const controller = new AbortController();
  const stopping: CheckpointStore = {
    ...store,
    write: async (bytes) => {
      saved = bytes;
      controller.abort();
    },
  };
  const stopped = trainLanguageModel(recipe, {
    seed: 3,
    signal: controller.signal,
    checkpoint: { store: stopping, every: 5 },
  });
  await expect(stopped).rejects.toThrow(/abort/);
  const rest = await trainLanguageModel(recipe, { seed: 3, checkpoint: { store } });
  expect(await weights(rest)).toEqual(whole);
  await expect(trainLanguageModel(recipe, { seed: 4, checkpoint: { store } })).rejects.toThrow(/seed 3, not 4/);
});
