import { afterAll, describe, expect, it } from 'vitest';
import { turntable } from '../data/index.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { fit } from '../nn/fit.js';
import { valuesOf } from '../nn/optimiser.js';
import { randomTopology } from '../sparse/index.js';
import { Random, setDefaultDevice, valueAndGrad } from '../tensor/index.js';
import { Rbm, rbmBatches } from './rbm.js';
import { set } from './set.js';

const before = setDefaultDevice(createReferenceDevice());
afterAll(() => {
  setDefaultDevice(before);
});

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

describe('Rbm', () => {
  it('has the gradients of contrastive divergence, only where there are weights', async () => {
    const [hidden, visible, samples, steps] = [5, 7, 3, 2];
    const random = new Random(3);
    const topology = randomTopology(hidden, visible, 17, random);
    const model = new Rbm({ topology, steps, deviation: 1, seed: 2 });
    const inputs = Float32Array.from({ length: samples * visible }, () => random.uniform());
    const noise = Float32Array.from({ length: steps * samples * hidden }, () => random.uniform());
    const list = [...model.parameters.values()].map(valuesOf);
    const { gradients } = valueAndGrad(() => model.loss({ inputs, samples, noise }), list);
    const w = await model.weight.toDense();
    const means = (v: ArrayLike<number>): Float64Array =>
      Float64Array.from({ length: samples * hidden }, (_, k) => {
        let pull = 0;
        for (let j = 0; j < visible; j++)
          pull += w[(k % hidden) * visible + j] * v[Math.floor(k / hidden) * visible + j];
        return sigmoid(pull);
      });
    let v: ArrayLike<number> = inputs;
    for (let step = 0; step < steps; step++) {
      const h = means(v).map((p, k) => Number(noise[step * samples * hidden + k] < p));
      v = Float64Array.from({ length: samples * visible }, (_, k) => {
        let pull = 0;
        for (let i = 0; i < hidden; i++)
          pull += w[i * visible + (k % visible)] * h[Math.floor(k / visible) * hidden + i];
        return sigmoid(pull);
      });
    }
    const product = (u: ArrayLike<number>, i: number, j: number): number => {
      const h = means(u);
      let total = 0;
      for (let s = 0; s < samples; s++) total += (h[s * hidden + i] * u[s * visible + j]) / samples;
      return total;
    };
    const slopes = gradients[0]!.dataSync();
    expect(slopes.length).toBe(17);
    const { support, places } = model.weight.layout;
    for (const [slot, key] of support.keys().entries()) {
      const [i, j] = [Math.floor(key / visible), key % visible];
      expect(slopes[places[slot]]).toBeCloseTo(product(v, i, j) - product(inputs, i, j), 9);
    }
    model.dispose();
  });

  it('learns pictures while its weights move, and keeps their number', async () => {
    const data = turntable({ objects: 2, turns: 12, side: 8, seed: 1 });
    const model = new Rbm({ topology: randomTopology(10, 64, 120, new Random(1)) });
    const first = await model.reconstructionError(data);
    await fit(model, rbmBatches(data, { hidden: 10 }), {
      optimiser: { kind: 'sgd', momentum: 0 },
      ...{ lr: 0.3, batch: 6, epochs: 15, rewirer: set({ deviation: 0.05 }) },
    });
    expect(await model.reconstructionError(data)).toBeLessThan(0.5 * first);
    expect(model.weight.layout.size).toBe(120);
    expect(() => new Rbm({ topology: randomTopology(2, 2, 1, new Random(1)), steps: 0 })).toThrow('from 1, not 0');
    model.dispose();
  });
});

describe('turntable', () => {
  it('shows every thing from every side, in grey from 0 to 1, the same for a seed', () => {
    const data = turntable({ objects: 3, turns: 8, side: 16, seed: 4 });
    expect([data.samples, data.features, data.classes]).toEqual([24, 256, 3]);
    expect([0, 1, 2].map((c) => data.labels.filter((l) => l === c).length)).toEqual([8, 8, 8]);
    expect(Math.min(...data.inputs)).toBe(0);
    expect(Math.max(...data.inputs)).toBeGreaterThan(0.5);
    expect(Math.max(...data.inputs)).toBeLessThanOrEqual(1);
    expect(turntable({ objects: 3, turns: 8, side: 16, seed: 4 }).inputs).toEqual(data.inputs);
    expect(() => turntable({ turns: 0 })).toThrow('whole turns from 1, not 0');
  });
});
