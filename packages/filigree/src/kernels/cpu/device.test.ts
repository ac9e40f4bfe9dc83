import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import '../../node/index.js';
import type { Device, DType, View } from '../device.js';
import { type ElementwiseName, elementwise } from '../elementwise.js';
import { createReferenceDevice } from '../reference.js';
import { contiguousView, rowMajor, sizeOf } from '../views.js';
import { type CpuDevice, createCpuDevice } from './device.js';
import { hasRelaxedSimd } from './engine.js';
import { validate } from './validate.testing.js';

/** A view before it stands on a device: its buffer's content, and where its elements are. */
interface Plan {
  readonly dtype: DType;
  readonly data: readonly number[];
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

const reference = createReferenceDevice('f64');
const devices: CpuDevice[] = [];
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
const shapes = fc.oneof(
  fc.array(dimension, { maxLength: 4 }),
  fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70 })),
);

function plans(
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
function live(device: CpuDevice): number {
  let code = 0;
  for (const { published, bytes } of device.engine.kernels().values()) {
    if (published > 0) code += Math.ceil(bytes.length / 64) * 64;
  }
  return device.engine.memory.inUse - code;
}

/** Runs the same call everywhere; afterwards all buffers hold the same, the elements around the views too. */
function agree(operands: readonly Plan[], call: (device: Device, views: View[]) => void, tolerance = 2e-6): void {
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

/** Slopes of the formulas make errors of the functions larger. */
const looser: Partial<Record<ElementwiseName, number>> = { exp: 1e-5, geluTanhGrad: 1e-5, geluGrad: 1e-5, div: 1e-5 };

describe('elementwise', () => {
  it.each(Object.keys(elementwise) as ElementwiseName[])('%s agrees with the reference', (op) => {
    const arity = elementwise[op].length - 1;
    const positive = op === 'log' || op === 'sqrt' || op === 'rsqrt';
    const cases = shapes.chain((shape) =>
      fc.tuple(plans(shape, 'contiguous'), ...Array.from({ length: arity }, () => plans(shape, 'input'))),
    );
    fc.assert(
      fc.property(cases, (operands) => {
        const inputs = operands.slice(1).map((plan) => {
          const away = (x: number) => (Math.abs(x) < 0.1 ? 0.1 : x);
          if (positive) return { ...plan, data: plan.data.map((x) => Math.fround(Math.abs(x) + 0.01)) };
          return op === 'div' ? { ...plan, data: plan.data.map((x) => Math.fround(away(x))) } : plan;
        });
        agree([operands[0], ...inputs], (device, [out, ...x]) => device.elementwise(op, out, x), looser[op] ?? 2e-6);
      }),
      { numRuns: 25 },
    );
  });

  it('may write over an input', () => {
    fc.assert(
      fc.property(
        shapes.chain((shape) => fc.tuple(plans(shape, 'contiguous'), plans(shape, 'input'))),
        ([a, b]) => {
          agree([a, b], (device, [x, y]) => device.elementwise('mul', x, [x, y]));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('converts integers', () => {
    const types = fc.constantFrom<DType>('f32', 'i32', 'u8');
    const cases = fc
      .tuple(shapes, types, types, types)
      .chain(([shape, a, b, c]) =>
        fc.tuple(plans(shape, 'contiguous', a), plans(shape, 'input', b), plans(shape, 'input', c)),
      );
    fc.assert(
      fc.property(cases, (operands) =>
        agree(operands, (device, [out, a, b]) => device.elementwise('maximum', out, [a, b])),
      ),
      { numRuns: 60 },
    );
  });

  it('handles long rows at every length', () => {
    for (let n = 0; n < 40; n++) {
      const plan: Plan = {
        dtype: 'f32',
        data: Array.from({ length: n }, (_, k) => Math.fround(Math.sin(k))),
        offset: 0,
        shape: [n],
        strides: [1],
      };
      agree([plan, plan, plan], (device, [out, a, b]) => device.elementwise('add', out, [a, b]));
    }
  });
});

describe('copy', () => {
  it('agrees with the reference for any strides and types', () => {
    const types = fc.constantFrom<DType>('f32', 'i32', 'u8');
    const cases = fc
      .tuple(shapes, types, types)
      .chain(([shape, a, b]) => fc.tuple(plans(shape, 'strided', a), plans(shape, 'input', b)));
    fc.assert(
      fc.property(cases, (operands) => agree(operands, (device, [out, x]) => device.copy(out, x), 0)),
      { numRuns: 300 },
    );
  });

  it('keeps every bit of integers', () => {
    for (const device of devices) {
      const x = contiguousView(device.allocate('i32', 5), [5]);
      const y = contiguousView(device.allocate('i32', 5), [5]);
      device.write(x.buffer, 0, [2 ** 31 - 1, -(2 ** 31), 0x7fc00001, 16777217, -1]);
      device.copy(y, x);
      expect([...device.readSync(y.buffer, 0, 5)]).toEqual([2 ** 31 - 1, -(2 ** 31), 0x7fc00001, 16777217, -1]);
      device.free(x.buffer);
      device.free(y.buffer);
    }
  });
});

describe('reduce', () => {
  it.each(['sum', 'max', 'min'] as const)('%s agrees with the reference', (op) => {
    const extent = fc.oneof(fc.nat(5), fc.nat(40));
    const cases = fc
      .tuple(extent, fc.oneof(extent, fc.integer({ min: 250, max: 600 })), extent)
      .chain(([o, s, i]) =>
        fc.tuple(fc.constant([o, s, i]), plans([o, i], 'contiguous'), plans([o, s, i], 'contiguous')),
      );
    fc.assert(
      fc.property(cases, ([[o, s, i], out, x]) => {
        agree(
          [out, x],
          (device, [y, a]) => device.reduce(op, y.buffer, y.offset, a.buffer, a.offset, o, s, i),
          // Each addition rounds once; the terms are at most 4.
          op === 'sum' ? 4 * s * 2 ** -24 : 0,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('keeps the precision of long sums', () => {
    const n = 300_000;
    for (const inner of [1, 3]) {
      for (const device of devices) {
        const x = device.allocate('f32', n * inner);
        const out = device.allocate('f32', inner);
        device.fill(x, 0, n * inner, Math.fround(0.1));
        device.reduce('sum', out, 0, x, 0, 1, n, inner);
        for (const sum of device.readSync(out, 0, inner))
          expect(Math.abs(sum / (n * Math.fround(0.1)) - 1)).toBeLessThan(2e-5);
        device.free(x);
        device.free(out);
      }
    }
  });
});

describe('softmax', () => {
  const rows = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(9), fc.nat(20));
  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('and its gradient agree with the reference (log %s, causal %s)', (log, masked) => {
    const cases = fc
      .tuple(rows, fc.integer({ min: -2, max: 4 }))
      .chain(([shape, shift]) =>
        fc.tuple(
          fc.constant({ queries: Math.max(1, shape[1]), shift }),
          ...Array.from({ length: 4 }, () => plans(shape, 'contiguous')),
        ),
      );
    fc.assert(
      fc.property(cases, ([causal, y, x, slope, g]) => {
        if (masked && !log && causal.shift < 0) causal = { ...causal, shift: 0 };
        agree(
          [y, x, slope, g],
          (device, [out, a, da, dout]) => {
            device.softmax(out, a, masked ? causal : undefined, log);
            if (!masked || causal.shift >= 0) device.softmaxGrad(da, out, dout, log);
          },
          5e-6,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('survives large scores', () => {
    const plan = (data: number[]): Plan => ({
      dtype: 'f32',
      data,
      offset: 0,
      shape: [1, data.length],
      strides: [data.length, 1],
    });
    const x = plan([1e30, -1e30, 3e38, 0, -Infinity]);
    agree([x, x], (device, [out, a]) => device.softmax(out, a));
    agree([x, x], (device, [out, a]) => device.softmax(out, a, { queries: 1, shift: -1 }));
  });
});

describe('gather and scatterAdd', () => {
  const cases = fc
    .tuple(
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 37 }),
      fc.nat(12),
      fc.constantFrom<DType>('i32', 'u8'),
    )
    .chain(([rows, width, count, dtype]) =>
      fc.tuple(
        plans([rows, width], 'contiguous'),
        plans([count], 'input', dtype).map((ids) => ({ ...ids, data: ids.data.map((id) => id % rows) })),
        plans([count, width], 'contiguous'),
      ),
    );
  it('agree with the reference', () => {
    fc.assert(
      fc.property(cases, ([table, ids, rows]) => {
        agree([rows, table, ids], (device, [out, t, i]) => device.gather(out, t, i));
        agree([table, ids, rows], (device, [t, i, r]) => device.scatterAdd(t, i, r));
      }),
      { numRuns: 100 },
    );
  });

  it('name an id that is out of range and leave nothing allocated', () => {
    for (const device of devices) {
      const before = live(device);
      const table = contiguousView(device.allocate('f32', 6), [3, 2]);
      const out = contiguousView(device.allocate('f32', 4), [2, 2]);
      const ids = contiguousView(device.allocate('i32', 2), [2]);
      for (const bad of [3, -1]) {
        device.write(ids.buffer, 0, [0, bad]);
        expect(() => device.gather(out, table, ids)).toThrow(`id ${bad} is outside the table's 3 rows`);
        expect(() => device.scatterAdd(table, ids, out)).toThrow(RangeError);
      }
      for (const { buffer } of [table, out, ids]) device.free(buffer);
      expect(live(device)).toBe(before);
    }
  });
});

describe('rotary', () => {
  it('agrees with the reference', () => {
    const cases = fc
      .record({
        shape: fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 5 }), fc.nat(3)),
        half: fc.integer({ min: 0, max: 9 }),
        rest: fc.nat(6),
        inverse: fc.boolean(),
      })
      .chain(({ shape, half, rest, inverse }) => {
        const full = [...shape, 2 * half + rest];
        const table = [shape[1], half];
        return fc.tuple(
          fc.constant(inverse),
          plans(full, 'contiguous'),
          plans(full, 'input'),
          plans(table, 'contiguous'),
          plans(table, 'strided'),
        );
      });
    fc.assert(
      fc.property(cases, ([inverse, ...operands]) => {
        agree(operands, (device, [out, x, cos, sin]) => device.rotary(out, x, cos, sin, inverse), 1e-5);
      }),
      { numRuns: 150 },
    );
  });
});

describe('adamw', () => {
  it('agrees with the reference', () => {
    const options = fc.record({
      lr: fc.constantFrom(1e-3, 0.1),
      beta1: fc.constant(0.9),
      beta2: fc.constantFrom(0.95, 0.999),
      eps: fc.constant(1e-8),
      weightDecay: fc.constantFrom(0, 0.1),
      step: fc.integer({ min: 1, max: 1000 }),
    });
    const cases = fc
      .nat(70)
      .chain((n) => fc.tuple(options, ...Array.from({ length: 4 }, () => plans([n], 'contiguous'))));
    fc.assert(
      fc.property(cases, ([o, p, g, m, v]) => {
        const second = { ...v, data: v.data.map((x) => Math.fround(Math.abs(x) + 0.1)) };
        agree([p, g, m, second], (device, [P, G, M, V]) => device.adamw(P, G, M, V, o), 1e-5);
      }),
      { numRuns: 60 },
    );
  });
});

describe('threads', () => {
  it('change no bit of any result', () => {
    const results = [1, 2, 3].map((threads) => {
      const device = createCpuDevice({ threads, relaxed: false });
      const n = 120;
      const view = (shape: number[]) => contiguousView(device.allocate('f32', sizeOf(shape)), shape);
      const x = view([n, 2, n, 7]);
      const size = sizeOf(x.shape);
      const y = view([n, 2, n, 7]);
      device.write(
        x.buffer,
        0,
        Float32Array.from({ length: size }, (_, k) => Math.sin(k)),
      );
      const bits: number[] = [];
      const keep = () => {
        let hash = 0;
        for (const word of new Int32Array(device.readSync(y.buffer, 0, size).buffer))
          hash = (Math.imul(hash, 31) + word) | 0;
        bits.push(hash);
      };
      // Again and again, so that workers have time to arrive.
      for (let round = 0; round < 10; round++) {
        device.elementwise('gelu', y, [x]);
        keep();
        device.copy(y, { ...x, shape: [2, 7, n, n], strides: [n * 7, 1, 7, 2 * n * 7] });
        keep();
        device.softmax(
          { ...y, shape: [2 * n * 7, n], strides: [n, 1] },
          { ...x, shape: [2 * n * 7, n], strides: [n, 1] },
        );
        keep();
        device.reduce('sum', y.buffer, 0, x.buffer, 0, 2, n, n * 7);
        device.reduce('max', y.buffer, n * 14, x.buffer, 0, n * n * 2, 7, 1);
        keep();
      }
      device.dispose();
      return bits;
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});
