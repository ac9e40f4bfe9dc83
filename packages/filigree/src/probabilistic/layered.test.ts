import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstRows, type Table, tableOf } from '../data/index.js';
import { devices } from '../kernels/cpu/agree.testing.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { Evaluator } from './evaluator.js';
import { hclt } from './hclt.js';
import { bernoulli, categorical, type InputUnit } from './inputs.js';
import { LayeredEvaluator } from './layered.js';
import { layCircuit } from './layers.js';
import { maximise } from './maximise.js';
import { randomCircuit } from './random.testing.js';
import { sampleRows } from './sample.js';

const shapes = fc.record({
  seed: fc.nat(),
  states: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 9 }),
  deterministic: fc.boolean(),
  structured: fc.boolean(),
  normalised: fc.boolean(),
});

/** Some rows of any values, a sixth of the cells missing. */
function anyRows(circuit: ProbabilisticCircuit, rows: number, random: Random): Table {
  return tableOf(
    Array.from({ length: rows }, () =>
      Array.from(circuit.states, (states) => (random.uniform() < 1 / 6 ? Number.NaN : random.integer(states))),
    ),
  );
}

const worst = (found: ArrayLike<number>, wanted: ArrayLike<number>, floor: number): number =>
  Math.max(0, ...Array.from(wanted, (x, i) => (found[i] === x ? 0 : Math.abs(found[i] - x) / (floor + Math.abs(x)))));

/** A tree of units of every kind that learning estimates, over real and finite variables; and rows, a sixth of the cells missing. */
function mixed(seed: number, rows: number): [ProbabilisticCircuit, Table] {
  const random = new Random(seed);
  const states = [0, 4, 0, 4, 0];
  const build = new CircuitBuilder(states);
  const where = [0, 0, 1e6, 0, -3];
  const leaf = (v: number, k: number): number => {
    if (states[v] === 0) {
      const deviation = k === 0 ? 0.02 : 0.3 + random.uniform();
      return build.input({ kind: 'gaussian', variable: v, mean: where[v] + k - 1, deviation });
    }
    if (k === 0)
      return build.input({ kind: 'binomial', variable: v, trials: 3, probability: 0.1 + 0.8 * random.uniform() });
    if (k === 1) return build.input({ kind: 'logistic', variable: v, mean: 3 * random.uniform(), scale: 0.7 });
    return build.input(categorical(v, [0.1, 0.2, 0.3, 0.4]));
  };
  const shares = (): number[] => {
    const raw = [1, 2, 3].map(() => 0.1 + random.uniform());
    return raw.map((x) => x / raw.reduce((a, b) => a + b));
  };
  const [a, b] = [
    [0, 1],
    [2, 3, 4],
  ].map((variables) => {
    const products = [0, 1, 2].map((k) => build.product(variables.map((v) => leaf(v, k))));
    return [0, 1, 2].map(() => build.sum(products, shares()));
  });
  const circuit = build.finish(
    build.sum(
      [0, 1, 2].map((k) => build.product([a[k], b[k]])),
      shares(),
    ),
  );
  const cell = (v: number): number => {
    if (random.uniform() < 1 / 6) return Number.NaN;
    if (states[v] > 0) return random.integer(4);
    // Now and then a value that no unit is near to.
    return where[v] + random.normal() * (random.uniform() < 0.05 ? 60 : 1);
  };
  return [circuit, tableOf(Array.from({ length: rows }, () => states.map((_, v) => cell(v))))];
}

async function agrees(circuit: ProbabilisticCircuit, table: Table): Promise<void> {
  const plain = new Evaluator(circuit, { batch: table.rows });
  const wanted = plain.emptySums();
  const logs = plain.forward(table, 0, table.rows).slice();
  plain.backward(wanted);
  const results = [];
  for (const device of devices) {
    const layered = LayeredEvaluator.of(circuit, device)!;
    const cells = layered.cells(table);
    const all = { start: 0, count: table.rows };
    const sums = plain.emptySums();
    const values = await layered.logs(cells, all);
    const again = await layered.expect(cells, all, sums, plain.statisticsAt);
    expect(again).toEqual(values);
    expect(worst(values, logs, 1)).toBeLessThan(3e-6);
    expect(worst(sums.edges, wanted.edges, 1)).toBeLessThan(2e-5);
    expect(worst(sums.inputs, wanted.inputs, 1)).toBeLessThan(2e-5);
    results.push({ relaxed: device.engine.relaxed, values, edges: sums.edges, inputs: sums.inputs });
    layered.dispose();
  }
  // The same to the bit for any number of threads.
  for (const a of results) for (const b of results) if (a.relaxed === b.relaxed) expect(a).toEqual(b);
}

describe('the layered evaluator', () => {
  it('gives the values and flows of the plain one, on random circuits, also with missing cells', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 1, max: 70 }), async ({ seed, ...shape }, rows) => {
        const random = new Random(seed);
        const circuit = randomCircuit(shape, random);
        await agrees(circuit, anyRows(circuit, rows, random));
      }),
      { numRuns: 60 },
    );
  });

  it('so also on hidden Chow-Liu trees of any width, whose sums go in fours', async () => {
    for (const [latents, values] of [
      [1, 2],
      [3, 2],
      [8, 2],
      [9, 4],
    ]) {
      const random = new Random(latents);
      const states = new Array<number>(12).fill(values);
      const table = tableOf(Array.from({ length: 90 }, () => states.map((count) => random.integer(count))));
      await agrees(hclt(table, states, { latents, seed: 1 }), table);
    }
  });

  it('so also with real variables: far from 0, narrow, missing, and farther out than floats reach', async () => {
    for (const seed of [1, 2, 3]) await agrees(...mixed(seed, 70));
  });

  it('estimates gaussian, binomial and logistic inputs as `maximise` does', async () => {
    for (const seed of [4, 5]) {
      const [circuit, table] = mixed(seed, 70);
      const plain = new Evaluator(circuit, { batch: 70 });
      const sums = plain.emptySums();
      plain.forward(table, 0, 70);
      plain.backward(sums);
      const rule = { step: 0.6, pseudocount: 0.1 };
      const wanted = maximise(circuit, circuit, sums, plain.statisticsAt, rule);
      const layered = LayeredEvaluator.of(circuit, devices[seed % devices.length])!;
      const cells = layered.cells(table);
      await layered.step(cells, { start: 0, count: 70 }, rule);
      const found = await layered.parameters();
      const numbers = (unit: InputUnit): number[] =>
        unit.kind === 'categorical'
          ? [...unit.logProbabilities.map(Math.exp)]
          : Object.values(unit).filter((x): x is number => Number.isFinite(x));
      found.inputs.forEach((unit, i) => {
        expect(unit.kind).toBe(wanted.inputs[i].kind);
        expect(worst(numbers(unit), numbers(wanted.inputs[i]), 0.01)).toBeLessThan(1e-4);
      });
      expect(worst(found.logWeight.map(Math.exp), wanted.logWeight.map(Math.exp), 1)).toBeLessThan(1e-5);
      // The device has taken them over.
      plain.load(found);
      expect(worst(await layered.logs(cells, { start: 0, count: 70 }), plain.forward(table, 0, 70), 1)).toBeLessThan(
        1e-5,
      );
      layered.dispose();
    }
  });

  it('keeps rows that leave the floats: a hundred variables of probability 1e-12 each', async () => {
    const build = new CircuitBuilder(new Array<number>(100).fill(2));
    const parts = [1e-12, 1e-9].map((p) =>
      build.product(Array.from({ length: 100 }, (_, v) => build.input(bernoulli(v, p)))),
    );
    const circuit = build.finish(build.sum(parts, [0.5, 0.5]));
    await agrees(circuit, tableOf([new Array<number>(100).fill(1), new Array<number>(100).fill(0)]));
  });

  it('keeps what one child makes improbable and another needs, and rows of probability 0', async () => {
    const build = new CircuitBuilder([2, 2, 2]);
    const leaf = (variable: number, p: number): number => build.input(categorical(variable, [p, 1 - p]));
    const parts = [
      build.product([leaf(0, 1e-35), leaf(1, 1), leaf(2, 0.3)]),
      build.product([leaf(0, 1), leaf(1, 1e-35), leaf(2, 0.4)]),
    ];
    const circuit = build.finish(build.sum(parts, [0.25, 0.75]));
    await agrees(
      circuit,
      tableOf([
        [0, 0, 0],
        [1, 1, 1],
        [0, 1, 0],
        [1, 0, Number.NaN],
      ]),
    );
  });

  it('has flows that are θ ∂ log p / ∂θ, by finite differences', async () => {
    const random = new Random(11);
    const states = [2, 3, 2, 2];
    const table = tableOf(Array.from({ length: 20 }, () => states.map((count) => random.integer(count))));
    const circuit = hclt(table, states, { latents: 4, seed: 2 });
    const layered = LayeredEvaluator.of(circuit, devices[0])!;
    const plain = new Evaluator(circuit, { batch: 20 });
    const sums = plain.emptySums();
    await layered.expect(layered.cells(table), { start: 0, count: 20 }, sums, plain.statisticsAt);
    const total = (logWeight: Float64Array): number => {
      plain.load({ ...circuit, logWeight });
      return plain.forward(table, 0, 20).reduce((a, b) => a + b, 0);
    };
    const h = 1e-5;
    for (let unit = 0; unit < unitCount(circuit); unit++) {
      if (circuit.kind[unit] !== sumKind) continue;
      for (let e = circuit.first[unit]; e < circuit.first[unit + 1]; e++) {
        const moved = (by: number): number => total(circuit.logWeight.map((w, i) => (i === e ? w + by : w)));
        expect(sums.edges[e]).toBeCloseTo((moved(h) - moved(-h)) / (2 * h), 4);
      }
    }
  });

  it('takes the M step as `maximise` does, with missing cells, steps and pseudocounts', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes,
        fc.constantFrom(1, 0.3),
        fc.constantFrom(0, 0.7),
        async ({ seed, ...shape }, step, pseudocount) => {
          const random = new Random(seed);
          const circuit = randomCircuit({ ...shape, normalised: true }, random);
          const { values, ...rest } = await sampleRows(circuit, 40, { seed });
          const table = { ...rest, values: values.map((x) => (random.uniform() < 0.2 ? Number.NaN : x)) };
          const plain = new Evaluator(circuit, { batch: 40 });
          const sums = plain.emptySums();
          plain.forward(table, 0, 40);
          plain.backward(sums);
          const wanted = maximise(circuit, circuit, sums, plain.statisticsAt, { step, pseudocount });
          const layered = LayeredEvaluator.of(circuit, devices[seed % devices.length])!;
          await layered.step(layered.cells(table), { start: 0, count: 40 }, { step, pseudocount });
          const found = await layered.parameters();
          layered.dispose();
          const exp = (logs: Float64Array): Float64Array => logs.map(Math.exp);
          expect(worst(exp(found.logWeight), exp(wanted.logWeight), 1)).toBeLessThan(1e-5);
          found.inputs.forEach((unit, i) => {
            const other = wanted.inputs[i];
            if (unit.kind !== 'categorical' || other.kind !== 'categorical') return;
            expect(worst(exp(unit.logProbabilities), exp(other.logProbabilities), 1)).toBeLessThan(1e-5);
          });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('lays no multiply-add on edges that are not there, where sums share their children', () => {
    const states = new Array<number>(6).fill(2);
    const random = new Random(1);
    const table = tableOf(Array.from({ length: 50 }, () => states.map(() => random.integer(2))));
    const layers = layCircuit(hclt(firstRows(table, 50), states, { latents: 8 }))!;
    // Only the root's own eight edges do not stand in full fours, and cost twice as much.
    expect(layers.filled).toBeGreaterThan(0.89);
  });

  it('leaves circuits that it cannot lay to the plain one', () => {
    const odd = new CircuitBuilder([2]);
    const scaled = odd.finish(odd.product([odd.input(bernoulli(0, 0.5)), odd.input({ kind: 'constant', log: 1 })]));
    expect(LayeredEvaluator.of(scaled, devices[0])).toBeUndefined();
    const rough = new CircuitBuilder([2, 2]);
    const parts = [rough.input(bernoulli(0, 0.5)), rough.input(bernoulli(1, 0.5))];
    expect(LayeredEvaluator.of(rough.finish(rough.sum(parts, [0.5, 0.5])), devices[0])).toBeUndefined();
  });
});
