import fc from 'fast-check';
import { afterAll, expect } from 'vitest';
import '../../node/index.js';
import type { Device, DType, View } from '../device.js';
import { createReferenceDevice } from '../reference.js';
import { rowMajor, sizeOf } from '../views.js';
import { type CpuDevice, createCpuDevice } from './device.js';
import { hasRelaxedSimd } from './engine.js';
import { validate } from './validate.testing.js';

/**
 * For tests of the CPU device: random views, and one call run on every variant of the device and on the reference.
 */

/** A view before it stands on a device: its buffer's content, and where its elements are. */
export interface Plan {
  readonly dtype: DType;
  readonly data: readonly number[];
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

const reference = createReferenceDevice('f64');
export const devices: CpuDevice[] = [];
for (const threads of [1, 2]) {
  for (const relaxed of hasRelaxedSimd() ? [false, true] : [false]) devices.push(createCpuDevice({ threads, relaxed }));
}
afterAll(() => {
  for (const device of devices) {
    for (const [name, { bytes }] of device.engine.kernels()) {
      expect(() => validate(bytes), name).not.toThrow();
    }
    device.dispose();
  }
});

const dimension = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 9 }) },
);
export const shapes = fc.oneof(
  fc.array(dimension, { maxLength: 4 }),
  fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70 })),
);

export function plans(
  shape: readonly number[],
  kind: 'contiguous' | 'strided' | 'input',
  dtype: DType = 'f32',
): fc.Arbitrary<Plan> {
  const layout =
    kind === 'contiguous'
      ? fc.constant(rowMajor(shape))
      : fc
          .record({
            order: fc.shuffledSubarray(
              shape.map((_, d) => d),
              { minLength: shape.length },
            ),
            gaps: fc.array(fc.nat(2), { minLength: shape.length, maxLength: shape.length }),
            still: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: shape.length, maxLength: shape.length }),
          })
          .map(({ order, gaps, still }) => {
            const strides = new Array<number>(shape.length);
            let step = 1;
            for (const d of order) {
              strides[d] = kind === 'input' && still[d] === 0 ? 0 : step;
              step *= shape[d] + (gaps[d] === 2 ? 1 : 0);
            }
            return strides;
          });
  return fc.tuple(layout, fc.nat(5), fc.nat(1000)).map(([strides, offset, seed]) => {
    const span = sizeOf(shape) === 0 ? 0 : strides.reduce((s, stride, d) => s + stride * (shape[d] - 1), 1);
    const length = offset + span + 3;
    const data = Array.from({ length }, (_, k) => {
      const x = Math.sin(seed + 1.7 * k) * 4;
      return dtype === 'f32' ? Math.fround(x) : Math.abs(Math.trunc(20 * x));
    });
    return { dtype, data, offset, shape, strides };
  });
}

function place(device: Device, plan: Plan): View {
  const dtype = device.float === 'f64' && plan.dtype === 'f32' ? 'f64' : plan.dtype;
  const buffer = device.allocate(dtype, plan.data.length);
  device.write(buffer, 0, plan.data);
  return { buffer, offset: plan.offset, shape: plan.shape, strides: plan.strides };
}

/** Bytes in use, but for the code of kernels that workers were shown. */
export function live(device: CpuDevice): number {
  let code = 0;
  for (const { published, bytes } of device.engine.kernels().values()) {
    if (published > 0) code += Math.ceil(bytes.length / 64) * 64;
  }
  return device.engine.memory.inUse - code;
}

/** Runs the same call everywhere; afterwards all buffers hold the same, the elements around the views too. */
export function agree(
  operands: readonly Plan[],
  call: (device: Device, views: View[]) => void,
  tolerance = 2e-6,
): void {
  const outcome = (device: Device) => {
    const views = operands.map((plan) => place(device, plan));
    call(device, views);
    const data = views.map(({ buffer }) => [...device.readSync(buffer, 0, buffer.length)]);
    for (const { buffer } of views) device.free(buffer);
    return data;
  };
  const expected = outcome(reference);
  for (const device of devices) {
    const before = live(device);
    outcome(device).forEach((data, k) => {
      data.forEach((value, i) => {
        const right = expected[k][i];
        if (Object.is(value, right) || value === right) return;
        const error = Math.abs(value - Math.fround(right));
        if (!(error <= tolerance * Math.max(1, Math.abs(right)))) {
          expect(value, `operand ${k}, element ${i}, relaxed ${device.engine.relaxed}`).toBe(right);
        }
      });
    });
    expect(live(device)).toBe(before);
  }
}
