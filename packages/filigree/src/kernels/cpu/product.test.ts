import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Product, View } from '../device.js';
import { createReferenceDevice } from '../reference.js';
import { contiguousView, sizeOf } from '../views.js';
import '../../node/index.js';
import { ModuleBuilder } from './assembler.js';
import { createCpuDevice } from './device.js';
import { DEPTH, JOB, productKernel } from './product-kernel.js';
import { planProduct } from './product-plan.js';
import { validate } from './validate.testing.js';
import { instantiate, wasm } from './webassembly.js';

const reference = createReferenceDevice('f64');
const PAGES = 128;

/** The kernel on a memory of its own: the three operands one after the other, then the scratch memory, which holds NaN. */
function machine(relaxed: boolean) {
  const m = new ModuleBuilder({ shared: true, relaxed });
  productKernel(m);
  const bytes = m.finish();
  validate(bytes);
  const memory = new wasm.Memory({ initial: PAGES, maximum: PAGES, shared: true });
  const { run } = instantiate(bytes, memory).exports;
  const floats = new Float32Array(memory.buffer);
  return (p: Product, data: readonly Float32Array[], threads: number, oneByOne = false): Float32Array => {
    const starts = new Map<object, number>();
    let top = 256;
    floats.fill(Number.NaN, 0, top);
    [p.a, p.b, p.out].forEach(({ buffer }, i) => {
      starts.set(buffer, top);
      floats.set(data[i], top / 4);
      top += 4 * data[i].length;
      floats.fill(Number.NaN, top / 4, top / 4 + 8);
      top += 32;
    });
    for (const job of planProduct(p, threads, (buffer) => starts.get(buffer) ?? 0)) {
      const { words, units, scratch } = job;
      const chunk = oneByOne ? 1 : job.chunk;
      words[JOB.indexOf('scratch')] = top;
      // One range after the other can share the scratch memory.
      if (oneByOne) words[JOB.indexOf('scratchStep')] = 0;
      const end = (top + scratch) / 4;
      expect(end + 64).toBeLessThanOrEqual(floats.length);
      floats.fill(Number.NaN, top / 4, end + 64);
      for (let unit = 0; unit < units; unit += chunk) run(unit, Math.min(unit + chunk, units), ...words);
      expect(floats.subarray(end, end + 64).every(Number.isNaN)).toBe(true);
    }
    const start = (starts.get(p.out.buffer) as number) / 4;
    return floats.slice(start, start + p.out.buffer.length);
  };
}

/** A view of `shape` whose dimensions stand in memory in the given order, with gaps, or shared where `shared` says. */
function view(shape: readonly number[], order: readonly number[], gap: number, shared: readonly boolean[]): View {
  const strides = new Array<number>(shape.length).fill(0);
  let step = 1;
  for (const d of order) {
    if (shared[d]) continue;
    strides[d] = step;
    step = step * shape[d] + (shape[d] > 0 ? gap : 0);
  }
  return { buffer: { dtype: 'f32', length: 3 + step }, offset: 3, shape, strides };
}

const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 20 }) },
  { weight: 2, arbitrary: fc.integer({ min: 20, max: 60 }) },
  { weight: 1, arbitrary: fc.constant(0) },
);
const depth = fc.oneof(
  { weight: 6, arbitrary: size },
  { weight: 1, arbitrary: fc.integer({ min: DEPTH - 2, max: 2 * DEPTH + 3 }) },
);
const products = fc
  .record({
    batch: fc.array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.constant(0)), {
      maxLength: 4,
    }),
    rows: size,
    cols: size,
    depth,
    seed: fc.integer(),
    alpha: fc.constantFrom(1, -0.5, 0.125),
    accumulate: fc.boolean(),
  })
  .chain((r) => {
    const rank = r.batch.length + 2;
    const plain = fc.constantFrom(
      Array.from({ length: rank }, (_, d) => rank - 1 - d),
      [rank - 2, rank - 1, ...Array.from({ length: rank - 2 }, (_, d) => rank - 3 - d)],
    );
    const orders = fc.oneof(
      plain,
      fc.shuffledSubarray(
        Array.from({ length: rank }, (_, d) => d),
        { minLength: rank },
      ),
    );
    const operand = (shape: number[], share: boolean) =>
      fc
        .record({
          order: orders,
          gap: fc.constantFrom(0, 0, 1, 4),
          shared: fc.array(fc.boolean(), { minLength: rank - 2, maxLength: rank - 2 }),
        })
        .map(({ order, gap, shared }) => view(shape, order, gap, share ? shared : []));
    return fc.record({
      a: operand([...r.batch, r.rows, r.depth], true),
      b: operand([...r.batch, r.depth, r.cols], true),
      out: operand([...r.batch, r.rows, r.cols], false),
      alpha: fc.constant(r.alpha),
      accumulate: fc.constant(r.accumulate),
      seed: fc.constant(r.seed),
    });
  });

/** Numbers of a linear congruential generator, in [-1, 1). */
function numbers(length: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function expected(p: Product, data: readonly Float32Array[]): { values: Float64Array; bounds: Float64Array } {
  const run = (absolute: boolean) => {
    const [a, b, out] = [p.a, p.b, p.out].map((x, i) => {
      const buffer = reference.allocate('f64', x.buffer.length);
      reference.write(buffer, 0, absolute ? data[i].map(Math.abs) : data[i]);
      return { ...x, buffer };
    });
    reference.product({ ...p, a, b, out, alpha: absolute ? Math.abs(p.alpha) : p.alpha });
    return reference.readSync(out.buffer, 0, out.buffer.length) as Float64Array;
  };
  return { values: run(false), bounds: run(true) };
}

/** Relative to the sum of magnitudes. */
function worst(got: Float32Array, { values, bounds }: ReturnType<typeof expected>): number {
  let error = 0;
  for (let i = 0; i < got.length; i++) {
    const e = Math.abs(got[i] - values[i]) / (bounds[i] + 1e-30);
    if (!(e <= error)) error = e;
  }
  return error;
}

describe.each([true, false])('dense product (relaxed %s)', (relaxed) => {
  const run = machine(relaxed);

  it('agrees with the reference for any shapes and strides, and with itself however the work is split', () => {
    fc.assert(
      fc.property(products, fc.integer({ min: 2, max: 4 }), ({ seed, ...p }, threads) => {
        const data = [p.a, p.b, p.out].map(({ buffer }, i) => numbers(buffer.length, seed + i));
        const one = run(p, data, 1);
        expect(worst(one, expected(p, data))).toBeLessThan(1e-5);
        expect(run(p, data, threads, true)).toEqual(one);
      }),
      { numRuns: 250 },
    );
  });

  it.each([
    [130, 520, 300],
    [300, 12, 40],
    [1, 600, 513],
    [513, 1, 600],
    [60, 150, 2000],
  ])('agrees on several blocks: %i x %i, depth %i', (rows, cols, depth) => {
    for (const order of [
      [1, 0],
      [0, 1],
    ]) {
      const p: Product = {
        a: view([rows, depth], order, 0, []),
        b: view([depth, cols], order, 0, []),
        out: view([rows, cols], [1, 0], 0, []),
        alpha: 2,
        accumulate: true,
      };
      const data = [p.a, p.b, p.out].map(({ buffer }, i) => numbers(buffer.length, i));
      const one = run(p, data, 1);
      expect(worst(one, expected(p, data))).toBeLessThan(1e-5);
      expect(run(p, data, 2, true)).toEqual(one);
    }
  });

  it('overwrites what the output held, even NaN, unless told to add', () => {
    for (const depth of [0, 3]) {
      const p: Product = {
        a: view([5, depth], [1, 0], 0, []),
        b: view([depth, 7], [1, 0], 0, []),
        out: view([5, 7], [1, 0], 0, []),
        alpha: 1,
        accumulate: false,
      };
      const data = [p.a, p.b].map(({ buffer }, i) => numbers(buffer.length, i));
      const out = run(p, [...data, new Float32Array(p.out.buffer.length).fill(Number.NaN)], 1);
      expect(out.subarray(3, 38).some(Number.isNaN)).toBe(false);
    }
  });
});

describe('dense product on threads', () => {
  it('gives the same bits on one thread and on two', async () => {
    const results = [1, 2].map((threads) => {
      const device = createCpuDevice({ threads });
      try {
        const cases: [number, number, number, number][] = [
          [1, 300, 310, 600],
          [200, 33, 18, 40],
          [3, 1, 700, 900],
        ];
        return cases.flatMap(([batch, rows, cols, depth]) => {
          const operand = (shape: number[], seed: number): View => {
            const buffer = device.allocate('f32', sizeOf(shape));
            device.write(buffer, 0, numbers(buffer.length, seed));
            return contiguousView(buffer, shape);
          };
          const out = operand([batch, rows, cols], 3);
          const p = { a: operand([batch, rows, depth], 1), b: operand([batch, depth, cols], 2), out };
          for (let round = 0; round < 10; round++) device.product({ ...p, alpha: 0.5, accumulate: true });
          return [device.readSync(out.buffer, 0, out.buffer.length)];
        });
      } finally {
        device.dispose();
      }
    });
    expect(results[1]).toEqual(results[0]);
  });
});
