import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { devices } from '../kernels/cpu/agree.testing.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { Random, scope, setDefaultDevice, tensor } from '../tensor/index.js';
import { keepLargest, leastOfRow } from './index.js';

const reference = createReferenceDevice('f64');
const before = setDefaultDevice(undefined);
afterAll(() => {
  setDefaultDevice(before);
});

/** By sorting: the best of each row first, then the best of all. */
function expected(w: number[], rows: number, cols: number, budget: number, least: number): number[] {
  const byMagnitude = (i: number, j: number) => Math.abs(w[j]) - Math.abs(w[i]) || i - j;
  const first = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: cols }, (_, c) => r * cols + c)
      .sort(byMagnitude)
      .slice(0, least),
  ).flat();
  const rest = w.map((_, i) => i).filter((i) => !first.includes(i));
  const kept = new Set([...first, ...rest.sort(byMagnitude).slice(0, budget - first.length)]);
  return w.map((x, i) => (kept.has(i) ? x : 0));
}

describe('keepLargest', () => {
  it('keeps what sorting keeps, on every device', () => {
    const plan = fc
      .record({
        rows: fc.integer({ min: 1, max: 12 }),
        cols: fc.integer({ min: 1, max: 60 }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      })
      .map(({ rows, cols, share }) => ({ rows, cols, budget: Math.round(share * rows * cols) }));
    fc.assert(
      fc.property(plan, fc.nat(6), fc.nat(99), ({ rows, cols, budget }, rowMinimum, seed) => {
        const w = [...Float32Array.from(new Random(seed).normals(rows * cols))];
        const least = leastOfRow(budget, rows, cols, rowMinimum);
        const right = expected(w, rows, cols, budget, least);
        for (const device of [reference, ...devices]) {
          setDefaultDevice(device);
          const kept = scope(() => {
            const t = tensor(w, [rows, cols]);
            keepLargest(t, budget, rowMinimum);
            return [...t.dataSync()].map((x) => x + 0);
          });
          expect(kept).toEqual(right);
        }
        for (let r = 0; r < rows; r++) {
          const row = right.slice(r * cols, (r + 1) * cols).filter((x) => x !== 0).length;
          expect(row).toBeGreaterThanOrEqual(Math.min(rowMinimum, cols, Math.floor(budget / rows)));
        }
        expect(right.filter((x) => x !== 0).length).toBe(budget);
      }),
      { numRuns: 60 },
    );
  });

  it('counts budgets beyond 16 bits right, and takes vectors for one row', () => {
    setDefaultDevice(devices[0]);
    scope(() => {
      const t = tensor(new Random(1).normals(300_000), [300, 1000]);
      keepLargest(t, 70_001, 4);
      expect(t.dataSync().filter((x) => x !== 0).length).toBe(70_001);
      const bias = tensor([1, -5, 3, 0.5], [4]);
      keepLargest(bias, 2, 4);
      expect([...bias.dataSync().map((x) => x + 0)]).toEqual([0, -5, 3, 0]);
    });
  });

  it('refuses budgets that there are not', () => {
    setDefaultDevice(reference);
    expect(() => keepLargest(tensor([1, 2], [2]), 3)).toThrow('not 3');
    expect(() => keepLargest(tensor([1, 2], [2]), 0.5)).toThrow('not 0.5');
  });
});
