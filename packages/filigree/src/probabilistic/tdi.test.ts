import { describe, expect, it } from 'vitest';
import { type Table, tableOf } from '../data/index.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { logLikelihood } from './evaluate.js';
import { bernoulli, gaussian, indicator } from './inputs.js';
import { plainValues } from './random.testing.js';
import { dropoutClasses, dropoutMoments } from './tdi.js';

/** Layers of K units over pairs of variables that share their children, two of them under a sum of two. */
function grid(random: Random, classes = 0): ProbabilisticCircuit {
  const build = new CircuitBuilder([2, 2, 2, ...(classes ? [classes] : [])]);
  const leaf = (v: number): number => build.input(bernoulli(v, 0.1 + 0.8 * random.uniform()));
  const mix = (children: readonly number[]): number =>
    build.sum(
      children,
      children.map(() => 0.1 + random.uniform()),
    );
  const pairs = [0, 1].map(() => build.product([leaf(0), leaf(1)]));
  const region = [mix(pairs), mix(pairs)];
  const singles = [leaf(2), leaf(2)];
  const third = [mix(singles), mix(singles)];
  const whole = [0, 1].map((k) => build.product([region[k], third[k]]));
  const heads = [mix(whole), mix(whole)];
  if (!classes) return build.finish(build.sum(heads, [0.3, 0.7]));
  return build.finish(
    build.sum(
      heads.map((head, y) => build.product([build.input(indicator(3, y)), head])),
      [0.4, 0.6],
    ),
  );
}

/** Every mask of the edges of sums below the root, with its chance and the values of all units. */
function* masks(
  circuit: ProbabilisticCircuit,
  row: ArrayLike<number>,
  dropout: number,
): Generator<{ chance: number; values: Float64Array }> {
  const { kind, first, logWeight } = circuit;
  const edges: number[] = [];
  for (let unit = 0; unit < unitCount(circuit) - 1; unit++) {
    if (kind[unit] === sumKind) for (let e = first[unit]; e < first[unit + 1]; e++) edges.push(e);
  }
  for (let mask = 0; mask < 2 ** edges.length; mask++) {
    const masked = logWeight.slice();
    let chance = 1;
    edges.forEach((e, i) => {
      const kept = (mask >> i) & 1;
      chance *= kept ? 1 - dropout : dropout;
      if (!kept) masked[e] = Number.NEGATIVE_INFINITY;
    });
    yield { chance, values: plainValues({ ...circuit, logWeight: masked }, row) };
  }
}

const rows = tableOf([
  [0, 0, 0],
  [1, 0, 1],
  [0, 1, 1],
]);
const rowOf = ({ values, columns }: Table, r: number): Float64Array => values.subarray(r * columns, (r + 1) * columns);

describe('dropout in closed form', () => {
  it.each([0.05, 0.2, 0.6])('has the mean and deviation over all masks, at p = %f', async (dropout) => {
    for (const seed of [1, 2, 3]) {
      const circuit = grid(new Random(seed));
      const root = unitCount(circuit) - 1;
      const { logMean, relativeDeviation } = await dropoutMoments(circuit, rows, { dropout });
      for (let r = 0; r < rows.rows; r++) {
        let [mean, square] = [0, 0];
        for (const { chance, values } of masks(circuit, rowOf(rows, r), dropout)) {
          mean += chance * values[root];
          square += chance * values[root] ** 2;
        }
        expect(Math.abs(Math.exp(logMean[r]) / mean - 1)).toBeLessThan(1e-10);
        const wanted = Math.sqrt(square - mean * mean) / mean;
        expect(Math.abs(relativeDeviation[r] / wanted - 1)).toBeLessThan(1e-9);
      }
    }
  });

  it('is surer of itself without covariances, and sure without dropout', async () => {
    const circuit = grid(new Random(4));
    const full = await dropoutMoments(circuit, rows);
    const diagonal = await dropoutMoments(circuit, rows, { covariance: 'diagonal' });
    const none = await dropoutMoments(circuit, rows, { dropout: 0 });
    expect(diagonal.logMean).toEqual(full.logMean);
    full.relativeDeviation.forEach((x, r) => {
      expect(diagonal.relativeDeviation[r]).toBeLessThan(0.95 * x);
    });
    expect([...none.relativeDeviation]).toEqual([0, 0, 0]);
    const logs = await logLikelihood(circuit, rows);
    none.logMean.forEach((x, r) => {
      expect(x).toBeCloseTo(logs[r], 12);
    });
  });

  it('keeps its digits where densities leave the range of numbers', async () => {
    const count = 400;
    const build = new CircuitBuilder(new Array<number>(count).fill(0));
    const part = (mean: number) =>
      build.product(Array.from({ length: count }, (_, v) => build.input(gaussian(v, mean, 0.02))));
    const inner = build.sum([part(0), part(0.001)], [0.5, 0.5]);
    const circuit = build.finish(build.sum([inner], [1]));
    const { logMean, relativeDeviation } = await dropoutMoments(
      circuit,
      tableOf([new Array<number>(count).fill(0.0005), new Array<number>(count).fill(3)]),
      { dropout: 0.5 },
    );
    expect(logMean[0]).toBeGreaterThan(1000);
    expect(logMean[1]).toBeLessThan(-1000);
    // Two equal parts, each dropped with chance ½: mean ½, variance ⅛ of the whole squared.
    expect(relativeDeviation[0]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(relativeDeviation[1]).toBeGreaterThan(0.5);
  });

  it('gives class probabilities by the delta method from the moments over all masks', async () => {
    const dropout = 0.1;
    const circuit = grid(new Random(6), 2);
    const root = unitCount(circuit) - 1;
    const table = tableOf([[1, 0, 1, Number.NaN]]);
    const { mean, deviation } = await dropoutClasses(circuit, table, 3, { dropout });
    const joint = [0, 1].map((y) => [...masks(circuit, [1, 0, 1, y], dropout)]);
    const expected = (f: (a: number, b: number) => number): number =>
      joint[0].reduce((sum, { chance, values }, i) => sum + chance * f(values[root], joint[1][i].values[root]), 0);
    const [a, b] = [expected((x) => x), expected((_, y) => y)];
    const covariance = [
      [expected((x) => x * x) - a * a, expected((x, y) => x * y) - a * b],
      [0, expected((_, y) => y * y) - b * b],
    ];
    const total = a + b;
    const withTotal = covariance[0][0] + covariance[0][1];
    const ofTotal = covariance[0][0] + 2 * covariance[0][1] + covariance[1][1];
    const r = a / total;
    expect(mean[0]).toBeCloseTo(r - withTotal / total ** 2 + (a * ofTotal) / total ** 3, 10);
    const variance = r * r * (covariance[0][0] / a ** 2 - (2 * withTotal) / (a * total) + ofTotal / total ** 2);
    expect(deviation[0]).toBeCloseTo(Math.sqrt(variance), 10);
    expect(mean[0] + mean[1]).toBeCloseTo(1, 12);
  });

  it('refuses what it cannot do', async () => {
    const circuit = grid(new Random(1));
    await expect(dropoutMoments(circuit, rows, { dropout: 1 })).rejects.toThrow('from 0 to below 1');
    await expect(dropoutClasses(circuit, rows, 0)).rejects.toThrow('one class');
    const build = new CircuitBuilder([2, 2, 2]);
    const s = [0, 1, 2].map((v) =>
      build.sum([build.input(bernoulli(v, 0.2)), build.input(bernoulli(v, 0.6))], [0.5, 0.5]),
    );
    const mixed = (a: number, b: number, c: number) => build.product([build.product([s[a], s[b]]), s[c]]);
    const odd = build.finish(build.sum([mixed(0, 1, 2), mixed(1, 2, 0)], [0.5, 0.5]));
    await expect(dropoutMoments(odd, rows)).rejects.toThrow('split shared parts alike; product unit');
  });
});
