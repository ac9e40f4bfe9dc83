import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { klDivergence } from './divergence.js';
import { entropy } from './entropy.js';
import { type Evidence, logProbability } from './evidence.js';
import { bernoulli, indicator } from './inputs.js';
import { mostProbable } from './map.js';
import { checkProperties } from './properties.js';
import { allStates, plainDistribution, randomCircuit } from './random.testing.js';
import { sampleRows } from './sample.js';

const shapes = fc.record({
  seed: fc.nat(),
  states: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 }),
  normalised: fc.boolean(),
});

/** Evidence on some variables that agrees with a possible state. */
function someEvidence(circuit: ProbabilisticCircuit, seed: number): Map<number, number> {
  const random = new Random(seed);
  const { columns, values } = allStates(circuit);
  const rows = [...plainDistribution(circuit)].flatMap((p, row) => (p > 0 ? [row] : []));
  const row = random.pick(rows);
  const pairs = Array.from({ length: columns }, (_, v): [number, number] => [v, values[row * columns + v]]);
  return new Map(pairs.filter(() => random.uniform() < 0.4));
}

/** The probabilities of the states that agree with the evidence, 0 for the others. */
function restricted(circuit: ProbabilisticCircuit, evidence: Evidence): Float64Array {
  const { columns, values } = allStates(circuit);
  return plainDistribution(circuit).map((p, row) =>
    [...evidence].every(([v, x]) => values[row * columns + v] === x) ? p : 0,
  );
}

const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

describe('marginals and conditionals', () => {
  it('equal enumeration', () => {
    fc.assert(
      fc.property(shapes, ({ seed, ...shape }) => {
        const circuit = randomCircuit(shape, new Random(seed));
        const evidence = someEvidence(circuit, seed);
        const given = total(restricted(circuit, evidence));
        expect(logProbability(circuit, evidence)).toBeCloseTo(Math.log(given), 9);
        const query = new Map([[0, 0], ...evidence]);
        const both = total(restricted(circuit, query));
        if (evidence.get(0) ?? 0) return;
        const found = logProbability(circuit, new Map([[0, 0]]), evidence);
        expect(Math.abs(Math.exp(found) - both / (evidence.size > 0 ? given : 1))).toBeLessThan(1e-10);
      }),
      { numRuns: 60 },
    );
  });

  it('are refused when they contradict themselves or are given the impossible', () => {
    const build = new CircuitBuilder([2]);
    const circuit = build.finish(build.input(indicator(0, 1)));
    expect(() => logProbability(circuit, new Map([[0, 1]]), new Map([[0, 0]]))).toThrow('0 in the evidence and 1');
    expect(() => logProbability(circuit, new Map(), new Map([[0, 0]]))).toThrow('probability 0');
    expect(() => mostProbable(circuit, new Map([[0, 0]]))).toThrow('probability 0');
    expect(() => mostProbable(circuit, new Map([[1, 0]]))).toThrow('no variable 2');
  });
});

describe('the most probable state', () => {
  it('is exact on deterministic circuits, and elsewhere a bound that its state attains', () => {
    fc.assert(
      fc.property(shapes, fc.boolean(), ({ seed, ...shape }, deterministic) => {
        const circuit = randomCircuit({ ...shape, deterministic }, new Random(seed));
        const evidence = someEvidence(circuit, seed);
        const most = Math.log(Math.max(...restricted(circuit, evidence)));
        const { log, state, exact } = mostProbable(circuit, evidence);
        expect(exact).toBe(checkProperties(circuit).deterministic === true);
        if (deterministic) expect(exact).toBe(true);
        if (exact) expect(log).toBeCloseTo(most, 9);
        else expect(log).toBeLessThan(most + 1e-9);
        expect(log).toBeCloseTo(logProbability(circuit, new Map([...state].map((x, v) => [v, x]))), 9);
        for (const [v, x] of evidence) expect(state[v]).toBe(x);
      }),
      { numRuns: 80 },
    );
  });
});

describe('entropy and divergence', () => {
  it('equal enumeration on deterministic circuits', () => {
    fc.assert(
      fc.property(shapes, ({ seed, ...shape }) => {
        const circuit = randomCircuit({ ...shape, deterministic: true }, new Random(seed));
        const p = plainDistribution(circuit);
        const mass = total(p);
        const wanted = p.reduce((sum, x) => (x > 0 ? sum - (x / mass) * Math.log(x / mass) : sum), 0);
        expect(entropy(circuit)).toBeCloseTo(wanted, 9);
      }),
      { numRuns: 60 },
    );
  });

  it('equal enumeration on compatible pairs', () => {
    let finite = 0;
    fc.assert(
      fc.property(shapes, fc.nat(), ({ seed, ...shape }, other) => {
        // One order of the variables for both makes them compatible.
        const a = withOrder(shape.states, new Random(seed));
        const b = withOrder(shape.states, new Random(other));
        const [p, q] = [plainDistribution(a), plainDistribution(b)];
        const [zp, zq] = [total(p), total(q)];
        const wanted = p.reduce((sum, x, i) => (x > 0 ? sum + (x / zp) * Math.log(x / zp / (q[i] / zq)) : sum), 0);
        const found = klDivergence(a, b);
        if (Number.isFinite(wanted)) {
          finite++;
          expect(found).toBeCloseTo(wanted, 8);
        } else expect(found).toBe(Number.POSITIVE_INFINITY);
      }),
      { numRuns: 80 },
    );
    expect(finite).toBeGreaterThan(10);
  });

  it('are refused where they would be wrong', () => {
    const build = new CircuitBuilder([2]);
    const mixed = build.finish(build.sum([build.input(bernoulli(0, 0.2)), build.input(bernoulli(0, 0.7))], [0.5, 0.5]));
    expect(() => entropy(mixed)).toThrow('deterministic: sum unit 2 has children that share rows');
    expect(() => klDivergence(mixed, mixed)).toThrow('deterministic');
    const [a, b] = [split([0, 1, 2]), split([1, 0, 2])];
    expect(() => klDivergence(a, b)).toThrow('not compatible');
  });
});

/** A deterministic circuit that decides the variables in their order. */
function withOrder(states: readonly number[], random: Random): ProbabilisticCircuit {
  const build = new CircuitBuilder(states);
  const below = (v: number): number => {
    const weights = Array.from({ length: states[v] }, () => (random.uniform() < 0.05 ? 0 : random.uniform()));
    if (Math.max(...weights) === 0) weights[0] = 1;
    const parts = weights.map((_, x) => {
      const value = build.input(indicator(v, x));
      return v + 1 === states.length ? value : build.product([value, below(v + 1)]);
    });
    return build.sum(parts, weights);
  };
  return build.finish(below(0));
}

function split([a, b, c]: readonly number[]): ProbabilisticCircuit {
  const build = new CircuitBuilder([2, 2, 2]);
  const pair = build.product([build.input(bernoulli(b, 0.3)), build.input(bernoulli(c, 0.4))]);
  return build.finish(build.product([build.input(bernoulli(a, 0.5)), pair]));
}

describe('sampling', () => {
  it('has the frequencies of the distribution, also under evidence (chi-square)', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const circuit = randomCircuit({ states: [2, 3, 2, 2], normalised: seed > 3 }, new Random(seed));
      const evidence = seed % 2 ? new Map<number, number>() : someEvidence(circuit, seed);
      const p = restricted(circuit, evidence);
      const mass = total(p);
      const rows = 20_000;
      const { values, columns } = await sampleRows(circuit, rows, { seed, evidence });
      const table = allStates(circuit);
      const index = new Map(Array.from(p, (_, r) => [key(table.values, r, columns), r]));
      const counts = new Float64Array(p.length);
      for (let row = 0; row < rows; row++) counts[index.get(key(values, row, columns))!]++;
      let [chi, freedom] = [0, -1];
      p.forEach((x, i) => {
        const expected = (x / mass) * rows;
        if (expected === 0) expect(counts[i]).toBe(0);
        else {
          chi += (counts[i] - expected) ** 2 / expected;
          freedom++;
        }
      });
      // Wilson-Hilferty: the 0.9999 quantile.
      const limit = freedom * (1 - 2 / (9 * freedom) + 3.719 * Math.sqrt(2 / (9 * freedom))) ** 3;
      if (freedom > 0) expect(chi).toBeLessThan(limit);
    }
  });

  it('is the same for the same seed', async () => {
    const circuit = randomCircuit({ states: [2, 3, 2] }, new Random(1));
    const [a, b, c] = [
      await sampleRows(circuit, 50, { seed: 4 }),
      await sampleRows(circuit, 50, { seed: 4 }),
      await sampleRows(circuit, 50, { seed: 5 }),
    ];
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });
});

const key = (values: Float64Array, row: number, columns: number): string =>
  values.subarray(row * columns, (row + 1) * columns).join();
