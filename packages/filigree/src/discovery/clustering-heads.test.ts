import { expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { ClusteringHead } from './clustering-heads.js';
import { clusterRatio, positionEffects } from './clustering-measures.js';
import { trainClusteringHead } from './clustering-training.js';
import { additionData, sparseParity } from './modular-addition.js';
import { hessianProduct, sharpness } from './sharpness.js';

const ternary = { ...sparseParity, modulus: 3 } as const;

it.each([sparseParity, ternary])('the gradient is that of differences, for %j', (task) => {
  const data = additionData(task, 20, new Random(1));
  const model = ClusteringHead.random(12, new Random(2), 5);
  const rows = [3, 7, 8, 19];
  const gradient = new Float64Array(model.parameters.length);
  model.evaluate(data, { gradient, rows });
  gradient.forEach((slope, i) => {
    const side = (h: number): number => {
      const moved = model.copy();
      moved.parameters[i] += h;
      return moved.evaluate(data, { rows }).loss;
    };
    expect(slope).toBeCloseTo((side(1e-5) - side(-1e-5)) / 2e-5, 7);
  });
  expect(Math.max(...gradient.map(Math.abs))).toBeGreaterThan(0.01);
});

it('labels are the sum of the relevant tokens alone', () => {
  const { tokens, labels } = additionData(ternary, 50, new Random(3));
  labels.forEach((label, r) => {
    expect(label).toBe([...tokens.slice(12 * r, 12 * r + 5)].reduce((a, b) => a + b) % 3);
  });
  expect(() => additionData({ ...ternary, relevant: 12 }, 5, new Random(0))).toThrow(InputError);
});

it('the head made by hand clusters perfectly and is right on every row', () => {
  for (const task of [sparseParity, { modulus: 2, length: 9, relevant: 3 }] as const) {
    const data = additionData(task, 500, new Random(4));
    const model = ClusteringHead.designed(task);
    expect(model.evaluate(data).accuracy).toBe(1);
    expect(clusterRatio(model, data)).toBeLessThan(1e-6);
    // Attention is even, and a one moves a relevant token's value from sqrt 2 to - sqrt 2.
    const effects = positionEffects(model, data);
    for (let i = 0; i < task.length; i++) {
      expect(effects[2 * i]).toBeCloseTo(i < task.relevant ? (-2 * Math.SQRT2) / task.length : 0, 4);
      expect(effects[2 * i + 1]).toBeCloseTo(0, 4);
    }
    expect(clusterRatio(ClusteringHead.random(task.length, new Random(5)), data)).toBeGreaterThan(0.1);
  }
});

it('the ratio is what its definition gives on a head that reads one irrelevant token', () => {
  const task = { modulus: 2, length: 3, relevant: 1 } as const;
  const data = additionData(task, 400, new Random(6));
  const model = ClusteringHead.random(3, new Random(7), 2);
  const outputs = new Float64Array(800);
  model.evaluate(data, { outputs });
  const moments = [0, 1].map((bit) => {
    const rows = [...data.labels.keys()].filter((r) => data.labels[r] === bit);
    const centre = [0, 1].map((k) => rows.reduce((s, r) => s + outputs[2 * r + k], 0) / rows.length);
    const spread = rows.reduce(
      (s, r) => s + Math.hypot(outputs[2 * r] - centre[0], outputs[2 * r + 1] - centre[1]) ** 2,
      0,
    );
    return { n: rows.length, centre, spread };
  });
  const [a, b] = moments;
  const apart = Math.hypot(a.centre[0] - b.centre[0], a.centre[1] - b.centre[1]);
  const between = ((a.n * b.n) / 400) * apart ** 2;
  expect(clusterRatio(model, data)).toBeCloseTo((a.spread + b.spread) / between, 8);
});

it('sharpness bounds the curvature along any direction and is reached', async () => {
  const data = additionData(sparseParity, 64, new Random(8));
  const model = ClusteringHead.random(12, new Random(9), 4);
  await trainClusteringHead(model, data, { epochs: 3, batch: 16 });
  const top = sharpness(model, data);
  const random = new Random(10);
  for (let i = 0; i < 20; i++) {
    const v = Float64Array.from(model.parameters, () => random.normal());
    const w = hessianProduct(model, data, v);
    const curvature = w.reduce((s, x, j) => s + x * v[j], 0) / v.reduce((s, x) => s + x * x, 0);
    expect(curvature).toBeLessThan(top);
  }
  expect(top).toBeGreaterThan(0);
});

it('training learns, repeats itself and stops when asked to', async () => {
  const data = additionData({ modulus: 2, length: 4, relevant: 1 }, 256, new Random(11));
  const train = async (): Promise<ClusteringHead> => {
    const model = ClusteringHead.random(4, new Random(12));
    await trainClusteringHead(model, data, { epochs: 40, seed: 1 });
    return model;
  };
  const model = await train();
  expect(model.evaluate(data).accuracy).toBeGreaterThan(0.95);
  expect((await train()).parameters).toEqual(model.parameters);
  expect(await trainClusteringHead(model, data, { epochs: 40, onEpoch: (epoch) => epoch === 2 })).toBe(2);
  await expect(trainClusteringHead(model, data, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
});
