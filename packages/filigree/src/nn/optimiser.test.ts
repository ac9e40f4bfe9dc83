import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/reference.js';
import { cosine, cubic, rewiringCosine, SparseTensor, stepDecay } from '../sparse/index.js';
import { crossEntropy, Random, setDefaultDevice, tensor } from '../tensor/index.js';
import { Optimiser, type OptimiserSettings, type Parameter, valuesOf } from './optimiser.js';

const before = setDefaultDevice(undefined);
beforeAll(() => {
  setDefaultDevice(createReferenceDevice('f64'));
});
afterAll(() => {
  setDefaultDevice(before);
});

/** One number by the textbook, for the given gradients. */
function textbook(
  s: OptimiserSettings,
  start: number,
  gradients: readonly number[],
  lr: number,
  decays: boolean,
): number {
  const decay = decays ? (s.weightDecay ?? 0) : 0;
  let [p, v, m] = [start, 0, 0];
  gradients.forEach((g0, k) => {
    if (s.kind === 'sgd') {
      const { momentum = 0.9 } = s;
      const g = g0 + decay * p;
      v = momentum * v + g;
      p -= lr * (s.nesterov ? g + momentum * v : v);
      return;
    }
    const { beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = s;
    const g = s.kind === 'adam' ? g0 + decay * p : g0;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    const step = m / (1 - beta1 ** (k + 1)) / (Math.sqrt(v / (1 - beta2 ** (k + 1))) + eps);
    p -= lr * step + (s.kind === 'adamw' ? lr * decay * p : 0);
  });
  return p;
}

describe('Optimiser', () => {
  it.each<OptimiserSettings>([
    { kind: 'sgd', momentum: 0, weightDecay: 0.1 },
    { kind: 'sgd', momentum: 0.9, weightDecay: 0.1 },
    { kind: 'sgd', momentum: 0.8, nesterov: true, weightDecay: 0.1 },
    { kind: 'adam', weightDecay: 0.1 },
    { kind: 'adamw', beta1: 0.8, beta2: 0.95, weightDecay: 0.1 },
  ])('follows the textbook: %j', async (settings) => {
    const random = new Random(1);
    const sparse = SparseTensor.fromDense([1, 0, -2, 0, 3, 0], [2, 3]);
    const parameters = new Map<string, Parameter>([
      ['matrix', tensor([1, -2, 0.5, 4], [2, 2])],
      ['bias', tensor([1, -1])],
      ['sparse', sparse],
    ]);
    const starts = [
      [1, -2, 0.5, 4],
      [1, -1],
      [1, -2, 3],
    ];
    const gradients = Array.from({ length: 5 }, () => starts.map((s) => random.normals(s.length)));
    const optimiser = new Optimiser(settings);
    for (const step of gradients) {
      optimiser.step(
        parameters,
        step.map((g, k) => tensor(g, k === 0 ? [2, 2] : [g.length])),
        0.1,
      );
    }
    for (const [k, parameter] of [...parameters.values()].entries()) {
      const values = await valuesOf(parameter).data();
      starts[k].forEach((start, i) => {
        const own = gradients.map((step) => step[k][i]);
        expect(values[i]).toBeCloseTo(textbook(settings, start, own, 0.1, k !== 1), 10);
      });
    }
    optimiser.dispose();
  });

  it('refuses settings that are no numbers', () => {
    expect(() => new Optimiser({ kind: 'sgd', weightDecay: Number.NaN })).toThrow('weightDecay of the optimiser');
  });
});

describe('schedules', () => {
  it('begin, pass and end where they should', () => {
    const warm = cosine({ warmup: 0.1, end: 0.2 });
    expect([0, 0.05, 0.1, 0.55, 1].map((t) => Number(warm(t).toFixed(6)))).toEqual([0, 0.5, 1, 0.6, 0.2]);
    const steps = stepDecay({ at: [0.5, 0.75], factor: 0.1, warmup: 0.1 });
    expect([0.05, 0.2, 0.5, 0.8].map((t) => Number(steps(t).toFixed(6)))).toEqual([0.5, 1, 0.1, 0.01]);
    const share = rewiringCosine(0.3, 0.75);
    expect([0, 0.375, 0.75, 0.9].map((t) => Number(share(t).toFixed(6)))).toEqual([0.3, 0.15, 0, 0]);
    const density = cubic(1, 0.1, 0.2, 0.8);
    expect([0, 0.2, 0.5, 0.8, 1].map((t) => Number(density(t).toFixed(6)))).toEqual([1, 1, 0.2125, 0.1, 0.1]);
  });
});

it('label smoothing spreads a share of the target over all classes', async () => {
  const logits = [
    [1, 2, -1],
    [0, 0.5, 3],
  ];
  const labels = [1, 0];
  const smoothing = 0.3;
  let right = 0;
  logits.forEach((row, s) => {
    const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
    row.forEach((x, c) => {
      const target = (c === labels[s] ? 1 - smoothing : 0) + smoothing / 3;
      right -= (target * (x - Math.log(total))) / 2;
    });
  });
  expect((await crossEntropy(tensor(logits.flat(), [2, 3]), labels, smoothing).data())[0]).toBeCloseTo(right, 12);
});
