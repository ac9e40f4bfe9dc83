import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addAxis,
  at,
  concat,
  einsum,
  expand,
  matmul,
  permute,
  reshape,
  slice,
  stack,
  type Tensor,
  tensor,
  transpose,
} from '../index.js';

const counting = (...shape: number[]): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    shape,
  );
const list = (t: Tensor): number[] => [...t.dataSync()];
const size = fc.integer({ min: 1, max: 4 });

describe('views', () => {
  it('reshape keeps row-major order, whatever the strides, and copies only where it must', () => {
    fc.assert(
      fc.property(fc.tuple(size, size, size), fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), ([a, b, c], order) => {
        const x = permute(counting(a, b, c), order);
        const flat = list(x);
        const [p, q, r] = x.shape;
        for (const shape of [[p * q, r], [p, q * r], [-1], [p, 1, q, r], [r, p * q]])
          expect(list(reshape(x, shape))).toEqual(flat);
      }),
    );
    const x = counting(2, 3, 4);
    const copies = expand(addAxis(x, 1), [2, 5, 3, 4]);
    expect(reshape(copies, [2, 5, 12]).strides).toEqual([12, 0, 1]);
    expect(() => reshape(x, [5, -1])).toThrow(RangeError);
  });

  it('slice, at, concat and stack agree with plain arrays', () => {
    const x = counting(3, 4);
    expect(list(slice(x, 1, -2))).toEqual([2, 3, 6, 7, 10, 11]);
    expect(list(at(x, 0, -1))).toEqual([8, 9, 10, 11]);
    expect(list(at(transpose(x), 0, 1))).toEqual([1, 5, 9]);
    expect(list(concat([slice(x, 0, 0, 1), slice(x, 0, 2)], 0))).toEqual([0, 1, 2, 3, 8, 9, 10, 11]);
    expect(list(stack([at(x, 0, 0), at(x, 0, 1)], 1))).toEqual([0, 4, 1, 5, 2, 6, 3, 7]);
    expect(() => slice(x, 0, 2, 5)).toThrow(RangeError);
    expect(() => concat([x, counting(3, 3)], 0)).toThrow(RangeError);
  });
});

describe('products in index notation', () => {
  /** The definition: a sum over all index values. */
  function naive(spec: string, a: Tensor, b: Tensor): number[] {
    const [left, right, out] = spec.split(/,|->/);
    const sizes = new Map<string, number>();
    for (const [labels, t] of [[left, a] as const, [right, b] as const]) {
      [...labels].forEach((l, d) => {
        sizes.set(l, t.shape[d]);
      });
    }
    const all = [...sizes.keys()];
    const [x, y] = [list(a), list(b)];
    const place = (labels: string, index: Map<string, number>): number =>
      [...labels].reduce((n, l) => n * sizes.get(l)! + index.get(l)!, 0);
    const result = new Array<number>([...out].reduce((n, l) => n * sizes.get(l)!, 1)).fill(0);
    const walk = (d: number, index: Map<string, number>): void => {
      if (d === all.length) {
        result[place(out, index)] += x[place(left, index)] * y[place(right, index)];
        return;
      }
      for (let i = 0; i < sizes.get(all[d])!; i++) walk(d + 1, index.set(all[d], i));
    };
    walk(0, new Map());
    return result;
  }

  it('agree with the definition for any order of labels', () => {
    const labels = fc.record({
      batch: fc.subarray(['a', 'b']),
      rows: fc.subarray(['m', 'n']),
      columns: fc.subarray(['p', 'q']),
      summed: fc.subarray(['x', 'y']),
    });
    const mixed = labels.chain(({ batch, rows, columns, summed }) =>
      fc.tuple(
        fc.shuffledSubarray([...batch, ...rows, ...summed], { minLength: batch.length + rows.length + summed.length }),
        fc.shuffledSubarray([...batch, ...columns, ...summed], {
          minLength: batch.length + columns.length + summed.length,
        }),
        fc.shuffledSubarray([...batch, ...rows, ...columns], {
          minLength: batch.length + rows.length + columns.length,
        }),
      ),
    );
    fc.assert(
      fc.property(mixed, fc.array(size, { minLength: 8, maxLength: 8 }), ([a, b, out], sizes) => {
        const of = (l: string): number => sizes['abmnpqxy'.indexOf(l)];
        const [x, y] = [counting(...a.map(of)), counting(...b.map(of))];
        const spec = `${a.join('')},${b.join('')}->${out.join('')}`;
        const expected = naive(spec, x, y);
        list(einsum(spec, x, y)).forEach((value, i) => {
          expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(1e-5 * Math.abs(expected[i]));
        });
      }),
      { numRuns: 300 },
    );
  });

  it('refuse what does not fit', () => {
    const [x, y] = [counting(2, 3), counting(4, 5)];
    expect(() => einsum('ij,jk->ik', x, y)).toThrow(/two sizes/);
    expect(() => einsum('ij,kl->kl', x, y)).toThrow(/one operand only/);
    expect(() => einsum('ijk,kl->il', x, y)).toThrow(RangeError);
    expect(() => matmul(x, y)).toThrow(RangeError);
  });
});
