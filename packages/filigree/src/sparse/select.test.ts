import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import { draw, drawFree, randomFanIn, randomTopology } from './random-topology.js';
import { drawKey, Largest, largest } from './select.js';
import { Topology } from './topology.js';

describe('largest', () => {
  it('is the beginning of the sorted list, ties by position', () => {
    const scores = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true })), { maxLength: 60 });
    fc.assert(
      fc.property(scores, fc.nat(70), (list, count) => {
        const order = list.map((_, k) => k).sort((a, b) => list[b] - list[a] || a - b);
        const right = order.slice(0, count).sort((a, b) => a - b);
        expect([...largest(list, count)]).toEqual(right);
      }),
    );
  });

  it('refuses what is not a number', () => {
    expect(() => new Largest(1).offer(3, Number.NaN)).toThrow('the score of weight 3 is not a number');
  });

  it('draws in proportion to weights', () => {
    const random = new Random(1);
    const counts = [0, 0, 0];
    for (let k = 0; k < 20_000; k++) {
      const keys = [1, 2, 5].map((w) => drawKey(random.uniform(), w));
      counts[largest(keys, 1)[0]]++;
    }
    // Standard deviations are below 0.004.
    for (const [k, share] of [1 / 8, 2 / 8, 5 / 8].entries()) {
      expect(Math.abs(counts[k] / 20_000 - share)).toBeLessThan(0.015);
    }
    expect(drawKey(0.5, 0)).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe('random supports', () => {
  it('have as many weights as asked for, all places alike', () => {
    const random = new Random(2);
    const hits = new Float64Array(12);
    for (let k = 0; k < 6000; k++) for (const key of randomTopology(3, 4, 5, random).keys()) hits[key]++;
    for (const n of hits) expect(Math.abs(n / 6000 - 5 / 12)).toBeLessThan(0.03);
    const { pointers } = randomFanIn(7, 5, 3, random);
    expect([...pointers]).toEqual([0, 3, 6, 9, 12, 15, 18, 21]);
    expect(() => draw(3, 4, random)).toThrow('4 places cannot be drawn from 3');
  });

  it('find free places, and only those that are allowed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
        fc.nat(11),
        fc.nat(),
        (mask, count, seed) => {
          const topology = Topology.fromMask(mask.map(Number), 3, 4);
          const free = 12 - topology.size;
          fc.pre(count <= free);
          const added = drawFree(topology, count, new Random(seed));
          expect(new Set(added).size).toBe(count);
          for (const key of added) expect(mask[key]).toBe(false);
          const allowed = Topology.fromKeys([0, 5, 11], 3, 4);
          const open = [0, 5, 11].filter((key) => !mask[key]);
          expect([...drawFree(topology, open.length, new Random(seed), allowed)]).toEqual(open);
        },
      ),
    );
  });
});
