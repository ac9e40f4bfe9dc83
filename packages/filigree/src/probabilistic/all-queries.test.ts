import { describe, expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { classPosterior } from './classes.js';
import { klDivergence } from './divergence.js';
import { entropy, sampledEntropy } from './entropy.js';
import { logLikelihood } from './evaluate.js';
import { logProbability } from './evidence.js';
import { mostProbable } from './map.js';
import { covariance, expectation, moments } from './moments.js';
import { allStates, plainDistribution, type RandomShape, randomCircuit } from './random.testing.js';
import { softEvidence } from './soft-evidence.js';

/** All states of a circuit, and their probabilities by the definition. */
class Enumerated {
  readonly p: Float64Array;
  private readonly rows: Float64Array[];

  constructor(circuit: ProbabilisticCircuit) {
    const { rows, columns, values } = allStates(circuit);
    this.rows = Array.from({ length: rows }, (_, r) => values.subarray(r * columns, (r + 1) * columns));
    this.p = plainDistribution(circuit);
  }

  /** Σ p(x) f(x) over the states that agree with the evidence. */
  sum(f: (row: Float64Array) => number, evidence: ReadonlyMap<number, number> = new Map()): number {
    let sum = 0;
    this.p.forEach((p, r) => {
      const row = this.rows[r];
      for (const [v, x] of evidence) if (row[v] !== x) return;
      if (p > 0) sum += p * f(row);
    });
    return sum;
  }

  most(evidence: ReadonlyMap<number, number>): number {
    let most = 0;
    this.p.forEach((p, r) => {
      for (const [v, x] of evidence) if (this.rows[r][v] !== x) return;
      most = Math.max(most, p);
    });
    return most;
  }

  pick(random: Random): Float64Array {
    return random.pick(this.rows.filter((_, r) => this.p[r] > 0));
  }
}

const one = (): number => 1;
const near = (found: number, wanted: number): void => {
  if (Number.isFinite(wanted)) expect(Math.abs(found - wanted)).toBeLessThan(1e-6 * Math.max(1, Math.abs(wanted)));
  else expect(found).toBe(wanted);
};

async function checkAll(shape: RandomShape, seed: number): Promise<void> {
  const random = new Random(seed);
  const circuit = randomCircuit({ ...shape, varied: true }, random);
  const truth = new Enumerated(circuit);
  const possible = truth.pick(random);
  const evidence = new Map([...possible].flatMap((x, v) => (random.uniform() < 0.3 ? [[v, x] as const] : [])));
  const given = truth.sum(one, evidence);
  near(logProbability(circuit, evidence), Math.log(given));
  const free = [...possible].map((_, v) => v).filter((v) => !evidence.has(v));
  const [u, v] = [random.integer(possible.length), random.integer(possible.length)];
  for (const query of [free.slice(0, 1), free.slice(-2)].map((vs) => new Map(vs.map((w) => [w, possible[w]])))) {
    const both = truth.sum(one, new Map([...evidence, ...query]));
    near(logProbability(circuit, query, evidence), Math.log(evidence.size > 0 ? both / given : both));
  }
  // Full rows, and rows of which only the evidence is known.
  const { values, columns } = allStates(circuit);
  const known = Float64Array.from(possible, (x, w) => (evidence.has(w) ? x : Number.NaN));
  const table = {
    rows: 3,
    columns,
    values: Float64Array.from([...possible, ...values.subarray(0, columns), ...known]),
  };
  const logs = await logLikelihood(circuit, table);
  near(logs[0], Math.log(truth.sum(one, new Map([...possible].map((x, w) => [w, x])))));
  near(logs[1], Math.log(truth.p[0]));
  near(logs[2], Math.log(given));

  const lambda = new Map(
    shape.states.flatMap((states, w) =>
      random.uniform() < 0.4 ? [[w, Array.from({ length: states }, () => 0.1 + random.uniform())] as const] : [],
    ),
  );
  const weight = (row: Float64Array): number => [...lambda].reduce((product, [w, l]) => product * l[row[w]], 1);
  near(logProbability(softEvidence(circuit, lambda), evidence), Math.log(truth.sum(weight, evidence)));

  const posterior = await classPosterior(circuit, { rows: 1, columns, values: known }, u);
  const others = new Map([...evidence].filter(([w]) => w !== u));
  for (let k = 0; k < shape.states[u]; k++) {
    const share = truth.sum(one, new Map([...others, [u, k]])) / truth.sum(one, others);
    near(posterior.logs[k], Math.log(share));
  }

  const { mean, variance } = moments(circuit, evidence);
  const expected = (f: (row: Float64Array) => number): number => truth.sum(f, evidence) / given;
  for (const w of [u, v]) {
    near(
      mean[w],
      expected((row) => row[w]),
    );
    near(
      variance[w],
      expected((row) => (row[w] - mean[w]) ** 2),
    );
  }
  near(
    covariance(circuit, u, v, evidence),
    expected((row) => (row[u] - mean[u]) * (row[v] - mean[v])),
  );
  near(
    expectation(
      circuit,
      new Map([
        [u, 3],
        [v, 2],
      ]),
      evidence,
    ),
    expected((row) => (u === v ? row[v] ** 2 : row[u] ** 3 * row[v] ** 2)),
  );

  const map = mostProbable(circuit, evidence);
  const most = Math.log(truth.most(evidence));
  if (shape.deterministic) expect(map.exact).toBe(true);
  if (map.exact) near(map.log, most);
  else expect(map.log).toBeLessThan(most + 1e-9);
  near(map.log, Math.log(truth.sum(one, new Map([...map.state].map((x, w) => [w, x])))));

  const mass = truth.sum(one);
  const exact = -truth.sum((row) => Math.log(rowOf(truth, row, shape.states) / mass)) / mass;
  const sampled = await sampledEntropy(circuit, 200, { seed });
  expect(Math.abs(sampled.entropy - exact)).toBeLessThan(5 * sampled.error + 1e-9);
  if (!shape.deterministic) return;
  near(entropy(circuit), exact);
  const other = randomCircuit({ ...shape, varied: true }, random);
  const q = new Enumerated(other);
  const total = q.sum(one);
  const ratio = (row: Float64Array): number =>
    Math.log(rowOf(truth, row, shape.states) / mass / (rowOf(q, row, shape.states) / total));
  near(klDivergence(circuit, other), truth.sum(ratio) / mass);
}

/** The probability of a row: rows are counted with the last variable fastest. */
function rowOf({ p }: Enumerated, row: Float64Array, states: readonly number[]): number {
  return p[row.reduce((place, x, v) => place * states[v] + x, 0)];
}

describe('every query equals enumeration', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])('on circuits of up to %i variables', async (variables) => {
    for (let seed = 0; seed < 6; seed++) {
      const random = new Random(1000 * variables + seed);
      const states = Array.from({ length: variables }, () => (variables > 7 ? 2 : 1 + random.integer(3)));
      await checkAll({ states, deterministic: seed % 2 === 0, ordered: true, structured: seed % 4 === 1 }, seed + 1);
    }
  });

  it('on circuits of 15 variables', async () => {
    const states = new Array<number>(15).fill(2);
    for (const deterministic of [true, false]) await checkAll({ states, deterministic, ordered: true }, 15);
  });
});
