import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AllocatorName,
  allocators,
  budgetOf,
  type LayerShape,
  layerSize,
  ratiosOf,
  setCounts,
  waterFill,
} from './allocate.js';

const shape = fc.record(
  {
    out: fc.integer({ min: 1, max: 40 }),
    in: fc.integer({ min: 1, max: 40 }),
    kernel: fc.constantFrom<[number, number]>([1, 1], [3, 3]),
  },
  { requiredKeys: ['out', 'in'] },
);
const names = Object.keys(allocators) as AllocatorName[];
const total = (counts: ArrayLike<number>): number => Array.from(counts).reduce((a, b) => a + b, 0);

describe('allocators', () => {
  it('spend the budget exactly, and give no layer more than it holds', () => {
    const density = fc.double({ min: 0.35, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(shape, { minLength: 1, maxLength: 6 }),
        density,
        fc.constantFrom(...names),
        (shapes, d, name) => {
          const sizes = shapes.map(layerSize);
          const budget = budgetOf(shapes, d);
          const last = sizes[sizes.length - 1];
          const first = shapes[0].kernel?.[0] === 3 ? sizes[0] : 0;
          fc.pre(name !== 'erk+' || budget >= last);
          fc.pre(name !== 'uniform+' || budget >= first + last);
          const counts = allocators[name](shapes, d);
          expect(total(counts)).toBe(budget);
          counts.forEach((count, l) => {
            expect(count).toBeGreaterThanOrEqual(0);
            expect(count).toBeLessThanOrEqual(sizes[l]);
          });
        },
      ),
    );
  });

  const mlp: LayerShape[] = [
    { out: 300, in: 784 },
    { out: 100, in: 300 },
    { out: 20, in: 100 },
  ];

  it('follow their formulas', () => {
    const at = (name: AllocatorName, density: number) =>
      Array.from(allocators[name](mlp, density), (count, l) => count / layerSize(mlp[l]));
    for (const d of at('uniform', 0.1)) expect(d).toBeCloseTo(0.1, 3);
    const er = at('er', 0.01);
    expect(er[0] / er[1]).toBeCloseTo(1084 / (300 * 784) / (400 / 30_000), 2);
    expect(er[1] / er[2]).toBeCloseTo(400 / 30_000 / (120 / 2000), 2);
    const [a, b, c] = allocators.balanced(mlp, 0.01);
    expect(Math.max(a, b, c) - Math.min(a, b, c)).toBeLessThanOrEqual(1);
    // A layer smaller than its equal share is full, and the others take its surplus.
    expect([...allocators.balanced(mlp, 0.1)][2]).toBe(2000);
    const pyramid = at('pyramidal', 0.1);
    expect(pyramid[1]).toBeCloseTo(pyramid[0] ** 2, 3);
    expect(pyramid[2]).toBeCloseTo(pyramid[0] ** 3, 2);
    expect(at('erk+', 0.1)[2]).toBe(1);
    expect(at('uniform+', 0.1)[2]).toBeCloseTo(0.2, 3);
    const conv: LayerShape[] = [
      { out: 16, in: 8, kernel: [3, 3] },
      { out: 32, in: 16, kernel: [3, 3] },
    ];
    const erk = Array.from(allocators.erk(conv, 0.1), (count, l) => count / layerSize(conv[l]));
    expect(erk[0] / erk[1]).toBeCloseTo((16 + 8 + 6) / (16 * 8) / ((32 + 16 + 6) / (32 * 16)), 1);
    expect([...setCounts(mlp, 20)]).toEqual([20 * 1084, 20 * 400, 2000]);
  });

  it('take the numbers of a global choice by score', () => {
    const counts = ratiosOf(
      [
        [1, 9, 3],
        [8, 2],
        [7, 7],
      ],
      4 / 7,
    );
    expect([...counts]).toEqual([1, 1, 2]);
    // Of equal scores the earlier one.
    expect([
      ...ratiosOf(
        [
          [1, 1],
          [1, 1],
        ],
        0.75,
      ),
    ]).toEqual([2, 1]);
  });

  it('refuse what cannot be spent', () => {
    expect(() => allocators.er(mlp, 0)).toThrow('a density must be above 0 and at most 1, not 0');
    expect(() => allocators.er(mlp, 1.1)).toThrow('not 1.1');
    expect(() => allocators['erk+'](mlp, 0.001)).toThrow(/a budget of 267 weights does not lie between the 2000/);
    expect([...waterFill([4, 4], [0, 1], 4)]).toEqual([0, 4]);
  });
});
