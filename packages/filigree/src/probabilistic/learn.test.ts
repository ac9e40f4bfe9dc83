import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMixedTable, readTable, type Table, tableOf } from '../data/index.js';
import { Random } from '../tensor/index.js';
import { sharedPath } from '../testing/fixtures.js';
import { chowLiuCircuit, chowLiuTree } from './chow-liu.js';
import { CircuitBuilder, type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { classPosterior } from './classes.js';
import { em } from './em.js';
import { entropy } from './entropy.js';
import { logLikelihood } from './evaluate.js';
import { hclt } from './hclt.js';
import { bernoulli } from './inputs.js';
import { moments } from './moments.js';
import { checkProperties } from './properties.js';
import { allStates, randomCircuit } from './random.testing.js';
import { sampleRows } from './sample.js';

const mean = async (circuit: ProbabilisticCircuit, table: Table): Promise<number> => {
  const logs = await logLikelihood(circuit, table);
  return logs.reduce((a, b) => a + b, 0) / logs.length;
};

/** A chain of two-valued variables, in a hidden order, each a copy of the one before but for one row in ten. */
function chain(order: readonly number[], rows: number, seed: number): Table {
  const random = new Random(seed);
  return tableOf(
    Array.from({ length: rows }, () => {
      const row = new Array<number>(order.length).fill(0);
      let x = random.integer(2);
      for (const v of order) {
        if (random.uniform() < 0.1) x = 1 - x;
        row[v] = x;
      }
      return row;
    }),
  );
}

const twos = (count: number): number[] => new Array<number>(count).fill(2);

describe('the Chow-Liu tree', () => {
  it('is the same whether two values are counted by bits or one by one', () => {
    for (const rows of [1, 31, 64, 300]) {
      const random = new Random(rows);
      const full = chain([3, 1, 0, 4, 2], rows, rows);
      const table = { ...full, values: full.values.map((x) => (random.uniform() < 0.2 ? Number.NaN : x)) };
      // A third value that never occurs leaves the information as it is, and the bits out.
      const [byBits, plainly] = [twos(5), [3, 3, 3, 3, 3]].map((s) => chowLiuTree(table, s, { pseudocount: 0 }));
      expect([...byBits.parent]).toEqual([...plainly.parent]);
    }
  });

  it('finds a hidden chain, and stands on its middle', () => {
    const order = [3, 0, 5, 2, 6, 1, 4];
    const { parent, order: found } = chowLiuTree(chain(order, 4000, 1), twos(7));
    expect(found[0]).toBe(order[3]);
    const edges = [...parent].flatMap((p, v) => (p < 0 ? [] : [[p, v].sort().join()]));
    expect(edges.sort()).toEqual(
      order
        .slice(1)
        .map((v, i) => [order[i], v].sort().join())
        .sort(),
    );
  });

  it('as a circuit has the conditionals of the data: its mean likelihood is minus its entropy', async () => {
    const table = chain([2, 0, 1, 3], 500, 2);
    const circuit = chowLiuCircuit(chowLiuTree(table, twos(4)), table, twos(4), { pseudocount: 0 });
    expect(checkProperties(circuit)).toMatchObject({ smooth: true, structuredDecomposable: true, deterministic: true });
    expect(await mean(circuit, table)).toBeCloseTo(-entropy(circuit), 10);
  });
});

describe('EM', () => {
  it('never makes the data less likely, whatever the circuit, also with missing cells', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const random = new Random(seed);
        const circuit = randomCircuit({ states: [2, 3, 2, 2], normalised: true }, random);
        const { values, ...shape } = await sampleRows(circuit, 40, { seed });
        const table = { ...shape, values: values.map((x) => (random.uniform() < 0.2 ? Number.NaN : x)) };
        for (const plain of [true, false]) {
          const { epochs } = await em(circuit, table, { epochs: 6, pseudocount: 0, plain });
          // In f32, where nothing is left to gain, the last digits may go either way.
          const rounding = plain ? 1e-9 : 2e-6;
          for (let i = 1; i < epochs.length; i++)
            expect(epochs[i].train).toBeGreaterThan(epochs[i - 1].train - rounding);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('fits gaussian, binomial and logistic inputs, never losing likelihood', async () => {
    const random = new Random(3);
    const rows = Array.from({ length: 400 }, () => {
      const k = random.uniform() < 0.3 ? 0 : 1;
      const count = Array.from({ length: 5 }, () => Number(random.uniform() < [0.2, 0.8][k])).reduce(
        (a, b) => a + b,
        0,
      );
      const level = Math.min(9, Math.max(0, Math.round([2, 6][k] + random.normal())));
      return [[-2, 3][k] + random.normal() * [0.5, 1.5][k], count, level];
    });
    const build = new CircuitBuilder([0, 6, 10]);
    const part = (mean: number, probability: number, level: number): number =>
      build.product([
        build.input({ kind: 'gaussian', variable: 0, mean, deviation: 3 }),
        build.input({ kind: 'binomial', variable: 1, trials: 5, probability }),
        build.input({ kind: 'logistic', variable: 2, mean: level, scale: 2 }),
      ]);
    const circuit = build.finish(build.sum([part(-1, 0.4, 4), part(1, 0.6, 5)], [0.5, 0.5]));
    const learned = await em(circuit, tableOf(rows), { plain: true, epochs: 60, pseudocount: 0 });
    learned.epochs.forEach(({ train }, i) => {
      if (i > 0) expect(train).toBeGreaterThan(learned.epochs[i - 1].train - 1e-9);
    });
    const [gaussian, binomial, logistic] = learned.circuit.inputs;
    expect(gaussian).toMatchObject({ mean: expect.closeTo(-2, 0.5), deviation: expect.closeTo(0.5, 0.5) });
    expect(binomial).toMatchObject({ probability: expect.closeTo(0.2, 1) });
    expect(logistic).toMatchObject({ mean: expect.closeTo(2, 0.5) });
    expect(Math.exp(learned.circuit.logWeight[6])).toBeCloseTo(0.3, 1);
  });

  it('by mini-batches keeps distributions, comes near the truth, and gives the same for the same seed', async () => {
    const table = chain([2, 0, 1, 3, 4], 1500, 5);
    const start = hclt(table, twos(5), { latents: 4, seed: 1 });
    const options = {
      epochs: 20,
      batchRows: 100,
      step: [0.6, 0.05],
      pseudocount: 0.1,
      valid: chain([2, 0, 1, 3, 4], 300, 6),
    } as const;
    const { circuit } = await em(start, table, { ...options, seed: 7 });
    for (let unit = 0; unit < unitCount(circuit); unit++) {
      if (circuit.kind[unit] !== sumKind) continue;
      const weights = circuit.logWeight.subarray(circuit.first[unit], circuit.first[unit + 1]);
      expect(weights.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 9);
    }
    const logs = await logLikelihood(circuit, allStates(circuit));
    expect(logs.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 9);
    const test = chain([2, 0, 1, 3, 4], 2000, 8);
    const truth = -Math.log(2) + 4 * (0.1 * Math.log(0.1) + 0.9 * Math.log(0.9));
    expect(await mean(circuit, test)).toBeGreaterThan(truth - 0.06);
    expect(await mean(start, test)).toBeLessThan(truth - 0.3);
    const again = await em(start, table, { ...options, seed: 7 });
    expect(again.circuit.logWeight).toEqual(circuit.logWeight);
  });

  it('leaves edges of weight zero out, also with pseudocounts', async () => {
    const build = new CircuitBuilder([2]);
    const circuit = build.finish(build.sum([build.input(bernoulli(0, 0.3)), build.input(bernoulli(0, 0.6))], [1, 0]));
    const learned = await em(circuit, tableOf([[0], [1], [1]]), { epochs: 3, pseudocount: 1 });
    expect([...learned.circuit.logWeight]).toEqual([0, Number.NEGATIVE_INFINITY]);
  });

  it('stops when asked, and refuses what it cannot learn from', async () => {
    const table = chain([0, 1, 2], 50, 1);
    const start = hclt(table, twos(3), { latents: 2 });
    await expect(em(start, table, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
    await expect(em(start, tableOf([[0, 1, 2]]))).rejects.toThrow('row 1, column 3 is 2');
    expect(() => hclt(table, twos(3), { latents: 0 })).toThrow('latents');
    expect(() => chowLiuTree(table, [2, 0, 2])).toThrow('variable 2 is real');
  });
});

const file = (part: string): string => sharedPath(`data/debd/nltcs.${part}.data`);
const present = existsSync(file('train'));
if (!present) console.warn(`skipped: there is no ${file('train')}`);

describe.skipIf(!present)('on data of others', () => {
  const read = (part: string): Table => readTable(readFileSync(file(part), 'utf8'), part);

  it('the Chow-Liu tree of NLTCS has the likelihood that others measured', async () => {
    const train = read('train');
    const circuit = chowLiuCircuit(chowLiuTree(train, twos(16)), train, twos(16));
    expect(Math.abs((await mean(circuit, read('test'))) - -6.759)).toBeLessThan(5e-4);
  });

  it('a hidden Chow-Liu tree of NLTCS is within 1 % of the published -6.01', async () => {
    const train = read('train');
    const start = hclt(train, twos(16), { latents: 16, seed: 1 });
    const { circuit } = await em(start, train, { epochs: 8, batchRows: 512, step: [1, 0.05], valid: read('valid') });
    expect(await mean(circuit, read('test'))).toBeGreaterThan(-6.07);
  });
});

describe('tables of mixed types', () => {
  it('are learned by a hidden tree with gaussians for real columns', async () => {
    const random = new Random(5);
    const lines = Array.from({ length: 400 }, () => {
      const k = random.integer(2);
      const height = (k ? 3 : -2) + 0.5 * random.normal();
      return `${k ? 'tall' : 'short'},${random.uniform() < 0.1 ? '' : height.toFixed(4)},${random.uniform() < 0.9 ? k : 1 - k}`;
    });
    const table = readMixedTable(lines.join('\n'), 'a.csv', { header: false });
    const start = hclt(table, [2, 0, 2], { latents: 2, seed: 1 });
    const { circuit } = await em(start, table, { epochs: 30, pseudocount: 0.01 });
    const { mean } = moments(circuit, new Map([[0, 1]]));
    expect(mean[1]).toBeCloseTo(3, 0);
    expect(moments(circuit, new Map([[0, 0]])).mean[1]).toBeCloseTo(-2, 0);
    const { best } = await classPosterior(circuit, table, 0);
    expect(best.filter((k, r) => k === table.values[r * 3]).length).toBeGreaterThan(390);
  });
});
