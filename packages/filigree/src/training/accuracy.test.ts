import { describe, expect, it } from 'vitest';
import { plantedInduction } from '../tasks/planted-induction.js';
import type { Pair } from '../tasks/task.js';
import { accuracy } from './accuracy.js';

describe('accuracy', () => {
  // After a prompt whose last token is the second one, the planted model gives 4 to the third token and nothing to others.
  const { model } = plantedInduction({ beta: 40, decoys: 0, length: 6 });
  const clean = [5, 1, 7, 3, 9, 1];
  const corrupt = [5, 1, 8, 3, 9, 1];
  const asking = (answers: number[], wrongs: number[]): Pair => ({ clean, corrupt, answers, wrongs });

  it('asks both prompts, or only the clean one of a one-sided task', async () => {
    const same = { ...asking([7], [8]), corrupt: clean };
    const pairs = [asking([7], [8]), same, asking([8], [7]), asking([7], [8])];
    expect(await accuracy(model, pairs)).toBe(0.5);
    expect(await accuracy(model, pairs, { metric: 'logit-diff', oneSided: true })).toBe(0.75);
  });

  it('takes every answer against every wrong, or their probabilities together', async () => {
    // 7 has e^4 = 54.6 times the probability of each other token, of which there are eleven.
    const pair = asking([7, 2], [3, 4, 5, 6, 8]);
    expect(await accuracy(model, [pair], { metric: 'logit-diff', oneSided: true })).toBe(0);
    expect(await accuracy(model, [pair], { metric: 'prob-diff', oneSided: true })).toBe(1);
    const reverse = asking([3, 4, 5, 6, 8], [7]);
    expect(await accuracy(model, [reverse], { metric: 'prob-diff', oneSided: true })).toBe(0);
  });
});
