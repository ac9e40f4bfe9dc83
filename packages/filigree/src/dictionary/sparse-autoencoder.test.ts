import { describe, expect, it } from 'vitest';
import { Random, tensor } from '../tensor/index.js';
import { loadFolder, projectPath } from '../testing/fixtures.js';
import { siteActivations } from './site-activations.js';
import { dictionaryFit, trainSparseAutoencoder } from './sparse-autoencoder.js';

const [width, directions, count] = [16, 20, 2048];

/** Rows with two of twenty directions at work, shifted. */
function planted(): { truth: Float64Array[]; rows: Float64Array } {
  const random = new Random(3);
  const truth = Array.from({ length: directions }, () => {
    const d = Float64Array.from({ length: width }, () => random.normal());
    return d.map((x) => x / Math.hypot(...d));
  });
  const rows = new Float64Array(count * width);
  for (let r = 0; r < count; r++) {
    for (const d of random.shuffle(truth).slice(0, 2)) {
      const size = 0.5 + random.uniform();
      d.forEach((x, i) => {
        rows[r * width + i] += size * x;
      });
    }
    for (let i = 0; i < width; i++) rows[r * width + i] += 3;
  }
  return { truth, rows };
}

describe('a sparse autoencoder', () => {
  const { truth, rows } = planted();
  const train = (seed: number) =>
    trainSparseAutoencoder(tensor(rows, [count, width]), {
      features: 24,
      l1: 0.3,
      steps: 600,
      batch: 128,
      lr: 1e-2,
      seed,
    });

  it('finds the directions that activations are made of, the same for a seed', async () => {
    const dictionary = await train(0);
    const decoder = await dictionary.decoder.data();
    const closest = truth.map((d) =>
      Math.max(
        ...Array.from({ length: dictionary.features }, (_, f) =>
          d.reduce((dot, x, i) => dot + x * decoder[f * width + i], 0),
        ),
      ),
    );
    expect(closest.filter((cosine) => cosine > 0.95).length).toBeGreaterThanOrEqual(19);
    const { unexplained, active, dead } = await dictionaryFit(dictionary, tensor(rows, [count, width]));
    expect(unexplained).toBeLessThan(0.1);
    expect(active).toBeLessThan(5);
    expect(dead).toBeLessThan(1);
    const again = await train(0);
    expect(await again.decoder.data()).toEqual(decoder);
    again.dispose();
    dictionary.dispose();
  });

  it.each([
    [{ features: 0 }, 'features must be a whole number'],
    [{ steps: 1.5 }, 'steps must be a whole number'],
    [{ l1: -1 }, 'l1 must be at least 0'],
  ])('refuses %j', async (options, message) => {
    await expect(trainSparseAutoencoder(tensor([1, 2, 3, 4], [2, 2]), options)).rejects.toThrow(message);
  });

  it('refuses activations that do not vary', async () => {
    await expect(trainSparseAutoencoder(tensor([1, 2, 1, 2], [2, 2]))).rejects.toThrow('do not vary');
  });
});

it('activations are those of the run, first positions left out', async () => {
  const model = await loadFolder(projectPath('fixtures/tiny-llama'));
  const batches = [
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    [[7, 8, 9]],
  ];
  const site = 'blocks.1.mlp_out';
  const found = await siteActivations(model, batches, [site]).get(site)?.data();
  const wanted: number[] = [];
  for (const tokens of batches.flat()) {
    const value = await model
      .run([tokens], { sites: [site] })
      .site(site)
      .data();
    wanted.push(...value.subarray(model.config.width));
  }
  expect(found?.length).toBe(wanted.length);
  found?.forEach((x, i) => {
    expect(x).toBeCloseTo(wanted[i], 5);
  });
  model.dispose();
});
