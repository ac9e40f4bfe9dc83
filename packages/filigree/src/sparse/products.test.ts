import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { devices, live } from '../kernels/cpu/agree.testing.js';
import type { Device, SparsePattern, View } from '../kernels/device.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { contiguousView } from '../kernels/views.js';
import { Layout } from './layout.js';
import { groupedNmMask } from './nmg.js';
import { parseLayout } from './packing.js';
import { cases, numbers } from './random.testing.js';
import { Topology } from './topology.js';

const reference = createReferenceDevice('f64');
const samples = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 16, 17, 32, 33), fc.integer({ min: 1, max: 70 }));

interface Data {
  readonly values: ArrayLike<number>;
  readonly x: ArrayLike<number>;
  readonly g: ArrayLike<number>;
  readonly bias: ArrayLike<number> | undefined;
  readonly count: number;
  /** How the batch stands: row by row, with a gap between rows, or turned. */
  readonly stand: 'rows' | 'gaps' | 'turned';
}

function place(device: Device, data: ArrayLike<number>, rows: number, cols: number, stand: Data['stand']): View {
  const [step, across] = stand === 'turned' ? [1, rows] : stand === 'gaps' ? [cols + 3, 1] : [cols, 1];
  const buffer = device.allocate(device.float, rows * (cols + 3));
  const all = new Float64Array(buffer.length).fill(Number.NaN);
  for (let p = 0; p < rows; p++) for (let j = 0; j < cols; j++) all[p * step + j * across] = data[p * cols + j];
  device.write(buffer, 0, all);
  return { buffer, offset: 0, shape: [rows, cols], strides: [step, across] };
}

/** Product and values' gradient on a device; every output begins as NaN. */
function run(device: Device, pattern: SparsePattern, data: Data): { y: number[]; slope: number[] } {
  const { sparse } = device;
  if (!sparse) throw new Error('no sparse products');
  const { rows, cols, size, order } = pattern;
  const x = place(device, data.x, data.count, cols, data.stand);
  const g = place(device, data.g, data.count, rows, data.stand);
  const [values] = [place(device, data.values, 1, data.values.length, 'rows')].map((v) =>
    contiguousView(v.buffer, [data.values.length]),
  );
  const bias = data.bias && contiguousView(place(device, data.bias, 1, rows, 'rows').buffer, [rows]);
  const y = contiguousView(device.allocate(device.float, data.count * rows), [data.count, rows]);
  const slope = contiguousView(device.allocate(device.float, size), [size]);
  for (const { buffer } of [y, slope]) device.fill(buffer, 0, buffer.length, Number.NaN);
  const w = sparse.prepare(pattern);
  sparse.product(w, values, y, x, bias);
  if (!order) sparse.sampled(w, slope, g, x);
  const result = [y, slope].map(({ buffer }) => [...device.readSync(buffer, 0, buffer.length)]);
  w.dispose();
  for (const view of [x, g, values, bias, y, slope]) if (view) device.free(view.buffer);
  return { y: result[0], slope: order ? [] : result[1] };
}

/** Errors stay below 1e-5 of the sum of magnitudes. */
function expectClose(got: readonly number[], right: readonly number[], magnitude: readonly number[]): void {
  expect(got.length).toBe(right.length);
  got.forEach((value, k) => {
    if (!(Math.abs(value - right[k]) <= 1e-5 * magnitude[k] + 1e-30)) expect(value, `element ${k}`).toBe(right[k]);
  });
}

describe('sparse products on the CPU agree with the reference', () => {
  const pattern = (mask: Uint8Array, rows: number, cols: number, spec: Layout['spec']) =>
    new Layout(Topology.fromMask(mask, rows, cols), spec);

  function check(p: SparsePattern, data: Data): void {
    const right = run(reference, p, data);
    const absolute = (list: ArrayLike<number>) => Float64Array.from(list, Math.abs);
    const { values, x, g, bias } = data;
    const size = run(reference, p, {
      ...data,
      values: absolute(values),
      x: absolute(x),
      g: absolute(g),
      bias: bias && absolute(bias),
    });
    const outcomes = devices.map((device) => {
      const before = live(device);
      const outcome = run(device, p, data);
      expectClose(outcome.y, right.y, size.y);
      expectClose(outcome.slope, right.slope, size.slope);
      expect(live(device)).toBe(before);
      return outcome;
    });
    // One thread and two, the same kind of arithmetic: the same bits.
    for (const [k, device] of devices.entries()) {
      const twin = devices.findIndex((d) => d.engine.relaxed === device.engine.relaxed);
      expect(outcomes[k]).toEqual(outcomes[twin]);
    }
  }

  it('for random layouts and batches, both ways', () => {
    fc.assert(
      fc.property(
        cases,
        samples,
        fc.boolean(),
        fc.constantFrom('rows', 'gaps', 'turned'),
        ({ mask, rows, cols, spec }, count, biased, stand) => {
          const layout = pattern(mask, rows, cols, spec);
          const values = numbers(layout.size, 1);
          const data = (inputs: number, outputs: number): Data => ({
            values,
            x: numbers(count * inputs, 2),
            g: numbers(count * outputs, 3),
            bias: biased ? numbers(outputs, 4) : undefined,
            count,
            stand,
          });
          check(layout.pattern, data(cols, rows));
          check(layout.transposed(), data(rows, cols));
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each([
    ['csr', 300, 700, 130],
    ['csr', 257, 64, 200],
    ['block 4x1', 512, 320, 150],
    ['block 8x4', 256, 128, 70],
    ['block 2x1', 130, 600, 129],
    ['nmg 2:4:8', 96, 200, 70],
    ['nmg 3:5:2', 40, 300, 33],
    ['csr', 40, 17000, 3],
    ['block 4x1', 40, 17000, 2],
  ])('for %s of %i x %i, batch %i', (name, rows, cols, count) => {
    const spec = parseLayout(name);
    const draws = numbers(rows * cols, 9);
    const mask =
      spec.kind === 'nmg'
        ? groupedNmMask(draws, rows, cols, spec)
        : Uint8Array.from(draws, (x) => (Math.abs(x) < 0.25 ? 1 : 0));
    const layout = pattern(mask, rows, cols, spec);
    const [x, g] = [numbers(count * cols, 2), numbers(count * rows, 3)];
    const data: Data = { values: numbers(layout.size, 1), x, g, bias: numbers(rows, 4), count, stand: 'rows' };
    check(layout.pattern, data);
    check(layout.transposed(), { ...data, x: g, g: x, bias: undefined });
  });

  it('for gradients of values on inputs that are wider than the caches', () => {
    const [cols, count] = [66_000, 34];
    const keys = [0, 17, 40_000, 65_999, 66_005];
    const { pattern: p } = new Layout(Topology.fromKeys(keys, 2, cols));
    const x = Float32Array.from({ length: count * cols }, (_, k) => ((k * 7) % 23) - 11);
    const g = Float32Array.from({ length: 2 * count }, (_, k) => ((k * 5) % 13) - 6);
    const right = keys.map((key) => {
      const [i, j] = [Math.floor(key / cols), key % cols];
      return Array.from({ length: count }, (_, s) => g[2 * s + i] * x[s * cols + j]).reduce((a, b) => a + b);
    });
    const data: Data = { values: numbers(5, 1), x, g, bias: undefined, count, stand: 'rows' };
    expect(run(devices[0], p, data).slope).toEqual(right);
  });

  it.each(['csr', 'condensed'] as const)('%s never reads inputs under zero weights', (kind) => {
    // Column 1 of 5 has no weight; its inputs are NaN.
    const mask = Uint8Array.from({ length: 9 * 5 }, (_, k) => (k % 5 === 0 || k % 5 === 3 ? 1 : 0));
    const layout = pattern(mask, 9, 5, { kind });
    for (const count of [1, 4, 6, 40]) {
      const x = numbers(5 * count, 1).map((v, k) => (k % 5 === 1 ? Number.NaN : v));
      const g = numbers(9 * count, 2);
      const data: Data = { values: numbers(layout.size, 3), x, g, bias: undefined, count, stand: 'rows' };
      for (const device of devices) {
        const { y, slope } = run(device, layout.pattern, data);
        expect([...y, ...slope].some(Number.isNaN)).toBe(false);
      }
    }
  });

  it('does not let the rest of a tile into the gradient of the values', () => {
    const layout = pattern(Uint8Array.of(1), 1, 1, { kind: 'csr' });
    const count = 17;
    const x = new Float32Array(count).fill(Number.POSITIVE_INFINITY);
    const g = new Float32Array(count).fill(1);
    for (const device of devices) {
      const data: Data = { values: [1], x, g, bias: undefined, count, stand: 'rows' };
      expect(run(device, layout.pattern, data).slope).toEqual([Number.POSITIVE_INFINITY]);
    }
  });
});
