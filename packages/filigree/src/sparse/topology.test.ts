import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { Topology } from './topology.js';

const masks = fc.record({ rows: fc.nat(9), cols: fc.nat(9) }).chain(({ rows, cols }) =>
  fc.record({
    rows: fc.constant(rows),
    cols: fc.constant(cols),
    mask: fc.array(fc.constantFrom(0, 0, 1), { minLength: rows * cols, maxLength: rows * cols }),
  }),
);

describe('Topology', () => {
  it('goes to a mask and back, to keys and back, and to columns and back', () => {
    fc.assert(
      fc.property(masks, ({ rows, cols, mask }) => {
        const t = Topology.fromMask(mask, rows, cols);
        expect([...t.toMask()]).toEqual(mask);
        expect(t.size).toBe(mask.filter((x) => x === 1).length);
        const shuffled = [...t.keys()].reverse();
        expect(Topology.fromKeys(shuffled, rows, cols).toMask()).toEqual(t.toMask());
        expect(Topology.fromRows(rows, cols, t.pointers, t.indices).toMask()).toEqual(t.toMask());
        const turned = t.transposed();
        const { slots } = t.columns();
        expect(turned.transposed().toMask()).toEqual(t.toMask());
        turned.keys().forEach((key, k) => {
          const [j, i] = [Math.floor(key / rows), key % rows];
          expect(t.slotOf(i, j)).toBe(slots[k]);
        });
        mask.forEach((x, key) => {
          expect(t.slotOf(Math.floor(key / cols), key % cols) >= 0).toBe(x === 1);
        });
      }),
    );
  });

  it('edits carry slots: what stays keeps its place of origin, what is new has none', () => {
    fc.assert(
      fc.property(
        masks,
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        ({ rows, cols, mask }, chance) => {
          const next = () => chance.next().value as number;
          const t = Topology.fromMask(mask, rows, cols);
          const drop = Array.from({ length: t.size }, (_, k) => k).filter(() => next() < 0.4);
          const keys = t.keys();
          const dropped = new Set(drop.map((slot) => keys[slot]));
          // New weights, some of them where one was just dropped.
          const add = mask.map((_, key) => key).filter((key) => (mask[key] === 0 || dropped.has(key)) && next() < 0.3);
          const { next: after, from } = t.edit(drop.reverse(), add);
          const added = new Set(add);
          const expected = mask.map((x, key) => (added.has(key) || (x === 1 && !dropped.has(key)) ? 1 : 0));
          expect([...after.toMask()]).toEqual(expected);
          after.keys().forEach((key, slot) => {
            expect(from[slot]).toBe(added.has(key) ? -1 : keys.indexOf(key));
          });
        },
      ),
    );
  });

  it('refuses what is no support', () => {
    const t = Topology.fromMask([1, 0, 0, 1], 2, 2);
    expect(() => t.edit([2], [])).toThrow('slot 2 is outside 0 to 1');
    expect(() => t.edit([0, 0], [])).toThrow('dropped twice');
    expect(() => t.edit([], [3])).toThrow('weight 3 is given twice');
    expect(() => t.edit([], [4])).toThrow('outside the 2 x 2 matrix');
    expect(() => Topology.fromMask([1], 2, 2)).toThrow('needs 4 entries, got 1');
    expect(() => Topology.fromRows(2, 2, Int32Array.of(0, 1), Int32Array.of(0))).toThrow(InputError);
    expect(() => Topology.fromRows(1, 2, Int32Array.of(0, 2), Int32Array.of(1, 1))).toThrow('out of order or twice');
    expect(() => Topology.fromRows(1, 2, Int32Array.of(0, 1), Int32Array.of(2))).toThrow('outside 0 to 1');
    expect(() => Topology.fromRows(2, 2, Int32Array.of(0, 2, 1), Int32Array.of(0))).toThrow('goes back');
    expect(() => Topology.fromMask([], -1, 0)).toThrow(InputError);
  });
});
