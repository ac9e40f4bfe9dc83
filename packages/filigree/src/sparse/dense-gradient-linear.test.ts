import { afterAll, describe, expect, it } from 'vitest';
import { devices } from '../kernels/cpu/agree.testing.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { gradientError } from '../tensor/finite-differences.js';
import { mul, Random, scope, setDefaultDevice, sum, type Tensor, tensor, valueAndGrad } from '../tensor/index.js';
import { absTopK, denseGradientLinear, SparseTensor } from './index.js';

const reference = createReferenceDevice('f64');
const before = setDefaultDevice(undefined);
afterAll(() => {
  setDefaultDevice(before);
});

describe('denseGradientLinear', () => {
  const [samples, inputs, out] = [7, 24, 15];
  const random = new Random(3);
  const dense = random.normals(out * inputs).map((x, i) => (i % 9 === 2 ? x : 0));
  const [x, b, g] = [samples * inputs, out, samples * out].map((size) => random.normals(size));

  function outcome(packs: boolean, support = false) {
    return scope(() => {
      const [X, W, B] = [tensor(x, [samples, inputs]), tensor(dense, [out, inputs]), tensor(b, [out])];
      const packed = packs ? SparseTensor.fromDense(dense, [out, inputs]) : undefined;
      const y = denseGradientLinear(X, W, packed, B, { support });
      const { gradients } = valueAndGrad(
        () => sum(mul(denseGradientLinear(X, W, packed, B, { support }), tensor(g, [samples, out]))),
        [X, W, B],
      );
      return [y, ...gradients].map((t) => [...(t as Tensor).dataSync()]);
    });
  }

  it('gives with packed weights what it gives without, the gradients of absent weights included', () => {
    for (const device of [reference, ...devices]) {
      setDefaultDevice(device);
      const [whole, packed, support] = [outcome(false), outcome(true), outcome(true, true)];
      whole.forEach((values, k) => {
        values.forEach((value, i) => {
          expect(Math.abs(packed[k][i] - value)).toBeLessThan(1e-5);
          const absent = k === 2 && dense[i] === 0;
          expect(Math.abs(support[k][i] - (absent ? 0 : value))).toBeLessThan(1e-5);
        });
      });
      expect(whole[2].filter((value, i) => dense[i] === 0 && value !== 0).length).toBeGreaterThan(out * inputs * 0.8);
    }
  });
});

describe('absTopK', () => {
  it('keeps the largest magnitudes of each row, the first of equals', () => {
    setDefaultDevice(reference);
    const rows = [
      [1, -3, 2, 0.5, -2],
      [0, 0, 1, 0, 0],
    ];
    const kept = absTopK(tensor(rows.flat(), [2, 5]), 2).dataSync();
    expect([...kept.map((x) => x + 0)]).toEqual([0, -3, 2, 0, 0, 0, 0, 1, 0, 0]);
  });

  it('has the gradient of what it keeps', () => {
    setDefaultDevice(reference);
    const x = tensor(new Random(1).normals(3 * 40), [3, 40]);
    expect(gradientError((y) => absTopK(mul(y, y), 7), [x])).toBeLessThan(1e-8);
  });
});
