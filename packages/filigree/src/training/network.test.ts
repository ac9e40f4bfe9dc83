import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryBytes } from '../bytes.js';
import { glyphs, madelonLike, sampleVariances, sparseTeacher, splitAt } from '../data/index.js';
import { createCpuDevice } from '../kernels/cpu/device.js';
import { loadMlp, Mlp, saveMlp, valuesOf } from '../nn/index.js';
import { SparseTensor, Topology } from '../sparse/index.js';
import { noGrad, Random, scope, setDefaultDevice, tensor } from '../tensor/index.js';
import { bdwp } from './bdwp.js';
import { fanInTopologies, randomTopologies } from './classifier.js';
import { readTrainingConfig, startModel, trainClassifier } from './config.js';
import { trainingCost } from './cost.js';
import { pruneWeights } from './prune-weights.js';
import { inputStrength } from './quickselection.js';
import { requiredWidth, requirements } from './rand-start-sparse.js';
import { withoutAblated } from './without-ablated.js';

const before = setDefaultDevice(undefined);
beforeAll(() => {
  setDefaultDevice(createCpuDevice({ threads: 1 }));
});
afterAll(() => {
  setDefaultDevice(before);
});

const sizes = [20, 12, 5];
const weightsOf = (model: Mlp, l: number) => model.weight(l) as SparseTensor;

async function outputs(model: Mlp): Promise<number[]> {
  const x = tensor(new Random(9).normals(4 * sizes[0]), [4, sizes[0]]);
  const y = scope(() => noGrad(() => model.run(x)));
  return [...(await y.data())];
}

describe('a network', () => {
  it('comes back from a file as it was, dense and sparse layers alike', async () => {
    const [first] = randomTopologies(sizes, 0.3, { seed: 1 });
    const model = new Mlp({ sizes, seed: 3, activation: 'tanh', topologies: [first] });
    const again = await loadMlp(memoryBytes(await saveMlp(model, { of: 'a test' })), 'file');
    expect(again.options.sizes).toEqual(sizes);
    expect(await outputs(again)).toEqual(await outputs(model));
    await expect(loadMlp(memoryBytes(new Uint8Array(20)), 'x.safetensors')).rejects.toThrow('x.safetensors');
  });

  it('starts where the dense one of the same seed is, but for the scale', async () => {
    const dense = new Mlp({ sizes, seed: 3 });
    const sparse = new Mlp({ sizes, seed: 3, topologies: fanInTopologies(sizes, 0.25, { allocator: 'uniform' }) });
    const whole = await (dense.weight(0) as ReturnType<typeof tensor>).data();
    const part = await weightsOf(sparse, 0).toDense();
    // 5 of 20 inputs each: twice the deviation.
    part.forEach((w, k) => {
      if (w !== 0) expect(w / 2).toBeCloseTo(whole[k], 5);
    });
    expect(weightsOf(sparse, 0).layout.size).toBe(60);
  });

  it('keeps its largest weights when pruned, once and again', async () => {
    const model = new Mlp({ sizes, seed: 3 });
    const all = [...(await (model.weight(0) as ReturnType<typeof tensor>).data())].concat([
      ...(await (model.weight(1) as ReturnType<typeof tensor>).data()),
    ]);
    const kept = all
      .map(Math.abs)
      .sort((a, b) => b - a)
      .slice(0, 90);
    const pruned = await pruneWeights(model, { density: 0.3 });
    const left = [...(await weightsOf(pruned, 0).values.data()), ...(await weightsOf(pruned, 1).values.data())];
    expect(left.map(Math.abs).sort((a, b) => b - a)).toEqual(kept);
    const twice = await pruneWeights(pruned, { density: 0.1 });
    expect(weightsOf(twice, 0).layout.size + weightsOf(twice, 1).layout.size).toBe(30);
    const even = await pruneWeights(model, { density: 0.5, allocator: 'balanced' });
    expect([weightsOf(even, 0).layout.size, weightsOf(even, 1).layout.size]).toEqual([90, 60]);
    await expect(pruneWeights(pruned, { density: 0.9 })).rejects.toThrow(
      /density must be above 0 and at most 1|should keep/,
    );
  });

  it('says what training costs', () => {
    const sparse = new Mlp({ sizes, topologies: randomTopologies(sizes, 0.2) });
    expect(trainingCost(sparse)).toMatchObject({ forward: 60, size: 60, weights: 60, dense: 300 });
    const half = trainingCost(new Mlp({ sizes: [32, 16, 8], projection: bdwp({ n: 2, m: 8 }) }));
    expect(half).toMatchObject({ forward: 128 + 128, inputs: 128, weights: 512 + 128 });
  });
});

describe('a configuration', () => {
  const split = splitAt(glyphs({ samples: 300, side: 16 }), 200);
  const data = { kind: 'glyphs', samples: 300, side: 16 };

  it.each([
    { kind: 'dense' },
    ...['static', 'set', 'rigl', 'srigl', 'dst-ee'].map((kind) => ({ kind, density: 0.2, every: 2 })),
    ...['ste', 'sr-ste', 'bdwp'].map((kind) => ({ kind, n: 2, m: 4 })),
  ])('trains by $kind', async (method) => {
    const config = readTrainingConfig(
      { data, hidden: [30], method, epochs: 3, batch: 20, optimiser: { kind: 'adamw' }, lr: 0.01 },
      'c',
    );
    const model = await startModel(config, split);
    const { history } = await trainClassifier(config, model, split);
    expect(history[2].loss).toBeLessThan(history[0].loss);
    model.dispose();
  });

  it.each([
    [{ hidden: [3] }, /^c: "data" is wrong/],
    [{ data, hidden: [3], method: { kind: 'rigl', density: 0 } }, /"method/],
    [{ data, hidden: [3], metod: 1 }, /metod/],
    [{ data, hidden: [0] }, /"hidden.0" is wrong/],
  ])('is refused where it makes no sense: %j', (json, message) => {
    expect(() => readTrainingConfig(json, 'c')).toThrow(message);
  });

  it('starts from a network of the same sizes only', async () => {
    const config = readTrainingConfig({ data, hidden: [30], method: { kind: 'rigl', density: 0.1 } }, 'c');
    await expect(startModel(config, split, new Mlp({ sizes: [4, 2] }))).rejects.toThrow('has sizes 4,2');
    const model = await startModel(config, split, new Mlp({ sizes: [256, 30, 20] }));
    expect(trainingCost(model).size).toBe(Math.round(0.1 * (256 * 30 + 600)));
  });
});

describe('generators with a known truth', () => {
  it('a sparse teacher is a function of its own inputs only', () => {
    const { data, support, relevant } = sparseTeacher({ samples: 2000, features: 40, hidden: 3, fanIn: 2, seed: 1 });
    expect(support.size).toBe(6);
    expect([...relevant]).toEqual([...new Set(support.indices)].sort((a, b) => a - b));
    expect(data.labels.reduce((a, b) => a + b, 0)).toBe(1000);
    // Correlation with |x|-free class means: relevant features differ between classes more than any other, in the sum.
    const gap = Float64Array.from({ length: 40 }, (_, f) => {
      const sums = [0, 0];
      for (let s = 0; s < 2000; s++) sums[data.labels[s]] += data.inputs[s * 40 + f];
      return Math.abs(sums[1] - sums[0]) / 1000;
    });
    const others = gap.filter((_, f) => !relevant.includes(f));
    expect(Math.max(...relevant.map((f) => gap[f]))).toBeGreaterThan(2 * Math.max(...others));
  });

  it('Madelon-like features have variance 1, and only some tell the classes', () => {
    const { data, relevant } = madelonLike({ samples: 1000, seed: 2, noise: 30 });
    expect([data.features, relevant.length]).toEqual([50, 20]);
    for (const v of sampleVariances(data)) expect(v).toBeCloseTo(1, 3);
    // Noise is not correlated with anything; what matters is, with its like.
    const correlation = (a: number, b: number) => {
      let sum = 0;
      for (let s = 0; s < 1000; s++) sum += data.inputs[s * 50 + a] * data.inputs[s * 50 + b];
      return Math.abs(sum / 1000);
    };
    const strongest = Array.from({ length: 50 }, (_, f) =>
      Math.max(...Array.from({ length: 50 }, (_, g) => (g === f ? 0 : correlation(f, g)))),
    );
    strongest.forEach((c, f) => {
      if (relevant.includes(f)) expect(c).toBeGreaterThan(0.2);
      else expect(c).toBeLessThan(0.2);
    });
  });
});

it('reads the strength of inputs after a drop', async () => {
  const model = new Mlp({ sizes: [3, 2, 1] });
  model.replace('layers.0.weight', SparseTensor.fromDense([0.5, -2, 0, 1, 3, -0.1], [2, 3]));
  // Of the positive 0.5, 1, 3 one goes, of the negative -2, -0.1 none of the share .4; all counts are floors.
  const { strength, degree } = await inputStrength(model, 0.4);
  expect([...strength].map((s) => Number(s.toFixed(4)))).toEqual([1, 5, 0.1]);
  expect([...degree]).toEqual([1, 2, 1]);
});

it('asks for copies by the formula', () => {
  expect(requirements([6, 8, 8, 3], 10)).toBe(6 * 8 * 10 + 8 * 8 * 10 + 8 * 3);
  const { k, widths } = requiredWidth([6, 8, 8, 3], 0.5, 0.05);
  expect((1 - 0.5 ** k) ** requirements([6, 8, 8, 3], k)).toBeGreaterThan(0.95);
  expect(widths).toEqual([8 * k, 8 * k]);
  expect(() => requiredWidth([2, 2], 1, 0.1)).toThrow('between 0 and 1');
});

it('leaves ablated neurons out without changing what the network gives', async () => {
  const [first, second] = [new Uint8Array(12 * 20), new Uint8Array(5 * 12)];
  const random = new Random(4);
  for (const mask of [first, second]) for (let k = 0; k < mask.length; k++) mask[k] = Number(random.uniform() < 0.3);
  for (const i of [2, 7]) first.fill(0, 20 * i, 20 * (i + 1));
  const topologies = [Topology.fromMask(first, 12, 20), Topology.fromMask(second, 5, 12)];
  const model = new Mlp({ sizes, seed: 3, topologies });
  const bias = valuesOf(model.parameters.get('layers.0.bias')!);
  const view = bias.view('test');
  bias.device.write(view.buffer, view.offset, random.normals(12));
  const thin = await withoutAblated(model);
  expect(thin.options.sizes).toEqual([20, 10, 5]);
  const [ours, right] = [await outputs(thin), await outputs(model)];
  ours.forEach((y, k) => {
    expect(Math.abs(y - right[k])).toBeLessThan(1e-5);
  });
  const dense = new Mlp({ sizes, seed: 3, topologies: [topologies[0]] });
  const half = await withoutAblated(dense);
  const [a, b] = [await outputs(half), await outputs(dense)];
  a.forEach((y, k) => {
    expect(Math.abs(y - b[k])).toBeLessThan(1e-5);
  });
});
