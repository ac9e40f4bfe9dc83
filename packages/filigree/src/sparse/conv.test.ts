import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { agree, devices } from '../kernels/cpu/agree.testing.js';
import type { Device, View } from '../kernels/device.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { outputSize } from '../kernels/reference-patches.js';
import { gradientError } from '../tensor/finite-differences.js';
import { scope, setDefaultDevice, square, sum, type Tensor, tensor, valueAndGrad } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';
import { convColumns, sparseConv2d } from './conv.js';
import { numbers } from './random.testing.js';
import { SparseTensor } from './sparse-tensor.js';

const reference = createReferenceDevice('f64');
const before = setDefaultDevice(undefined);
afterAll(() => {
  setDefaultDevice(before);
});

const shapes = fc.record({
  images: fc.constantFrom(0, 1, 3),
  height: fc.constantFrom(1, 2, 5, 8),
  width: fc.constantFrom(1, 4, 7),
  channels: fc.constantFrom(1, 2, 4, 5),
  kernel: fc.constantFrom<[number, number]>([1, 1], [3, 3], [2, 3], [3, 1]),
  stride: fc.constantFrom(1, 2, 3),
  padding: fc.constantFrom(0, 1, 2),
});

describe('patches', () => {
  it('and their gradient are the same on every device', () => {
    fc.assert(
      fc.property(shapes, ({ images, ...g }) => {
        const [down, across] = outputSize(g);
        const plan = (shape: number[], seed: number) => ({
          dtype: 'f32' as const,
          data: [
            ...numbers(
              shape.reduce((a, b) => a * b, 1),
              seed,
            ),
          ],
          offset: 0,
          shape,
          strides: shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1)),
        });
        const x = plan([images, g.height, g.width, g.channels], 1);
        const seen = plan([images, down, across, g.kernel[0], g.kernel[1], g.channels], 2);
        agree([plan(seen.shape, 3), x], (device: Device, [out, from]: View[]) => device.patches(out, from, g));
        agree([plan(x.shape, 3), seen], (device: Device, [out, from]: View[]) => device.patchesGrad(out, from, g));
      }),
      { numRuns: 80 },
    );
  });
});

/** Convolution by its definition. */
function direct(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  out: number,
  images: number,
  g: Parameters<typeof outputSize>[0],
) {
  const [down, across] = outputSize(g);
  const [kh, kw] = g.kernel;
  const y: number[] = [];
  for (let b = 0; b < images; b++)
    for (let r = 0; r < down; r++)
      for (let s = 0; s < across; s++)
        for (let i = 0; i < out; i++) {
          let total = 0;
          for (let c = 0; c < g.channels; c++)
            for (let ky = 0; ky < kh; ky++)
              for (let kx = 0; kx < kw; kx++) {
                const [py, px] = [r * g.stride + ky - g.padding, s * g.stride + kx - g.padding];
                if (py < 0 || px < 0 || py >= g.height || px >= g.width) continue;
                const weight = w[((i * g.channels + c) * kh + ky) * kw + kx];
                total += weight * x[((b * g.height + py) * g.width + px) * g.channels + c];
              }
          y.push(total);
        }
  return y;
}

describe('sparseConv2d', () => {
  it('is the convolution by its definition, with the gradients of finite differences', () => {
    const small = shapes.filter((s) => s.images * s.height * s.width * s.channels <= 90);
    fc.assert(
      fc.property(small, fc.constantFrom('csr', 'block', 'nm'), ({ images, ...g }, kind) => {
        setDefaultDevice(reference);
        const out = 4;
        const [kh, kw] = g.kernel;
        const inputs = kh * kw * g.channels;
        const kernel = numbers(out * inputs, 1).map((v, k) => (k % 3 === 0 ? v : 0));
        const dense = convColumns(kernel, [out, g.channels, kh, kw]);
        const spec = {
          csr: { kind: 'csr' },
          block: { kind: 'block', r: 4, c: 1 },
          nm: { kind: 'nm', n: 1, m: 1 },
        } as const;
        const w = SparseTensor.fromDense(dense, [out, inputs], spec[kind as 'csr']);
        const x = tensor(numbers(images * g.height * g.width * g.channels, 2), [images, g.height, g.width, g.channels]);
        const bias = tensor(numbers(out, 3), [out]);
        const right = direct(x.dataSync(), kernel, out, images, g).map((v, k) => v + bias.dataSync()[k % out]);
        const y = sparseConv2d(x, w, g, bias);
        expect(y.shape).toEqual([images, ...outputSize(g), out]);
        for (const [k, v] of y.dataSync().entries()) expect(v).toBeCloseTo(right[k], 6);
        const f = (x: Tensor, values: Tensor, bias: Tensor) =>
          square(
            sparseConv2d(
              x,
              unscoped(() => new SparseTensor(values, w.layout)),
              g,
              bias,
            ),
          );
        expect(gradientError(f as (...x: Tensor[]) => Tensor, [x, w.values, bias])).toBeLessThan(1e-6);
      }),
      { numRuns: 30 },
    );
  });

  it('agrees with the reference where images go through in groups', () => {
    // An image has 256 patches of 4608 floats: three go at a time.
    const [images, height, channels, out] = [5, 16, 512, 2];
    const inputs = 9 * channels;
    const dense = numbers(out * inputs, 1).map((v, k) => (k % 11 === 0 ? v : 0));
    const outcome = (device: Device) => {
      setDefaultDevice(device);
      return scope(() => {
        const x = tensor(numbers(images * height * height * channels, 2), [images, height, height, channels]);
        const w = SparseTensor.fromDense(dense, [out, inputs]);
        const loss = () => sum(square(sparseConv2d(x, w, { kernel: [3, 3], padding: 1, stride: 1 })));
        return valueAndGrad(loss, [w.values, x]).gradients.map((g) => Float64Array.from(g!.dataSync()));
      });
    };
    const right = outcome(createReferenceDevice('f32'));
    outcome(devices[0]).forEach((slope, which) => {
      const size = right[which].reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      const error = slope.reduce((most, v, k) => Math.max(most, Math.abs(v - right[which][k])), 0);
      expect(error).toBeLessThan(1e-4 * size);
    });
  });

  it('says what does not fit', () => {
    setDefaultDevice(reference);
    const w = SparseTensor.fromDense(new Float64Array(18).fill(1), [2, 9]);
    const of = (...shape: number[]) => tensor(new Float64Array(shape.reduce((a, b) => a * b, 1)), shape);
    expect(() => sparseConv2d(of(4, 4, 1), w)).toThrow('[batch, height, width, channels], got [4,4,1]');
    expect(() => sparseConv2d(of(1, 4, 4, 2), w, { kernel: [3, 3] })).toThrow('has 18 inputs, the weight 9');
    expect(() => sparseConv2d(of(1, 4, 4, 1), w, { kernel: [3, 3], stride: 0 })).toThrow('stride 0');
    expect(() => sparseConv2d(of(1, 4, 4, 1), w, { kernel: [3, 3] }, of(3))).toThrow('needs a bias of 2, got [3]');
    expect(() => convColumns([1], [1, 1, 3, 3])).toThrow('has 9 values, got 1');
  });
});
