import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/reference.js';
import { gradientError } from '../tensor/finite-differences.js';
import { setDefaultDevice, square, type Tensor, tensor } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';
import { butterflyBudget, butterflyLinear, butterflyWeights } from './butterfly.js';
import { butterflyBlocks } from './butterfly-pattern.js';
import { numbers } from './random.testing.js';
import { SparseTensor } from './sparse-tensor.js';

const before = setDefaultDevice(undefined);
beforeAll(() => {
  setDefaultDevice(createReferenceDevice('f64'));
});
afterAll(() => {
  setDefaultDevice(before);
});

describe('flat block butterfly', () => {
  it('has 1 + log2 k blocks in every block row, symmetric, and repeats them along the longer side', () => {
    for (const nb of [1, 2, 8, 16]) {
      for (let k = 1; k <= nb; k *= 2) {
        const rows = Array.from({ length: nb }, (_, i) => butterflyBlocks(i, nb, nb, k));
        for (const [i, columns] of rows.entries()) {
          expect(columns).toHaveLength(1 + Math.log2(k));
          for (const j of columns) expect(rows[j]).toContain(i);
        }
        const wide = Array.from({ length: nb }, (_, i) => butterflyBlocks(i, nb, 3 * nb, k));
        expect(wide.map((columns) => columns.length)).toEqual(rows.map((columns) => 3 * columns.length));
        wide.forEach((columns, i) => {
          for (const j of columns) expect(rows[i]).toContain(Math.floor(j / 3));
        });
      }
    }
  });

  it('has the gradients of finite differences in blocks, gamma, U, V and inputs', () => {
    const { blocks, u, v, gamma } = butterflyWeights([8, 4], { b: 2, k: 2, rank: 2, seed: 1 });
    const { layout } = blocks;
    const inputs = [tensor(numbers(12, 1), [3, 4]), blocks.values, u, v, gamma, tensor(numbers(8, 2), [8])];
    const f = (x: Tensor, values: Tensor, u: Tensor, v: Tensor, gamma: Tensor, bias: Tensor) => {
      const blocks = unscoped(() => new SparseTensor(values, layout));
      return square(butterflyLinear(x, { blocks, u, v, gamma }, bias));
    };
    expect(gradientError(f as (...x: Tensor[]) => Tensor, inputs)).toBeLessThan(1e-6);
  });

  it('fits a budget', () => {
    for (const density of [0.15, 0.25, 0.5]) {
      for (const [out, inputs] of [
        [128, 128],
        [512, 128],
        [64, 256],
      ] as const) {
        const { b, k, rank } = butterflyBudget([out, inputs], density, { b: 8 });
        const { blocks, u, v } = butterflyWeights([out, inputs], { b, k, rank, seed: 1 });
        const used = blocks.layout.size + u.size + v.size;
        expect(rank % 8).toBe(0);
        expect(used).toBeLessThanOrEqual(density * out * inputs);
      }
    }
    expect(() => butterflyBudget([64, 64], 0.01, { b: 16 })).toThrow('leaves no room');
    expect(() => butterflyBudget([64, 64], 1.5, { b: 16 })).toThrow('at most 1, got 1.5');
  });
});
