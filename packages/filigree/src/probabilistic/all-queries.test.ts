import { describe, expect, it } from 'vitest';
import { tableOf } from '../data/index.js';
import { Random } from '../tensor/index.js';
import { chiSquareTail } from './chi-square.js';
import { chowLiuCircuit, chowLiuTree } from './chow-liu.js';
import { type ProbabilisticCircuit, sumKind } from './circuit.js';
import { classPosterior } from './classes.js';
import { compress, decompress } from './compression/compress.js';
import { klDivergence } from './divergence.js';
import { entropy, sampledEntropy } from './entropy.js';
import { flows, logLikelihood } from './evaluate.js';
import { logProbability } from './evidence.js';
import { grow } from './grow.js';
import { hclt } from './hclt.js';
import { hmm } from './hmm.js';
import { poonDomingos, quadTree } from './images.js';
import { learnSpn } from './learn-spn.js';
import { mostProbable } from './map.js';
import { covariance, expectation, moments } from './moments.js';
import { pruneEdges } from './prune.js';
import { allStates, plainDistribution, type RandomShape, randomCircuit } from './random.testing.js';
import { ratSpn } from './rat-spn.js';
import { sampleRows } from './sample.js';
import { softEvidence } from './soft-evidence.js';

/** All states of a circuit, and their probabilities by the definition. */
class Enumerated {
  readonly p: Float64Array;
  private readonly rows: Float64Array[];

  constructor(circuit: ProbabilisticCircuit) {
    this.rows = allRows(circuit);
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
  const make = (): ProbabilisticCircuit => randomCircuit({ ...shape, varied: true }, random);
  await checkQueries(make(), make, shape.deterministic === true, seed, random);
}

/** @param another makes a circuit that is compatible, where it is deterministic */
async function checkQueries(
  circuit: ProbabilisticCircuit,
  another: () => ProbabilisticCircuit,
  deterministic: boolean,
  seed: number,
  random: Random,
): Promise<void> {
  const states = Array.from(circuit.states);
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
    states.flatMap((states, w) =>
      random.uniform() < 0.4 ? [[w, Array.from({ length: states }, () => 0.1 + random.uniform())] as const] : [],
    ),
  );
  const weight = (row: Float64Array): number => [...lambda].reduce((product, [w, l]) => product * l[row[w]], 1);
  near(logProbability(softEvidence(circuit, lambda), evidence), Math.log(truth.sum(weight, evidence)));

  const posterior = await classPosterior(circuit, { rows: 1, columns, values: known }, u);
  const others = new Map([...evidence].filter(([w]) => w !== u));
  for (let k = 0; k < states[u]; k++) {
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
  if (deterministic) expect(map.exact).toBe(true);
  if (map.exact) near(map.log, most);
  else expect(map.log).toBeLessThan(most + 1e-9);
  near(map.log, Math.log(truth.sum(one, new Map([...map.state].map((x, w) => [w, x])))));

  const mass = truth.sum(one);
  const exact = -truth.sum((row) => Math.log(rowOf(truth, row, states) / mass)) / mass;
  const sampled = await sampledEntropy(circuit, 200, { seed });
  expect(Math.abs(sampled.entropy - exact)).toBeLessThan(5 * sampled.error + 1e-9);
  if (!deterministic) return;
  near(entropy(circuit), exact);
  const other = another();
  const q = new Enumerated(other);
  const total = q.sum(one);
  const ratio = (row: Float64Array): number =>
    Math.log(rowOf(truth, row, states) / mass / (rowOf(q, row, states) / total));
  near(klDivergence(circuit, other), truth.sum(ratio) / mass);
}

/** Rows are counted with the last variable fastest. */
const placeOf = (row: Float64Array, states: readonly number[]): number =>
  row.reduce((place, x, v) => place * states[v] + x, 0);

/** The probability of a row. */
const rowOf = ({ p }: Enumerated, row: Float64Array, states: readonly number[]): number => p[placeOf(row, states)];

function allRows(circuit: ProbabilisticCircuit): Float64Array[] {
  const { rows, columns, values } = allStates(circuit);
  return Array.from({ length: rows }, (_, r) => values.subarray(r * columns, (r + 1) * columns));
}

const columns = 6;
/** Rows of two patterns of six values, a cell in ten wrong. */
const table = tableOf(
  Array.from({ length: 60 }, (_, i) =>
    Array.from({ length: columns }, (_, v) => ((v >> (i % 2)) & 1) ^ Number((7 * i + v) % 10 === 0)),
  ),
);
const twos = new Array<number>(columns).fill(2);
const picture: [number, number] = [2, 3];
const learned = { latents: 3, seed: 2 };
const structures: readonly (readonly [string, ProbabilisticCircuit, deterministic: boolean])[] = [
  ['hidden Chow-Liu tree', hclt(table, twos, learned), false],
  ['Chow-Liu tree', chowLiuCircuit(chowLiuTree(table, twos), table, twos), true],
  ['RAT-SPN', ratSpn(twos, { ...learned, depth: 2, repetitions: 2 }), false],
  ['Poon-Domingos', poonDomingos(twos, picture, { ...learned, step: 1 }), false],
  ['quad tree', quadTree(twos, picture, learned), false],
  ['hidden Markov model', hmm(columns, 2, learned), false],
  ['LearnSPN', learnSpn(table, twos, { seed: 2 }), false],
  ['pruned and grown', grow(pruned(hclt(table, twos, learned)), { seed: 1 }), false],
];

function pruned(circuit: ProbabilisticCircuit): ProbabilisticCircuit {
  return pruneEdges(circuit, circuit.logWeight.map(Math.exp), { fraction: 0.5 }).circuit;
}

describe('on every structure', () => {
  it.each(structures)('%s: every query equals enumeration', async (_, circuit, deterministic) => {
    for (const seed of [1, 2]) {
      const same = { ...circuit, logWeight: circuit.logWeight.slice() };
      await checkQueries(circuit, () => same, deterministic, seed, new Random(seed));
    }
  });

  it.each(structures)('%s: samples, also given evidence, have their frequencies (chi-square)', async (_, circuit) => {
    for (const evidence of [new Map<number, number>(), new Map([[1, 1]])]) {
      const truth = new Enumerated(circuit);
      const given = truth.sum(one, evidence);
      const { values, rows } = await sampleRows(circuit, 2000, { seed: 5, evidence });
      const counts = new Map<number, number>();
      for (let r = 0; r < rows; r++) {
        const place = placeOf(values.subarray(r * columns, (r + 1) * columns), twos);
        counts.set(place, (counts.get(place) ?? 0) + 1);
      }
      let [statistic, classes, rare, rareExpected] = [0, 0, 0, 0];
      const add = (seen: number, expected: number): void => {
        statistic += (seen - expected) ** 2 / expected;
        classes++;
      };
      allRows(circuit).forEach((row, place) => {
        const agrees = [...evidence].every(([v, x]) => row[v] === x);
        const expected = agrees ? (rows * truth.p[place]) / given : 0;
        if (expected === 0) expect(counts.get(place) ?? 0).toBe(0);
        else if (expected >= 5) add(counts.get(place) ?? 0, expected);
        else [rare, rareExpected] = [rare + (counts.get(place) ?? 0), rareExpected + expected];
      });
      if (rareExpected > 0) add(rare, rareExpected);
      expect(chiSquareTail(statistic, classes - 1)).toBeGreaterThan(1e-4);
    }
  });

  it.each(structures)('%s: flows are θ ∂ log p / ∂θ, by finite differences', async (_, circuit) => {
    const few = { rows: 3, columns, values: table.values.slice(0, 3 * columns) };
    few.values[columns + 2] = Number.NaN;
    const { edges } = await flows(circuit, few);
    const total = async (logWeight: Float64Array): Promise<number> =>
      (await logLikelihood({ ...circuit, logWeight }, few)).reduce((a, b) => a + b, 0);
    const sums = Array.from(circuit.kind, (_, unit) => unit).filter((unit) => circuit.kind[unit] === sumKind);
    const every = Math.max(1, Math.floor(sums.length / 12));
    for (let i = sums.length - 1; i >= 0; i -= every) {
      for (let e = circuit.first[sums[i]]; e < circuit.first[sums[i] + 1]; e++) {
        const moved = (by: number): Promise<number> => total(circuit.logWeight.map((w, k) => (k === e ? w + by : w)));
        expect(edges[e]).toBeCloseTo(((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5, 6);
      }
    }
  });

  it.each(structures)('%s: random, constant and odd bytes come back', async (_, circuit) => {
    const random = new Random(6);
    const files = [
      Uint8Array.from({ length: 10 * columns }, () => random.integer(2)),
      new Uint8Array(10 * columns),
      new Uint8Array(10 * columns).fill(1),
      Uint8Array.from({ length: 10 * columns + 1 }, () => random.integer(256)),
      new Uint8Array(0),
    ];
    for (const file of files) {
      const { bytes } = await compress(file, circuit);
      expect(Buffer.compare(Buffer.from(await decompress(bytes, circuit, 'x')), Buffer.from(file))).toBe(0);
    }
  });
});

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
