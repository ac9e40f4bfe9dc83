import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pearson, rocAuc } from './compare.js';

/** Few different scores, so that ties are common. */
const items = fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.boolean()), { minLength: 2, maxLength: 30 });

describe('rocAuc', () => {
  it('is the share of pairs of a true and a false item in the right order, ties counting half', () => {
    fc.assert(
      fc.property(items, (rows) => {
        fc.pre(rows.some((r) => r[1]) && rows.some((r) => !r[1]));
        const hits = rows.filter((r) => r[1]).map((r) => r[0]);
        const misses = rows.filter((r) => !r[1]).map((r) => r[0]);
        const won = hits.flatMap((h) => misses.map((m): number => (h > m ? 1 : h === m ? 0.5 : 0)));
        const expected = won.reduce((a, b) => a + b, 0) / won.length;
        const found = rocAuc(
          rows.map((r) => r[0]),
          rows.map((r) => r[1]),
        );
        expect(found).toBeCloseTo(expected, 12);
      }),
    );
  });

  it('refuses what has no value', () => {
    expect(() => rocAuc([1, 2], [true])).toThrow(RangeError);
    expect(() => rocAuc([1, 2], [true, true])).toThrow(/false ones/);
    expect(() => rocAuc([1, 2], [false, false])).toThrow(RangeError);
    expect(() => rocAuc([1, Number.NaN], [true, false])).toThrow(/not a number/);
  });
});

describe('pearson', () => {
  it('agrees with the sum over all pairs of items', () => {
    const value = fc.double({ min: -10, max: 10, noNaN: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 20 }), (rows) => {
        const [a, b] = [rows.map((r) => r[0]), rows.map((r) => r[1])];
        // Without means: covariances are proportional to sums of products of differences.
        const products = (x: number[], y: number[]): number =>
          x.reduce((s, _, i) => s + x.reduce((t, __, j) => t + (x[i] - x[j]) * (y[i] - y[j]), 0), 0);
        const [aa, bb] = [products(a, a), products(b, b)];
        fc.pre(aa > 1e-6 && bb > 1e-6);
        expect(pearson(a, b)).toBeCloseTo(products(a, b) / Math.sqrt(aa * bb), 6);
      }),
    );
  });

  it('is 1 for a rising line, -1 for a falling one, not a number for a constant', () => {
    expect(pearson([1, 2, 3], [10, 30, 50])).toBeCloseTo(1, 12);
    expect(pearson([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
    expect(pearson([1, 2, 3], [2, 2, 2])).toBeNaN();
    expect(() => pearson([1], [1, 2])).toThrow(RangeError);
  });
});
