import { describe, expect, it } from 'vitest';
import type { Pair } from '../tasks/task.js';
import { reshape, sum, tensor, valueAndGrad } from '../tensor/index.js';
import { metric, metricNames } from './metric.js';

const pairs: Pair[] = [
  { clean: [0], corrupt: [0], answers: [1], wrongs: [0, 2, 4] },
  { clean: [0], corrupt: [0], answers: [0, 3], wrongs: [1] },
];
const values = [0.5, 2, -1, 7, 1.25, 1, -2, 3, 4, 0.25];
const logits = () => tensor(values, [2, 5]);

describe('metric', () => {
  it('compares mean logits, the largest wrong logit, or sums of probabilities', () => {
    expect([...metric('logit-diff', logits(), pairs).dataSync()]).toEqual([
      2 - Math.fround((0.5 - 1 + 1.25) / 3),
      (1 + 4) / 2 + 2,
    ]);
    expect([...metric('logit-margin', logits(), pairs).dataSync()]).toEqual([2 - 1.25, 2.5 + 2]);
    const softmax = (row: number[]): number[] => {
      const total = row.reduce((s, x) => s + Math.exp(x), 0);
      return row.map((x) => Math.exp(x) / total);
    };
    const [a, b] = [softmax(values.slice(0, 5)), softmax(values.slice(5))];
    const found = metric('prob-diff', logits(), pairs).dataSync();
    expect(found[0]).toBeCloseTo(a[1] - a[0] - a[2] - a[4], 6);
    expect(found[1]).toBeCloseTo(b[0] + b[3] - b[1], 6);
  });

  it.each(metricNames)('%s has the gradient of central differences', (name) => {
    const clean = tensor([1, 0, 2, 0.5, 0, 0, 1, -1, 0.25, 2], [2, 5]);
    const of = (x: ReturnType<typeof logits>) => sum(metric(name, x, pairs, clean));
    const x = logits();
    const [gradient] = valueAndGrad(() => of(x), [x]).gradients;
    const step = 1e-2;
    values.forEach((value, i) => {
      const at = (to: number): number => of(reshape(tensor(values.with(i, to)), [2, 5])).dataSync()[0];
      const slope = (at(value + step) - at(value - step)) / (2 * step);
      expect(gradient!.dataSync()[i]).toBeCloseTo(slope, 3);
    });
  });
});
