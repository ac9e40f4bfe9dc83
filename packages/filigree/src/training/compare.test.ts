import { expect, it } from 'vitest';
import { compare, estimate } from './compare.js';
import { sad } from './sad.js';

it('pairs runs by seed and keeps what is done', async () => {
  const kept = new Map<string, Record<string, number>>();
  let runs = 0;
  const store = {
    read: async (arm: string, seed: number) => kept.get(`${arm} ${seed}`),
    write: async (arm: string, seed: number, outcome: Record<string, number>) =>
      void kept.set(`${arm} ${seed}`, outcome),
  };
  const noise = [10, -20, 30];
  const arms = {
    plain: async (seed: number) => ({ accuracy: noise[seed] + ++runs * 0 }),
    better: async (seed: number) => ({ accuracy: noise[seed] + 1 + ++runs * 0 }),
  };
  const first = await compare(arms, { seeds: [0, 1, 2], store });
  expect(first.difference('better', 'plain', 'accuracy')).toEqual({ mean: 1, half: 0 });
  expect(first.of('plain', 'accuracy').half).toBeGreaterThan(20);
  await compare(arms, { seeds: [0, 1, 2], store });
  expect(runs).toBe(6);
  expect(() => first.of('worse', 'accuracy')).toThrow("there is no arm 'worse'");
  expect(() => first.of('plain', 'size')).toThrow("has no figure 'size'");
  await expect(compare(arms, { seeds: [1, 1] })).rejects.toThrow('twice');
});

it("takes intervals from Student's t", () => {
  // 1, 2, 3: standard deviation 1, so 4.303 / sqrt(3).
  expect(estimate([1, 2, 3]).mean).toBe(2);
  expect(estimate([1, 2, 3]).half).toBeCloseTo(2.4843, 3);
  expect(estimate([5])).toEqual({ mean: 5, half: 0 });
});

it('counts the places in which masks differ', () => {
  expect(sad([1, 0, 1, 0], [1, 1, 0, 0])).toEqual({ count: 2, share: 0.5 });
});
