import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tableOf } from '../data/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, inputKind, type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { flows, logLikelihood } from './evaluate.js';
import { Evaluator } from './evaluator.js';
import { bernoulli, categorical, indicator } from './inputs.js';
import { allStates, plainDistribution, plainValues, randomCircuit } from './random.testing.js';

const shapes = fc.record({
  seed: fc.nat(),
  states: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 }),
  deterministic: fc.boolean(),
  structured: fc.boolean(),
});

const made = fc.property.bind(fc);

describe('likelihood', () => {
  it('is what plain arithmetic gives, on every state, in batches of any size', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 1, max: 40 }), async ({ seed, ...shape }, batch) => {
        const circuit = randomCircuit(shape, new Random(seed));
        const wanted = plainDistribution(circuit);
        const table = allStates(circuit);
        const found = await logLikelihood(circuit, table);
        const evaluator = new Evaluator(circuit, { batch });
        expect(Math.max(...found.map((log, row) => Math.abs(Math.exp(log) - wanted[row])))).toBeLessThan(1e-12);
        for (let start = 0; start < table.rows; start += batch) {
          const count = Math.min(batch, table.rows - start);
          evaluator.forward(table, start, count).forEach((log, b) => {
            expect(log).toBe(found[start + b]);
          });
        }
      }),
      { numRuns: 60 },
    );
  });

  it('sums missing and marginalised variables out', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.nat(63), async ({ seed, ...shape }, mask) => {
        const circuit = randomCircuit(shape, new Random(seed));
        const table = allStates(circuit);
        const wanted = plainDistribution(circuit);
        const hidden = shape.states.map((_, v) => v).filter((v) => (mask >> v) & 1);
        const sums = new Map<string, number>();
        const key = (row: number): string =>
          shape.states.map((_, v) => (hidden.includes(v) ? '' : table.values[row * table.columns + v])).join();
        wanted.forEach((p, row) => {
          sums.set(key(row), (sums.get(key(row)) ?? 0) + p);
        });
        const missing = {
          ...table,
          values: table.values.map((x, i) => (hidden.includes(i % table.columns) ? Number.NaN : x)),
        };
        const [a, b] = [
          await logLikelihood(circuit, missing),
          await logLikelihood(circuit, table, { marginalise: hidden }),
        ];
        a.forEach((log, row) => {
          expect(Math.abs(Math.exp(log) - sums.get(key(row))!)).toBeLessThan(1e-11);
          expect(b[row]).toBe(log);
        });
      }),
      { numRuns: 40 },
    );
  });

  it('keeps its digits where a child is far more probable than the one with weight', async () => {
    const build = new CircuitBuilder([2]);
    const children = [build.input(indicator(0, 0)), build.input(categorical(0, [0, 0.5]))];
    const small = build.logSum([build.logSum(children, [0, -900])], [-700]);
    const circuit = build.finish(small);
    const logs = await logLikelihood(circuit, tableOf([[0], [1], [Number.NaN]]));
    expect(logs[0]).toBeCloseTo(-700, 9);
    expect(logs[1]).toBeCloseTo(-1600 + Math.log(0.5), 9);
    expect(logs[2]).toBeCloseTo(-700, 9);
  });

  it('shares exponentials of sums without losing the small one', async () => {
    const build = new CircuitBuilder([2]);
    const children = [build.logSum([build.input(indicator(0, 1))], [-800]), build.input(indicator(0, 0))];
    const a = build.logSum(children, [-1, -1]);
    const b = build.logSum(children, [-1, Number.NEGATIVE_INFINITY]);
    const circuit = build.finish(build.logSum([a, b], [-2000, 0]));
    const table = tableOf([[Number.NaN], [0], [1]]);
    const logs = await logLikelihood(circuit, table);
    expect(Array.from(logs)).toEqual([-801, -2001, -801].map((x) => expect.closeTo(x, 6)));
    const { units } = await flows(circuit, table);
    // Missing and 1 go through the small child, 0 through the large one.
    expect(units[a]).toBeCloseTo(1, 9);
    expect(units[b]).toBeCloseTo(2, 9);
  });
});

describe('flows', () => {
  it('are θ ∂ log p / ∂θ, by finite differences', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async ({ seed, ...shape }) => {
        const circuit = randomCircuit(shape, new Random(seed));
        const table = allStates(circuit);
        const possible = [...plainDistribution(circuit)].flatMap((p, row) => (p > 0 ? [row] : []));
        const row = possible[seed % possible.length];
        const one = tableOf([[...table.values.subarray(row * table.columns, (row + 1) * table.columns)]]);
        const { edges } = await flows(circuit, one);
        const step = 1e-5;
        for (let e = 0; e < edges.length; e++) {
          const log = (change: number): number => {
            const logWeight = circuit.logWeight.slice();
            logWeight[e] += change;
            return Math.log(plainValues({ ...circuit, logWeight }, one.values)[unitCount(circuit) - 1]);
          };
          if (!ofSum(circuit, e)) expect(edges[e]).toBe(0);
          else expect(Math.abs(edges[e] - (log(step) - log(-step)) / (2 * step))).toBeLessThan(1e-8);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('are conserved: those of the edges of a sum make up its own, and each row has one at the root', () => {
    fc.assert(
      made(shapes, ({ seed, ...shape }) => {
        const circuit = randomCircuit(shape, new Random(seed));
        const evaluator = new Evaluator(circuit);
        const table = allStates(circuit);
        const sums = evaluator.emptySums();
        const count = Math.min(evaluator.batch, table.rows);
        const seen = evaluator.forward(table, 0, count).filter((log) => log > Number.NEGATIVE_INFINITY).length;
        const flow = evaluator.backward(sums);
        const total = (unit: number): number => {
          const at = unit * evaluator.batch;
          return flow.subarray(at, at + count).reduce((a, b) => a + b, 0);
        };
        expect(total(unitCount(circuit) - 1)).toBe(seen);
        for (let unit = 0; unit < unitCount(circuit); unit++) {
          if (circuit.kind[unit] === inputKind) {
            const i = circuit.inputOf[unit];
            const counted = sums.inputs.subarray(evaluator.statisticsAt[i], evaluator.statisticsAt[i + 1]);
            expect(counted.reduce((a, b) => a + b, 0)).toBeCloseTo(total(unit), 9);
          }
          if (circuit.kind[unit] !== sumKind) continue;
          const edges = sums.edges.subarray(circuit.first[unit], circuit.first[unit + 1]);
          expect(edges.reduce((a, b) => a + b, 0)).toBeCloseTo(total(unit), 9);
        }
      }),
      { numRuns: 40 },
    );
  });
});

function ofSum(circuit: ProbabilisticCircuit, edge: number): boolean {
  const unit = circuit.first.findIndex((first) => first > edge) - 1;
  return circuit.kind[unit] === sumKind;
}

describe('inputs', () => {
  it('have the values of their formulas', async () => {
    const build = new CircuitBuilder([4, 0, 5, 0]);
    const circuit = build.finish(
      build.product([
        build.input({ kind: 'binomial', variable: 0, trials: 3, probability: 0.2 }),
        build.input({ kind: 'gaussian', variable: 1, mean: 1, deviation: 2 }),
        build.input({ kind: 'logistic', variable: 2, mean: 1.3, scale: 0.7 }),
        build.input({ kind: 'constant', log: -3 }),
        build.input({ kind: 'gaussian', variable: 3, mean: 0, deviation: 1 }),
      ]),
    );
    const none = Number.NaN;
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    const logs = await logLikelihood(
      circuit,
      tableOf([
        [2, none, none, none],
        [none, 2.5, none, none],
        [none, none, 0, none],
        [none, none, 2, none],
        [none, none, 4, none],
        [none, none, none, none],
      ]),
    );
    const wanted = [
      3 * 0.04 * 0.8,
      Math.exp(-0.5 * 0.75 ** 2) / Math.sqrt(8 * Math.PI),
      sigmoid(-0.8 / 0.7),
      sigmoid(1.2 / 0.7) - sigmoid(0.2 / 0.7),
      1 - sigmoid(2.2 / 0.7),
      1,
    ];
    expect(Array.from(logs, (log) => log + 3)).toEqual(wanted.map((p) => expect.closeTo(Math.log(p), 12)));
  });
});

describe('mistakes', () => {
  const circuit = (() => {
    const build = new CircuitBuilder([2, 2]);
    return build.finish(build.product([build.input(bernoulli(0, 0.4)), build.input(bernoulli(1, 0.4))]));
  })();

  it('name the row and the column', async () => {
    await expect(
      logLikelihood(
        circuit,
        tableOf([
          [0, 1],
          [1, 2],
        ]),
      ),
    ).rejects.toThrow('row 2, column 2 is 2');
    await expect(logLikelihood(circuit, tableOf([[0.5, 1]]))).rejects.toThrow('row 1, column 1 is 0.5');
    await expect(logLikelihood(circuit, tableOf([[0]]))).rejects.toThrow('the data have 1 columns');
    await expect(logLikelihood(circuit, tableOf([]))).rejects.toThrow('no rows');
    await expect(logLikelihood(circuit, tableOf([[0, 0]]), { marginalise: [2] })).rejects.toThrow('no variable 3');
  });

  it('of builders are told when they are made', () => {
    const build = new CircuitBuilder([2, 0]);
    const input = build.input(bernoulli(0, 0.5));
    expect(() => build.sum([input], [-1])).toThrow(InputError);
    expect(() => build.sum([input], [0.5, 0.5])).toThrow('cannot have 2 weights');
    expect(() => build.sum([], [])).toThrow('has no children');
    expect(() => build.product([3])).toThrow('there is no unit 3');
    expect(() => build.input(bernoulli(1, 0.5))).toThrow('does not fit variable 2, which is real');
    expect(() => build.input(indicator(0, 2))).toThrow('does not fit variable 1');
    expect(() => build.input(indicator(2, 0))).toThrow('no variable 3');
  });
});
