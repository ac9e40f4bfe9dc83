import fc from 'fast-check';
import { expect, it } from 'vitest';
import { InputError } from '../errors.js';
import type { TransformerConfig } from '../nn/config.js';
import type { Pair } from '../tasks/task.js';
import { bytesPerRun, planBatches } from './batches.js';
import { EdgeGraph } from './graph.js';

const config = { layers: 2, heads: 2, width: 8, mlpWidth: 16, headWidth: 4, parallel: false } as TransformerConfig;
const graph = new EdgeGraph(config);

/** A pair whose first `skip` positions need not be run; its answer is its name. */
const pairOf = (length: number, skip: number, name: number): Pair => {
  const clean = new Array<number>(length).fill(skip);
  return { clean, corrupt: clean, answers: [name], wrongs: [0] };
};
const skipOf = (pair: Pair): number => pair.clean[0];
const lengthOf = (part: readonly Pair[]): number =>
  Math.max(...part.map((p) => p.clean.length)) - Math.min(...part.map(skipOf));

it('cuts pairs in order of length where the fewest positions are run, as trying every cut does', () => {
  const pair = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(50)).map(([n, s]) => [n, Math.min(s, n - 1)]);
  fc.assert(
    fc.property(fc.array(pair, { minLength: 1, maxLength: 7 }), (shapes) => {
      const pairs = shapes.map(([length, skip], i) => pairOf(length, skip, i));
      const parts = [...planBatches(config, graph, pairs, 3, 2 ** 30, skipOf)([1, 2, 3])];
      for (const { points } of parts) expect(points).toEqual([1, 2, 3]);
      const cost = (cut: readonly (readonly Pair[])[]): number =>
        cut.reduce((sum, part) => sum + 16 + part.length * lengthOf(part), 0);
      const order = parts.flatMap((part) => part.pairs);
      expect(new Set(order)).toEqual(new Set(pairs));
      expect(order.map((p) => p.clean.length)).toEqual(pairs.map((p) => p.clean.length).sort((a, b) => a - b));
      for (let cuts = 0; cuts < 2 ** (pairs.length - 1); cuts++) {
        const other: Pair[][] = [[]];
        order.forEach((p, i) => {
          if (i > 0 && (cuts >> (i - 1)) & 1) other.push([]);
          other[other.length - 1].push(p);
        });
        expect(cost(parts.map((part) => part.pairs))).toBeLessThanOrEqual(cost(other));
      }
    }),
  );
});

it('keeps to the memory: fewer pairs, then fewer points, then one line', () => {
  const pairs = Array.from({ length: 9 }, (_, i) => pairOf(20, 0, i));
  const points = [1, 2, 3, 4];
  const all = [...planBatches(config, graph, pairs, 4, 2 ** 30)(points)];
  expect(all.map((part) => part.pairs.length)).toEqual([9]);
  const one = bytesPerRun(config, 20);
  const few = [...planBatches(config, graph, pairs, 4, 12 * one)(points)];
  expect(Math.max(...few.map((part) => part.pairs.length))).toBeLessThan(4);
  expect(few.reduce((n, part) => n + part.pairs.length, 0)).toBe(9);
  const split = [...planBatches(config, graph, pairs.slice(0, 1), 4, 3 * one)(points)];
  expect(split.length).toBeGreaterThan(1);
  expect(split.flatMap((part) => part.points)).toEqual(points);
  expect(() => planBatches(config, graph, pairs, 4, one)).toThrow(InputError);
  // Skipped positions take no memory.
  const shared = pairs.map((_, i) => pairOf(20, 15, i));
  expect(() => planBatches(config, graph, shared, 4, one, skipOf)).not.toThrow();
  expect(() => planBatches(config, graph, [], 1)).toThrow(InputError);
});
