import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { agree, devices, live, plans } from '../kernels/cpu/agree.testing.js';
import type { Device, View } from '../kernels/device.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { keptInRow, keptPerRow } from '../kernels/reference-sparse.js';
import { add, matmul, mul, scope, setDefaultDevice, square, sub, sum, tensor, valueAndGrad } from '../tensor/index.js';
import { nmMask, project, projectedLinear } from './project.js';
import { type SupportSpec, selectSupport } from './project-support.js';
import { numbers } from './random.testing.js';

const reference = createReferenceDevice('f64');
const before = setDefaultDevice(undefined);
afterAll(() => {
  setDefaultDevice(before);
});

const ratios = fc.constantFrom([1, 2], [2, 4], [1, 4], [2, 8], [3, 5], [1, 16], [4, 4], [1, 1]);
const side = fc.oneof(fc.constantFrom(0, 1, 4, 17), fc.integer({ min: 1, max: 40 }));

describe('the largest n of every m', () => {
  it('are those of sorting by magnitude, with as large a share of what m does not divide', () => {
    expect(keptInRow([1, -3, 2, 0, 5, -5, 5], 2, 4)).toEqual([1, 2, 4, 5]);
    expect(keptInRow([0, 0, 0, 0, 0], 2, 4)).toEqual([0, 1, 4]);
    expect(keptInRow([1, Number.NaN, Number.POSITIVE_INFINITY, 2], 1, 4)).toEqual([1]);
    expect([keptPerRow(7, 2, 4), keptPerRow(5, 1, 4), keptPerRow(0, 1, 4)]).toEqual([4, 2, 0]);
  });

  it('are the same on every device, in any strides', () => {
    const matrix = fc.tuple(side, side).chain((shape) => plans(shape, 'input'));
    fc.assert(
      fc.property(matrix, ratios, fc.boolean(), (w, [n, m], ties) => {
        const [rows, cols] = w.shape;
        const data = ties ? w.data.map((x) => Math.round(x / 3)) : w.data;
        const size = rows * keptPerRow(cols, n, m);
        const empty = (dtype: 'f32' | 'i32', shape: number[]) => ({
          ...{ dtype, data: new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0), offset: 0 },
          ...{ shape, strides: shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1)) },
        });
        const outputs = [empty('f32', [size]), empty('i32', [size]), empty('f32', [rows, cols])];
        const call = (device: Device, [values, columns, mask, x]: View[]) => {
          device.sparse?.selectNm(values, columns, x, n, m);
          device.sparse?.maskNm(mask, x, n, m);
        };
        agree([...outputs, { ...w, data }], call);
      }),
      { numRuns: 120 },
    );
  });
});

describe('the largest of long groups', () => {
  const long = fc.record({
    rows: fc.integer({ min: 1, max: 5 }),
    cols: fc.integer({ min: 1, max: 120 }),
    m: fc.integer({ min: 33, max: 130 }),
  });
  it('are those of sorting, the first of equals, on every device', () => {
    fc.assert(
      fc.property(
        long.chain(({ rows, cols, m }) =>
          fc.tuple(plans([rows, cols], 'input'), fc.constant(m), fc.integer({ min: 1, max: m })),
        ),
        fc.constantFrom('real', 'ties', 'zeros', 'odd'),
        ([w, m, n], kind) => {
          const data = w.data.map((x, i) => {
            if (kind === 'odd') return [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, x][i % 5];
            if (kind === 'zeros') return i % 7 === 0 ? x : 0;
            return kind === 'ties' ? Math.round(x) : x;
          });
          const [rows, cols] = w.shape;
          const mask = {
            dtype: 'f32' as const,
            data: new Array<number>(rows * cols).fill(0),
            offset: 0,
            shape: w.shape,
            strides: [cols, 1],
          };
          agree([mask, { ...w, data }], (device, [out, x]) => device.sparse?.maskNm(out, x, n, m));
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('projectedLinear', () => {
  it('multiplies with what is kept and hands its gradient to all of the weight', () => {
    const shape = fc.record({ out: side, inputs: side, count: fc.constantFrom(0, 1, 4, 7, 33) });
    fc.assert(
      fc.property(shape, ratios, fc.boolean(), fc.constantFrom(0, 0.3), ({ out, inputs, count }, [n, m], own, pull) => {
        for (const device of [reference, ...devices]) {
          setDefaultDevice(device);
          scope(() => {
            // Constants are kept from their first use on.
            const one = tensor([1]);
            valueAndGrad(() => sum(square(one)), [one]);
            for (const c of [0, 0.3, 2]) mul(c, one);
            sub(1, one);
          });
          const used = 'engine' in device ? live(device as (typeof devices)[0]) : 0;
          scope(() => {
            const w = tensor(numbers(out * inputs, 1), [out, inputs]);
            const x = tensor(numbers(count * inputs, 2), [count, inputs]);
            const bias = tensor(numbers(out, 3), [out]);
            const p = project(w, { kind: 'nm', n, m }, { backward: own ? 'own' : 'same' });
            const loss = () => sum(square(projectedLinear(x, p, bias, { pull })));
            const { value, gradients } = valueAndGrad(loss, [x, w, bias]);
            const rows = Array.from({ length: out }, (_, i) => w.dataSync().slice(i * inputs, (i + 1) * inputs));
            const forward = rows.flatMap((row) => {
              const kept = keptInRow(row, n, m);
              return Array.from(row, (_, j) => (kept.includes(j) ? 1 : 0));
            });
            const columns = Array.from({ length: inputs }, (_, j) =>
              keptInRow(
                rows.map((row) => row[j]),
                n,
                m,
              ),
            );
            const other = forward.map((_, k) => (columns[k % inputs].includes(Math.floor(k / inputs)) ? 1 : 0));
            const [M, B] = [forward, own ? other : forward].map((mask) => tensor(mask, [out, inputs]));
            expect(p.mask().dataSync()).toEqual(M.dataSync());
            const y = add(matmul(x, mul(w, M), { transposeB: true }), bias);
            const g = mul(2, y);
            const right = [
              matmul(g, mul(w, B)),
              add(matmul(g, x, { transposeA: true }), mul(pull, mul(sub(1, M), w))),
              sum(g, 0),
            ];
            const exact = sum(square(y)).dataSync()[0];
            expect(Math.abs(value.dataSync()[0] - exact)).toBeLessThanOrEqual(1e-5 * (1 + exact));
            right.forEach((tensor, k) => {
              const data = tensor.dataSync();
              const size = Math.max(1, ...Array.from(data, Math.abs));
              const ours = gradients[k]!.dataSync();
              expect(ours.length).toBe(data.length);
              data.forEach((v, i) => {
                expect(Math.abs(ours[i] - v), `gradient ${k}`).toBeLessThanOrEqual(1e-5 * size);
              });
            });
          });
          if ('engine' in device) expect(live(device as (typeof devices)[0])).toBe(used);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('selects again when told to', () => {
    setDefaultDevice(reference);
    const w = tensor([1, 2, 3, 4], [1, 4]);
    const p = project(w, { kind: 'nm', n: 1, m: 2 });
    const x = tensor([1, 1, 1, 1], [1, 4]);
    expect([...projectedLinear(x, p).dataSync()]).toEqual([6]);
    reference.write(w.view('test').buffer, 0, [5, 2, 3, 4]);
    p.update();
    expect([...projectedLinear(x, p).dataSync()]).toEqual([9]);
    expect(p.macs).toEqual({ forward: 2, input: 4, weights: 4 });
    expect([...nmMask(w, p.layout).dataSync()]).toEqual([1, 0, 0, 1]);
    p.dispose();
  });

  it('keeps in every other layout what that can hold, and is a masked product with straight-through gradients', async () => {
    const specs: SupportSpec[] = [
      { kind: 'csr', density: 0.3 },
      { kind: 'condensed', density: 0.25 },
      { kind: 'block', r: 4, c: 2, density: 0.4 },
      { kind: 'nmg', n: 1, m: 4, g: 2 },
      { kind: 'butterfly', b: 4, k: 2 },
    ];
    const [out, inputs, count] = [16, 8, 5];
    for (const device of [reference, ...devices]) {
      setDefaultDevice(device);
      for (const spec of specs) {
        const w = tensor(numbers(out * inputs, 7), [out, inputs]);
        const x = tensor(numbers(count * inputs, 8), [count, inputs]);
        const bias = tensor(numbers(out, 9), [out]);
        const p = await project(w, spec);
        for (const turn of [0, 1]) {
          const M = p.mask();
          const size = Array.from(M.dataSync()).reduce((a, b) => a + b, 0);
          expect(p.macs.forward).toBe(size);
          const loss = () => sum(square(projectedLinear(x, p, bias, { pull: 0.3 })));
          const { value, gradients } = valueAndGrad(loss, [x, w, bias]);
          const y = add(matmul(x, mul(w, M), { transposeB: true }), bias);
          const g = mul(2, y);
          const decay = mul(0.3, mul(sub(1, M), w));
          const right = [matmul(g, mul(w, M)), add(matmul(g, x, { transposeA: true }), decay), sum(g, 0)];
          const exact = sum(square(y)).dataSync()[0];
          expect(Math.abs(value.dataSync()[0] - exact)).toBeLessThanOrEqual(1e-5 * (1 + exact));
          for (const [k, t] of right.entries()) {
            const data = t.dataSync();
            const scale = Math.max(1, ...Array.from(data, Math.abs));
            const ours = gradients[k]!.dataSync();
            for (const [i, v] of data.entries()) expect(Math.abs(ours[i] - v)).toBeLessThanOrEqual(1e-5 * scale);
          }
          if (turn === 0) {
            // Other weights: values follow at once, the support at the next update.
            const view = w.view('test');
            device.write(view.buffer, view.offset, numbers(out * inputs, 70));
            expect(p.mask().dataSync()).toEqual(M.dataSync());
            await p.update();
            const moved = p
              .mask()
              .dataSync()
              .some((m, k) => m !== M.dataSync()[k]);
            expect(moved).toBe(spec.kind !== 'butterfly');
          }
        }
        p.dispose();
      }
    }
  });

  it('keeps the largest weights, blocks and weights of each row', () => {
    const w = [1, -5, 2, 0, 3, 1, 0, -4, 1, 1, 1, 1];
    const kept = (spec: SupportSpec) => [...selectSupport(w, [3, 4], spec).keys()];
    expect(kept({ kind: 'csr', density: 0.25 })).toEqual([1, 4, 7]);
    expect(kept({ kind: 'condensed', density: 0.25 })).toEqual([1, 7, 8]);
    expect(kept({ kind: 'block', r: 3, c: 1, density: 0.5 })).toEqual([0, 1, 4, 5, 8, 9]);
    expect(() => kept({ kind: 'csr', density: 0 })).toThrow('a density lies above 0 and is at most 1, got 0');
    expect(() => kept({ kind: 'block', r: 2, c: 3, density: 0.5 })).toThrow('2 x 3 do not divide a 3 x 4 weight');
  });

  it('says what does not fit', () => {
    setDefaultDevice(reference);
    const w = tensor([1, 2, 3, 4], [2, 2]);
    expect(() => project(w, { kind: 'nm', n: 3, m: 2 })).toThrow('1 <= n <= m <= 32, got 3:2');
    expect(() => project(tensor([1, 2]), { kind: 'nm', n: 1, m: 2 })).toThrow('a matrix [out, in], got [2]');
    const p = project(w, { kind: 'nm', n: 1, m: 2 });
    expect(() => projectedLinear(tensor([1, 2, 3], [1, 3]), p)).toThrow('needs inputs of 2 features, got [1,3]');
    expect(() => projectedLinear(tensor([1, 2], [1, 2]), p, tensor([1]))).toThrow('needs a bias of 2, got [1]');
  });
});
