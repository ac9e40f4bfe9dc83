import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/reference.js';
import { gradientError } from '../tensor/finite-differences.js';
import { matmul, mul, setDefaultDevice, square, type Tensor, tensor } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';
import { layoutName } from './packing.js';
import { cases, numbers } from './random.testing.js';
import {
  layoutOf,
  magnitudeFraction,
  type Packed,
  SparseRegistry,
  scalarThreshold,
  scatterValues,
} from './registry.js';
import { SparseTensor } from './sparse-tensor.js';

const before = setDefaultDevice(undefined);
beforeAll(() => {
  setDefaultDevice(createReferenceDevice('f64'));
});
afterAll(() => {
  setDefaultDevice(before);
});

interface Coordinates extends Packed {
  readonly keys: readonly number[];
}
const coordinates = {
  name: 'coordinates',
  pack: (dense: ArrayLike<number>, mask: ArrayLike<number>, shape: readonly number[]): Coordinates => {
    const keys = Array.from(mask, (_, k) => k).filter((k) => mask[k] !== 0);
    return { layout: 'coordinates', shape, values: tensor(keys.map((k) => dense[k])), keys };
  },
  densify: (w: Coordinates) => scatterValues(w.values, w.keys, w.shape),
  bytes: (w: Coordinates) => 12 * w.keys.length,
};

describe('the registry', () => {
  it('multiplies every built-in layout as the dense product does, and densifies it exactly', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ rows, cols, mask, spec }) => {
        const registry = new SparseRegistry();
        const dense = Float64Array.from(numbers(rows * cols, 1), (v, k) => (mask[k] === 0 ? 0 : v));
        const w = SparseTensor.fromDense(dense, [rows, cols], spec, { mask });
        const x = tensor(numbers(3 * cols, 2), [3, cols]);
        const right = matmul(x, tensor(dense, [rows, cols]), { transposeB: true }).dataSync();
        registry
          .run('linear', x, w)
          .dataSync()
          .forEach((v, k) => {
            expect(v).toBeCloseTo(right[k], 6);
          });
        expect([...registry.densify(w).dataSync()]).toEqual([...dense]);
        expect(layoutOf(w)).toBe(spec.kind);
        expect([...registry.report().exact.keys()]).toEqual([`linear(dense, ${spec.kind})`]);
        const again = await registry.sparsify(tensor(dense, [rows, cols]), scalarThreshold(1e-9), layoutName(spec));
        expect([...registry.densify(again).dataSync()]).toEqual([...dense]);
      }),
      { numRuns: 40 },
    );
  });

  it('runs what it does not know densely, with gradients, and counts it; converts where that loses nothing', () => {
    const registry = new SparseRegistry();
    registry.registerLayout(coordinates);
    const w = coordinates.pack([1, 0, 2, 0, 3, 4], [1, 0, 1, 0, 1, 1], [2, 3]);
    const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    expect([...registry.run('linear', x, w).dataSync()]).toEqual([7, 18, 16, 39]);
    expect([...registry.report().fallbacks]).toEqual([['linear(dense, coordinates)', 1]]);
    const f = (x: Tensor, values: Tensor) => square(registry.run('linear', x, { ...w, values }));
    expect(gradientError(f as (...x: Tensor[]) => Tensor, [x, w.values])).toBeLessThan(1e-6);
    registry.registerLayout({
      ...coordinates,
      convert: {
        csr: (w: Coordinates) =>
          unscoped(() => new SparseTensor(w.values, SparseTensor.fromDense([1, 0, 1, 0, 1, 1], [2, 3]).layout)),
      },
    });
    expect([...registry.run('linear', x, w).dataSync()]).toEqual([7, 18, 16, 39]);
    expect([...registry.report().converted]).toEqual([['linear(dense, coordinates)', 1]]);
  });

  it('gives outputs a format: two sparsifiers, a layout between and one at the end', async () => {
    const registry = new SparseRegistry();
    const y = mul(1, tensor([1, -4, 0.1, 3, 2, -0.2], [2, 3]));
    const kept = await registry.format(y, {
      inline: scalarThreshold(0.5),
      temporary: 'csr',
      external: magnitudeFraction(0.5),
      final: 'csr',
    });
    expect([...registry.densify(kept).dataSync()]).toEqual([0, -4, 0, 3, 2, 0]);
    expect(layoutOf(kept)).toBe('csr');
    expect(registry.bytes(kept)).toBeGreaterThan(0);
    expect(layoutOf(await registry.format(y, { inline: scalarThreshold(0.5) }))).toBe('dense');
  });

  it('puts parameters by name in a layout', async () => {
    const registry = new SparseRegistry();
    const parameters = new Map(['a.0.w', 'a.1.w', 'b'].map((name) => [name, tensor([1, 2, 3, 4], [2, 2])]));
    const sparse = await registry.sparsifyParameters(parameters, { 'a.*.w': [magnitudeFraction(0.5), 'csr'] });
    expect([...sparse.values()].map(layoutOf)).toEqual(['csr', 'csr', 'dense']);
    const rules = { 'c*': [magnitudeFraction(0.5), 'csr'] } as const;
    await expect(registry.sparsifyParameters(parameters, rules)).rejects.toThrow("no parameter is called 'c*'");
  });

  it('says what is missing', async () => {
    const registry = new SparseRegistry();
    const x = tensor([1], [1, 1]);
    expect(() => registry.run('conv', x)).toThrow('no operator conv(dense)');
    expect(() => registry.densify({ layout: 'lost', shape: [1], values: x })).toThrow(
      "no layout 'lost'; there are dense",
    );
    expect(() => registry.sparsifier('top')).toThrow("no sparsifier 'top'; there are none");
    await expect(registry.sparsify(x, undefined, 'nm 2:3')).rejects.toThrow('3 has to divide the columns');
    expect(() => magnitudeFraction(2)).toThrow('at most 1, got 2');
  });
});
