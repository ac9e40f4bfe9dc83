import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DType } from '../device.js';
import { contiguousView, sizeOf } from '../views.js';
import { agree, devices, live, type Plan, plans } from './agree.testing.js';
import { createCpuDevice } from './device.js';

describe('fill, write and read', () => {
  it('agree with the reference', () => {
    const cases = fc
      .tuple(fc.nat(40), fc.constantFrom<DType>('f32', 'i32', 'u8'))
      .chain(([n, dtype]) => fc.tuple(plans([n], 'contiguous', dtype), fc.integer({ min: 0, max: 255 })));
    fc.assert(
      fc.property(cases, ([plan, value]) => {
        agree([plan], (device, [view]) => device.fill(view.buffer, view.offset, view.shape[0], value), 0);
      }),
      { numRuns: 60 },
    );
    for (const device of devices) {
      const x = device.allocate('f32', 2);
      for (const value of [-0, -Infinity, 1e-45, Number.NaN]) {
        device.fill(x, 0, 2, value);
        expect([...device.readSync(x, 0, 2)]).toEqual([Math.fround(value), Math.fround(value)]);
      }
      device.free(x);
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
        // Entries are at most 4: n additions in f32 are off by n half units in the last place of at most 4 n.
        const terms = sizeOf(ids.shape) + 1;
        const rounding = terms * 2 ** -24 * 4 * terms;
        agree([table, ids, rows], (device, [t, i, r]) => device.scatterAdd(t, i, r), Math.max(2e-6, rounding));
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

describe('sgd', () => {
  it('agrees with the reference', () => {
    const options = fc.record({
      lr: fc.constantFrom(1e-3, 0.1),
      momentum: fc.constantFrom(0, 0.9),
      weightDecay: fc.constantFrom(0, 0.1),
      nesterov: fc.boolean(),
    });
    const cases = fc
      .nat(70)
      .chain((n) => fc.tuple(options, ...Array.from({ length: 3 }, () => plans([n], 'contiguous'))));
    fc.assert(
      fc.property(cases, ([o, ...operands]) => {
        agree(operands, (device, [P, G, V]) => device.sgd(P, G, V, o), 1e-5);
      }),
      { numRuns: 60 },
    );
  });
});

describe('addresses beyond 2 GiB', () => {
  it('work as those below', () => {
    const results = [0, 2.1 * 2 ** 30].map((skipped) => {
      const device = createCpuDevice({ threads: 1, relaxed: false });
      // Never touched, so the system gives no pages for it.
      device.allocate('u8', skipped);
      const view = (shape: number[]) => contiguousView(device.allocate('f32', sizeOf(shape)), shape);
      const [x, y, table] = [view([37, 53]), view([37, 53]), view([37, 53])];
      const ids = contiguousView(device.allocate('i32', 37), [37]);
      for (const { buffer } of [x, y, table]) {
        device.write(
          buffer,
          0,
          Float32Array.from({ length: buffer.length }, (_, k) => Math.sin(k)),
        );
      }
      device.write(
        ids.buffer,
        0,
        Int32Array.from({ length: 37 }, (_, k) => (5 * k) % 37),
      );
      device.elementwise('gelu', y, [x]);
      device.elementwise('add', y, [y, { ...x, shape: [37, 53], strides: [0, 1] }]);
      device.softmax(x, y, { queries: 37, shift: 3 });
      device.copy({ ...y, shape: [53, 37], strides: [37, 1] }, { ...x, shape: [53, 37], strides: [1, 53] });
      device.scatterAdd(table, ids, y);
      device.gather(x, table, ids);
      device.reduce('sum', y.buffer, 0, x.buffer, 0, 1, 37, 53);
      device.reduce('max', y.buffer, 53, x.buffer, 0, 37, 53, 1);
      const data = [x, y, table].flatMap(({ buffer }) => [...device.readSync(buffer, 0, buffer.length)]);
      device.dispose();
      return data;
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[0].every(Number.isFinite)).toBe(true);
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
