import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DType } from '../device.js';
import { type ElementwiseName, elementwise } from '../elementwise.js';
import { contiguousView } from '../views.js';
import { agree, devices, type Plan, plans, shapes } from './agree.testing.js';

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
