import { describe, expect, it } from 'vitest';
import { memoryBytes } from '../bytes.js';
import { type Table, tableOf } from '../data/index.js';
import { Random } from '../tensor/index.js';
import { trainByGradient } from './adam.js';
import { chiSquareTail } from './chi-square.js';
import { CircuitBuilder, type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { readCircuitTensors, writeCircuitFile } from './circuit-file.js';
import { classPosterior } from './classes.js';
import { em } from './em.js';
import { logLikelihood } from './evaluate.js';
import { grow } from './grow.js';
import { hclt } from './hclt.js';
import { hmm } from './hmm.js';
import { poonDomingos, quadTree } from './images.js';
import { bernoulli } from './inputs.js';
import { learnSpn } from './learn-spn.js';
import { Learner, type Rule } from './learner.js';
import { checkProperties } from './properties.js';
import { pruneEdges, scoreEdges } from './prune.js';
import { allStates } from './random.testing.js';
import { ratSpn } from './rat-spn.js';
import { sampleRows } from './sample.js';

const mean = async (circuit: ProbabilisticCircuit, table: Table): Promise<number> =>
  (await logLikelihood(circuit, table)).reduce((a, b) => a + b, 0) / table.rows;

async function mass(circuit: ProbabilisticCircuit): Promise<number> {
  return (await logLikelihood(circuit, allStates(circuit))).reduce((sum, log) => sum + Math.exp(log), 0);
}

const twos = (count: number): number[] => new Array<number>(count).fill(2);
const nine: [number, number] = [3, 3];

/** Rows of a mixture of two patterns, each cell wrong with chance 0.1. */
function patterns(rows: number, columns: number, seed: number): Table {
  const random = new Random(seed);
  const shapes = [0, 1].map((k) => Array.from({ length: columns }, (_, v) => ((v >> k) & 1) as number));
  return tableOf(
    Array.from({ length: rows }, () => random.pick(shapes).map((x) => (random.uniform() < 0.1 ? 1 - x : x))),
  );
}

describe('structures', () => {
  const made: [string, ProbabilisticCircuit, structured: boolean][] = [
    ['RAT-SPN', ratSpn(twos(9), { latents: 3, depth: 2, repetitions: 3, seed: 1 }), false],
    ['Poon-Domingos', poonDomingos(twos(9), nine, { latents: 2, step: 1 }), false],
    ['quad tree', quadTree(twos(9), nine, { latents: 3 }), true],
    ['hidden Markov model', hmm(5, 3, { latents: 3 }), true],
    ['LearnSPN', learnSpn(patterns(300, 6, 1), twos(6)), false],
  ];
  it.each(made)('%s is smooth, decomposable, of mass one, and learns', async (_name, circuit, structured) => {
    const properties = checkProperties(circuit);
    expect(properties).toMatchObject({ smooth: true, decomposable: true });
    if (structured) expect(properties.structuredDecomposable).toBe(true);
    expect(await mass(circuit)).toBeCloseTo(1, 9);
    const table = circuit.states[0] === 2 ? patterns(300, circuit.variables, 2) : await sampleRows(circuit, 200);
    const learned = await em(circuit, table, { epochs: 8, pseudocount: 0, plain: true });
    learned.epochs.forEach(({ train }, i) => {
      if (i > 0) expect(train).toBeGreaterThan(learned.epochs[i - 1].train - 1e-9);
    });
    expect(await mean(learned.circuit, table)).toBeGreaterThan((await mean(circuit, table)) - 1e-9);
    expect(await mass(learned.circuit)).toBeCloseTo(1, 9);
  });

  it('a hidden Markov model keeps its parameters equal at every step, and finds the chain that made the data', async () => {
    const truth = hmm(8, 3, { latents: 2, seed: 5 });
    const sharp = {
      ...truth,
      inputs: truth.inputs.map((unit, i) => ({
        ...unit,
        logProbabilities: Float64Array.from(i % 2 === 0 ? [0.8, 0.1, 0.1] : [0.1, 0.1, 0.8], Math.log),
      })),
      logWeight: truth.logWeight.map((w, e) => (w === 0 ? 0 : Math.log([0.9, 0.1, 0.2, 0.8][e % 4] ?? 0.5))),
    } as ProbabilisticCircuit;
    // Edges of products have weight 1; those of sums come in pairs, state by state.
    for (let unit = 0; unit < unitCount(sharp); unit++) {
      if (sharp.kind[unit] !== sumKind) continue;
      const group = sharp.tied!.sums[unit];
      const row =
        group < 0
          ? [0.5, 0.5]
          : [
              [0.9, 0.1],
              [0.2, 0.8],
            ][group];
      sharp.logWeight.set(row.map(Math.log), sharp.first[unit]);
    }
    const [train, test] = [await sampleRows(sharp, 800, { seed: 1 }), await sampleRows(sharp, 800, { seed: 2 })];
    for (const plain of [true, false]) {
      const { circuit } = await em(hmm(8, 3, { latents: 2, seed: 9 }), train, { epochs: 60, pseudocount: 0.1, plain });
      expect(await mean(circuit, test)).toBeGreaterThan((await mean(sharp, test)) - 0.03);
      const emissions = circuit.inputs.map((unit) => (unit.kind === 'categorical' ? [...unit.logProbabilities] : []));
      for (let i = 2; i < emissions.length; i++) expect(emissions[i]).toEqual(emissions[i % 2]);
    }
  });

  it('a hidden Markov model that is pruned, grown and written keeps its ties', async () => {
    const random = new Random(2);
    const table = tableOf(Array.from({ length: 60 }, () => Array.from({ length: 6 }, () => random.integer(3))));
    const start = hmm(6, 3, { latents: 4, seed: 1 });
    const scores = await scoreEdges(start, 'flow', { table });
    const { circuit: pruned } = pruneEdges(start, scores, { fraction: 0.5 });
    const grown = grow(pruned, { seed: 1 });
    const read = await readCircuitTensors(memoryBytes(writeCircuitFile(grown)), 'a file');
    expect(pruned.child.length).toBeLessThan(start.child.length - 25);
    expect(read.tied).toEqual(grown.tied);
    for (const circuit of [pruned, grown, (await em(read, table, { epochs: 2 })).circuit]) {
      const [weights, tables] = [new Map<number, unknown>(), new Map<number, unknown>()];
      const same = (seen: Map<number, unknown>, group: number, own: unknown): void => {
        if (group >= 0 && seen.has(group)) expect(own).toEqual(seen.get(group));
        seen.set(group, own);
      };
      circuit.tied!.sums.forEach((group, unit) => {
        same(weights, group, circuit.logWeight.slice(circuit.first[unit], circuit.first[unit + 1]));
      });
      circuit.tied!.inputs.forEach((group, i) => {
        same(tables, group, (circuit.inputs[i] as { logProbabilities: unknown }).logProbabilities);
      });
      expect([weights.size, tables.size]).toEqual(circuit === pruned ? [5, 4] : [9, 8]);
      expect(await mass(circuit)).toBeCloseTo(1, 9);
    }
    expect(await mean(grow(pruned, { deviation: 0 }), table)).toBeCloseTo(await mean(pruned, table), 9);
    expect(() => pruneEdges(start, scores, { fraction: 0.5, block: 2 })).toThrow('prune single edges');
  });

  it('LearnSPN parts independent variables, and finds clusters', async () => {
    const random = new Random(4);
    const rows = Array.from({ length: 1500 }, () => {
      const [a, b] = [random.integer(2), random.integer(2)];
      const flip = (x: number): number => (random.uniform() < 0.1 ? 1 - x : x);
      return [flip(a), flip(b), flip(a), flip(b), flip(a), flip(b)];
    });
    const circuit = learnSpn(tableOf(rows), twos(6));
    expect(circuit.kind.at(-1)).toBe(1);
    expect(circuit.first.at(-1)! - circuit.first.at(-2)!).toBe(2);
    // Three noisy copies of one coin, twice over.
    const three = [0.5 * 0.9 ** 3 + 0.5 * 0.1 ** 3, 0.5 * 0.9 ** 2 * 0.1 + 0.5 * 0.9 * 0.1 ** 2];
    const best = 2 * (2 * three[0] * Math.log(three[0]) + 6 * three[1] * Math.log(three[1]));
    expect(await mean(circuit, tableOf(rows))).toBeGreaterThan(best - 0.1);
  });

  it('the tail of chi-square is what tables say', () => {
    expect(chiSquareTail(3.841458820694124, 1)).toBeCloseTo(0.05, 10);
    expect(chiSquareTail(15.50731305586545, 8)).toBeCloseTo(0.05, 10);
    expect(chiSquareTail(2, 2)).toBeCloseTo(Math.exp(-1), 12);
    expect(chiSquareTail(0, 3)).toBe(1);
  });

  it('refuses images of other sizes, real columns and depths of nothing', () => {
    expect(() => quadTree(twos(9), [2, 4], { latents: 2 })).toThrow('8 pixels, but there are 9 columns');
    expect(() => ratSpn([2, 0], { latents: 2 })).toThrow('variable 2 is real');
    expect(() => ratSpn(twos(4), { latents: 2, depth: 0 })).toThrow('depth');
    expect(() => hmm(0, 2, { latents: 2 })).toThrow('at least one step');
    expect(() => learnSpn(tableOf([]), [])).toThrow('no rows');
  });
});

describe('ways of learning', () => {
  it('gradients, momentum and softening all come near plain EM', async () => {
    const [train, test] = [patterns(600, 6, 1), patterns(600, 6, 2)];
    const start = hclt(train, twos(6), { latents: 4, seed: 1 });
    const reached = await mean((await em(start, train, { epochs: 30 })).circuit, test);
    const others = [
      await trainByGradient(start, train, { epochs: 60, batchRows: 50, lr: 0.1 }),
      await em(start, train, { epochs: 30, batchRows: 50, step: [0.4, 0.4], momentum: 0.9 }),
      await em(start, train, { epochs: 30, softness: 0.01 }),
    ];
    for (const { circuit } of others) {
      expect(await mean(circuit, test)).toBeGreaterThan(reached - 0.05);
    }
  });

  it('the flows of a class aim are the slopes of log p(x) - share log p(x without the class), by finite differences', async () => {
    const [share, table] = [0.7, patterns(12, 4, 5)];
    const start = hclt(table, twos(4), { latents: 2, seed: 3 });
    const values = table.values.map((x, i) => (i % 4 === 2 ? Number.NaN : x));
    const less = { share, table: { ...table, values } };
    const learner = new Learner(start, { plain: true });
    let flows: Float64Array = new Float64Array();
    const keep: Rule = (now, sums) => {
      flows = sums.edges;
      return now;
    };
    const all = { start: 0, count: 12 };
    const aim = await learner.apply(table, all, keep, undefined, less);
    const total = async (logWeight: Float64Array): Promise<number> => {
      const circuit = { ...start, logWeight };
      return 12 * ((await mean(circuit, table)) - share * (await mean(circuit, less.table)));
    };
    expect(aim).toBeCloseTo(await total(start.logWeight), 9);
    for (let e = 0; e < start.child.length; e++) {
      if (start.logWeight[e] === 0) continue;
      const moved = (by: number): Promise<number> => total(start.logWeight.map((w, i) => (i === e ? w + by : w)));
      expect(flows[e]).toBeCloseTo(((await moved(1e-5)) - (await moved(-1e-5))) / 2e-5, 6);
    }
  });

  it('learning for a class tells it apart better than learning all', async () => {
    const random = new Random(8);
    // The class is the first variable; the third and fourth have a stronger pattern of their own, which takes the one hidden state.
    const rows = (count: number): Table =>
      tableOf(
        Array.from({ length: count }, () => {
          const [y, z] = [random.integer(2), random.integer(2)];
          const noisy = (x: number, wrong: number): number => (random.uniform() < wrong ? 1 - x : x);
          return [y, noisy(y, 0.2), noisy(z, 0.02), noisy(z, 0.02)];
        }),
      );
    const [train, test] = [rows(400), rows(400)];
    const build = new CircuitBuilder(twos(4));
    const leaf = (v: number, p: number): number => build.input(bernoulli(v, p));
    const parts = [0.4, 0.6].map((p) => build.product([0, 1, 2, 3].map((v) => leaf(v, p + 0.01 * v))));
    const start = build.finish(build.sum(parts, [0.5, 0.5]));
    const right = async (share: number): Promise<number> => {
      const classes = { variable: 0, share };
      const { circuit } = await trainByGradient(start, train, { epochs: 30, batchRows: 50, classes });
      const { best } = await classPosterior(circuit, test, 0);
      return best.filter((k, row) => k === test.values[4 * row]).length / test.rows;
    };
    expect(await right(0)).toBeLessThan(0.65);
    expect(await right(1)).toBeGreaterThan(0.72);
    const classes = { variable: 4, share: 1 };
    await expect(trainByGradient(start, train, { classes })).rejects.toThrow('there is no variable 5');
    await expect(trainByGradient(start, train, { dropout: 1 })).rejects.toThrow('dropout must be');
  });

  it('softening makes the likelihood of softened data rise: tables and counts belong together', async () => {
    const train = patterns(200, 5, 3);
    const start = hclt(train, twos(5), { latents: 3, seed: 2 });
    const { epochs } = await em(start, train, { epochs: 10, pseudocount: 0, softness: 0.1, plain: true });
    epochs.forEach(({ train: now }, i) => {
      if (i > 0) expect(now).toBeGreaterThan(epochs[i - 1].train - 1e-9);
    });
    await expect(em(start, train, { softness: 1 })).rejects.toThrow('softness');
  });
});
