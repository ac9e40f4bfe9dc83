import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/reference.js';
import { eachEntry } from '../kernels/reference-sparse.js';
import { Layout } from './layout.js';
import { layoutName, parseLayout } from './packing.js';
import { cases, numbers } from './random.testing.js';
import { SparseTensor } from './sparse-tensor.js';
import { Topology } from './topology.js';

const device = createReferenceDevice('f64');
const layoutOf = (mask: readonly number[], rows: number, name: string) =>
  new Layout(Topology.fromMask(mask, rows, mask.length / rows), parseLayout(name));

describe('Layout', () => {
  it('packs and unpacks exactly, and names every place once, both ways', () => {
    fc.assert(
      fc.property(cases, ({ rows, cols, mask, spec }) => {
        const dense = Float64Array.from(numbers(rows * cols, 1), (x, k) => (mask[k] === 1 ? x : 0));
        const layout = new Layout(Topology.fromMask(mask, rows, cols), spec);
        const values = layout.pack(dense);
        expect(layout.unpack(values)).toEqual(dense);
        for (const [pattern, turned] of [
          [layout.pattern, false],
          [layout.transposed(), true],
        ] as const) {
          const seen = new Float64Array(rows * cols);
          const used = new Uint8Array(layout.size);
          eachEntry(pattern, (row, column, at) => {
            used[at]++;
            seen[turned ? column * cols + row : row * cols + column] = values[at];
          });
          expect(seen).toEqual(dense);
          expect(used.every((n) => n === 1)).toBe(true);
        }
        const { size, perRow, perColumn, density } = layout.statistics();
        expect(size).toBe(layout.support.toMask().reduce((sum, x) => sum + x, 0));
        expect(perRow.mean * rows).toBeCloseTo(size);
        expect(perColumn.mean * cols).toBeCloseTo(size);
        expect(density * rows * cols).toBeCloseTo(size);
      }),
    );
  });

  it('keeps the support as it is in csr and condensed, and whole blocks and groups otherwise', () => {
    fc.assert(
      fc.property(cases, ({ rows, cols, mask, spec }) => {
        const stored = new Layout(Topology.fromMask(mask, rows, cols), spec).support.toMask();
        if (spec.kind === 'csr' || spec.kind === 'condensed') expect(stored).toEqual(mask);
        stored.forEach((kept, k) => {
          if (mask[k] === 1) expect(kept).toBe(1);
          if (spec.kind === 'block') {
            const corner = (i: number, j: number) => stored[(i - (i % spec.r)) * cols + j - (j % spec.c)];
            expect(kept).toBe(corner(Math.floor(k / cols), k % cols));
          }
          if ((spec.kind === 'nm' || spec.kind === 'nmg') && k % spec.m === 0) {
            expect(stored.subarray(k, k + spec.m).reduce((sum, x) => sum + x, 0)).toBe(spec.n);
          }
        });
      }),
    );
  });

  it('puts values where its description says', () => {
    const dense = [1, 2, 0, 0, 3, 4, 0, 0];
    expect([...layoutOf(dense, 2, 'block 2x2').pack(dense)]).toEqual([1, 3, 2, 4]);
    // Rows 0, 2, 3 and 4 interleaved, row 5 by itself; row 1 has no weight.
    const fan = [1, 0, 2, 0, 0, 0, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 0, 10];
    expect([...layoutOf(fan, 6, 'condensed').pack(fan)]).toEqual([1, 3, 5, 7, 2, 4, 6, 8, 9, 10]);
  });

  it('refuses what does not fit', () => {
    const full = new Array<number>(12).fill(1);
    expect(() => layoutOf(full, 3, 'block 2x2')).toThrow(
      'block 2x2 does not fit a 3 x 4 matrix: 2 has to divide the rows',
    );
    expect(() => layoutOf(full, 3, 'block 0x2')).toThrow('one row and one column at least');
    expect(() => layoutOf(full, 3, 'nm 2:3')).toThrow('3 has to divide the columns');
    expect(() => layoutOf(full, 3, 'nm 2:4')).toThrow('row 0 has 4 weights in columns 0 to 3');
    expect(() => layoutOf(full, 3, 'nm 3:2')).toThrow('n is a whole number from 1 to m');
    expect(() => layoutOf([1, 1, 1, 0], 2, 'condensed')).toThrow('row 1 has 1 weights and a row before it 2');
    expect(() => parseLayout('coo')).toThrow("unknown layout 'coo'");
    expect(() => parseLayout('nm 2:4:8')).toThrow('unknown layout');
    expect(() => layoutOf(full, 3, 'nmg 1:2:1')).toThrow('a chunk is 2 rows (each of 2 patterns 1 times)');
    expect(() => layoutOf(full, 2, 'nmg 1:2:1')).toThrow(
      'rows 0 to 1 of columns 0 to 1 do not use each pattern 1 times',
    );
    expect(() => layoutOf(full, 3, 'butterfly 1x1')).toThrow('the shorter side has to be 1 times a power of two');
    expect(() => layoutOf(full, 2, 'butterfly 2x2')).toThrow('has 1 blocks, fewer than the maximum stride');
    expect(() => layoutOf(full, 2, 'butterfly 1x1')).toThrow(
      'row 0 has a weight in column 3, outside of the butterfly',
    );
    for (const name of ['csr', 'condensed', 'block 4x1', 'nm 2:4', 'nmg 2:4:8', 'butterfly 16x4']) {
      expect(layoutName(parseLayout(name))).toBe(name);
    }
  });

  it('carries state from one support to another', () => {
    const before = layoutOf([1, 1, 0, 0, 1, 1], 2, 'condensed');
    const after = layoutOf([0, 1, 1, 1, 0, 1], 2, 'csr');
    const state = before.pack([10, 11, 12, 13, 14, 15]);
    expect([...after.unpack(after.carry(before, state, -1))]).toEqual([0, 11, -1, -1, 0, 15]);
  });
});

describe('an edit', () => {
  it('carries what survives, and begins anew what is new or comes back, in every array of state', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 0, max: 9 }), ({ rows, cols, mask }, every) => {
        const before = new Layout(Topology.fromMask(mask, rows, cols));
        const drop = Array.from({ length: before.size }, (_, k) => k).filter((k) => (7 * k) % 10 < every);
        const keys = before.support.keys();
        // Every other dropped weight comes back, and every third empty place is filled.
        const back = drop.filter((_, k) => k % 2 === 0).map((slot) => keys[slot]);
        const grown = Array.from(mask, (_, k) => k).filter((k) => mask[k] === 0 && k % 3 === 0);
        const edit = before.support.edit(drop, [...back, ...grown]);
        const after = new Layout(edit.next);
        const gone = new Set(drop.map((slot) => keys[slot]));
        for (const state of [numbers(before.size, 1), numbers(before.size, 2)]) {
          const carried = after.carry(before, state, -5, edit);
          after.support.keys().forEach((key, slot) => {
            const old = before.support.slotOf(Math.floor(key / cols), key % cols);
            expect(carried[after.places[slot]]).toBe(old < 0 || gone.has(key) ? -5 : state[before.places[old]]);
          });
        }
      }),
    );
  });
});

describe('SparseTensor', () => {
  it('goes from dense to every layout and back', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ rows, cols, mask, spec }) => {
        const dense = numbers(rows * cols, 3);
        const masked = Float64Array.from(dense, (x, k) => (mask[k] === 1 ? x : 0));
        const w = SparseTensor.fromDense(dense, [rows, cols], spec, { mask, device });
        expect(await w.toDense()).toEqual(masked);
        const plain = await w.repack({ kind: 'csr' });
        expect(await plain.toDense()).toEqual(masked);
        expect([...(await plain.densify()).dataSync()]).toEqual([...masked]);
      }),
      { numRuns: 40 },
    );
  });
});
