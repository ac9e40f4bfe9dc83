import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { devices, live } from '../kernels/cpu/agree.testing.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { gradientError } from '../tensor/finite-differences.js';
import {
  add,
  matmul,
  mul,
  scope,
  setDefaultDevice,
  square,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
} from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';
import { Layout } from './layout.js';
import { sparseLinear, sparseLinearTransposed } from './linear.js';
import { cases, numbers } from './random.testing.js';
import { SparseTensor } from './sparse-tensor.js';
import { Topology } from './topology.js';

const device = createReferenceDevice('f64');

const before = setDefaultDevice(undefined);
afterAll(() => {
  setDefaultDevice(before);
});

describe('sparseLinear', () => {
  it('has the gradients of finite differences in every layout', () => {
    const kinds = new Set<string>();
    const small = cases.filter(({ rows, cols }) => rows * cols <= 120 && rows > 0);
    fc.assert(
      fc.property(small, fc.boolean(), ({ rows, cols, mask, spec }, biased) => {
        kinds.add(spec.kind);
        const layout = new Layout(Topology.fromMask(mask, rows, cols), spec);
        const inputs = [
          tensor(numbers(6 * cols, 1), [2, 3, cols], undefined, device),
          tensor(numbers(layout.size, 2), [layout.size], undefined, device),
          ...(biased ? [tensor(numbers(rows, 3), [rows], undefined, device)] : []),
        ];
        const f = (x: Tensor, values: Tensor, bias?: Tensor) =>
          square(
            sparseLinear(
              x,
              unscoped(() => new SparseTensor(values, layout)),
              bias,
            ),
          );
        expect(gradientError(f as (...x: Tensor[]) => Tensor, inputs)).toBeLessThan(1e-6);
      }),
      { numRuns: 60 },
    );
    expect([...kinds].sort()).toEqual(['block', 'butterfly', 'condensed', 'csr', 'nm', 'nmg']);
  });

  it('goes back through every layout, with the gradients of finite differences', () => {
    const small = cases.filter(({ rows, cols }) => rows * cols <= 120 && rows > 0);
    fc.assert(
      fc.property(small, ({ rows, cols, mask, spec }) => {
        const layout = new Layout(Topology.fromMask(mask, rows, cols), spec);
        const shapes = [[2, 3, rows], [layout.size], [cols]];
        const inputs = shapes.map((shape, k) =>
          tensor(
            numbers(
              shape.reduce((a, b) => a * b),
              k + 4,
            ),
            shape,
            undefined,
            device,
          ),
        );
        const weight = (values: Tensor) => unscoped(() => new SparseTensor(values, layout));
        const f = (x: Tensor, values: Tensor, bias: Tensor) => square(sparseLinearTransposed(x, weight(values), bias));
        expect(gradientError(f as (...x: Tensor[]) => Tensor, inputs)).toBeLessThan(1e-6);
        const [x, values, bias] = inputs;
        const dense = tensor(layout.unpack(values.dataSync()), [rows, cols], undefined, device);
        const right = add(matmul(x, dense), bias).dataSync();
        const ours = sparseLinearTransposed(x, weight(values), bias).dataSync();
        for (const [k, y] of ours.entries()) expect(y).toBeCloseTo(right[k], 9);
      }),
      { numRuns: 30 },
    );
  });

  it('equals a dense layer with a mask on the CPU, gradients too', () => {
    fc.assert(
      fc.property(cases, fc.constantFrom(1, 4, 7, 33), ({ rows, cols, mask, spec }, count) => {
        const w = numbers(rows * cols, 1).map((x, k) => x * mask[k]);
        for (const device of devices) {
          setDefaultDevice(device);
          // Constants that gradients need are kept from their first use on.
          scope(() => {
            const one = tensor([1]);
            valueAndGrad(() => sum(square(one)), [one]);
          });
          const before = live(device);
          scope(() => {
            const on = (data: ArrayLike<number>, shape: number[]) => tensor(data, shape, undefined, device);
            const x = on(numbers(count * cols, 2), [count, cols]);
            const bias = on(numbers(rows, 3), [rows]);
            const sparse = SparseTensor.fromDense(w, [rows, cols], spec, { mask, device });
            const dense = on(w, [rows, cols]);
            const kept = on(sparse.layout.support.toMask(), [rows, cols]);
            const loss = (y: Tensor) => sum(square(y));
            const ours = valueAndGrad(() => loss(sparseLinear(x, sparse, bias)), [x, sparse.values, bias]);
            const masked = () => loss(add(matmul(x, mul(dense, kept), { transposeB: true }), bias));
            const theirs = valueAndGrad(masked, [x, dense, bias]);
            const slopes = ours.gradients.map((g) => g!.dataSync());
            const right = theirs.gradients.map((g) => g!.dataSync());
            slopes[1] = Float32Array.from(sparse.layout.unpack(slopes[1]));
            slopes.forEach((slope, which) => {
              const size = Math.max(1, ...Array.from(right[which], Math.abs));
              slope.forEach((value, k) => {
                expect(Math.abs(value - right[which][k]), `gradient ${which}`).toBeLessThanOrEqual(1e-5 * size);
              });
            });
          });
          expect(live(device)).toBe(before);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('says what does not fit', () => {
    const w = SparseTensor.fromDense([1, 0, 0, 1, 1, 0], [2, 3], undefined, { device });
    const of = (...shape: number[]) =>
      tensor(new Float64Array(shape.reduce((a, b) => a * b, 1)), shape, undefined, device);
    expect(() => sparseLinear(of(4, 2), w)).toThrow('a 2 x 3 weight needs inputs of 3 features, got [4,2]');
    expect(() => sparseLinear(of(4, 3), w, of(3))).toThrow('needs a bias of 2, got [3]');
    expect(() => new SparseTensor(of(4), w.layout)).toThrow('holds 3 values, got a tensor of shape [4]');
  });
});
