import { describe, expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import { Layout } from './layout.js';
import { bestPatterns, groupedNmMask, type NmgSpec, nmPatterns } from './nmg.js';
import { Topology } from './topology.js';

const energy = (dense: ArrayLike<number>, mask: ArrayLike<number>) =>
  Array.from(dense).reduce((s, x, k) => s + Math.abs(x) * mask[k], 0);

/** The largest kept magnitude over all ways to give every pattern to `g` rows. */
function optimum(kept: readonly (readonly number[])[], g: number): number {
  const room = new Array<number>(kept.length / g).fill(g);
  const from = (row: number): number => {
    if (row === kept.length) return 0;
    let best = Number.NEGATIVE_INFINITY;
    for (let p = 0; p < room.length; p++) {
      if (room[p] === 0) continue;
      room[p]--;
      best = Math.max(best, kept[row][p] + from(row + 1));
      room[p]++;
    }
    return best;
  };
  return from(0);
}

describe('grouped n:m', () => {
  it('goes through the patterns one place at a time, and back to the first', () => {
    for (const [n, m, count] of [
      [1, 2, 2],
      [2, 4, 6],
      [3, 5, 10],
      [2, 8, 28],
      [4, 4, 1],
    ]) {
      const patterns = nmPatterns(n, m);
      expect(new Set(patterns.map(String)).size).toBe(count);
      expect(patterns).toHaveLength(count);
      patterns.forEach((pattern, i) => {
        const next = patterns[(i + 1) % count];
        expect(pattern.filter((k) => !next.includes(k))).toHaveLength(count === 1 ? 0 : 1);
        expect([...pattern].sort((a, b) => a - b)).toEqual(pattern);
      });
    }
  });

  it('uses every pattern g times, and keeps nearly the most there is to keep', () => {
    const random = new Random(3);
    let worst = 1;
    for (const [n, m, g] of [
      [1, 2, 3],
      [2, 4, 1],
      [1, 4, 2],
      [1, 3, 2],
    ]) {
      const spec: NmgSpec = { kind: 'nmg', n, m, g };
      const patterns = nmPatterns(n, m);
      const rows = patterns.length * g;
      for (let trial = 0; trial < 25; trial++) {
        const dense = random.normals(rows * m);
        const mask = groupedNmMask(dense, rows, m, spec);
        const used = patterns.map((places) => {
          const key = Array.from({ length: m }, (_, k) => Number(places.includes(k))).join();
          return Array.from({ length: rows }, (_, r) => mask.subarray(r * m, (r + 1) * m).join()).filter(
            (x) => x === key,
          );
        });
        expect(used.every((list) => list.length === g)).toBe(true);
        expect(new Layout(Topology.fromMask(mask, rows, m), spec).size).toBe(rows * n);
        const kept = Array.from({ length: rows }, (_, r) =>
          patterns.map((places) => places.reduce((s, k) => s + Math.abs(dense[r * m + k]), 0)),
        );
        expect(energy(dense, mask)).toBeCloseTo(bestPatterns(kept, g).reduce((s, p, r) => s + kept[r][p], 0));
        worst = Math.min(worst, energy(dense, mask) / optimum(kept, g));
      }
    }
    expect(worst).toBeGreaterThan(0.9);
  });

  it('says what does not fit', () => {
    expect(() => groupedNmMask([1, 2], 1, 2, { kind: 'nmg', n: 1, m: 2, g: 1 })).toThrow('a chunk is 2 rows');
    expect(() => groupedNmMask([1, 2], 2, 1, { kind: 'nmg', n: 1, m: 2, g: 1 })).toThrow('2 has to divide the columns');
    expect(() => groupedNmMask([], 0, 0, { kind: 'nmg', n: 8, m: 16, g: 9 })).toThrow('more than 32767 rows');
    expect(() => groupedNmMask([1], 2, 2, { kind: 'nmg', n: 1, m: 2, g: 1 })).toThrow('has 4 entries, got 1');
  });
});
