import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tableOf } from '../data/index.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { em } from './em.js';
import { flows, logLikelihood } from './evaluate.js';
import { Evaluator } from './evaluator.js';
import { grow } from './grow.js';
import { hclt } from './hclt.js';
import { categorical, indicator } from './inputs.js';
import { layCircuit } from './layers.js';
import { plantedTree } from './planted-tree.js';
import { checkProperties } from './properties.js';
import { dropBound, edgeDrop, pruneEdges, scoreEdges, withoutEdges } from './prune.js';
import { allStates, randomCircuit } from './random.testing.js';
import { sampleRows } from './sample.js';

const planted = plantedTree({ variables: 7, latents: 3, values: 2, transitions: 0.5, emissions: 0.5, seed: 1 });
const rows = await sampleRows(planted, 300, { seed: 1 });
const start = hclt(rows, planted.states, { latents: 6, seed: 2 });
const learned = (await em(start, rows, { epochs: 20 })).circuit;

async function mass(circuit: ProbabilisticCircuit): Promise<number> {
  return (await logLikelihood(circuit, allStates(circuit))).reduce((sum, log) => sum + Math.exp(log), 0);
}

/** Edges of sums that have others beside them. */
function prunable({ kind, first }: ProbabilisticCircuit): { unit: number; edge: number }[] {
  return Array.from(kind, (k, unit) => ({ k, unit })).flatMap(({ k, unit }) =>
    k === sumKind && first[unit + 1] - first[unit] > 1
      ? Array.from({ length: first[unit + 1] - first[unit] }, (_, i) => ({ unit, edge: first[unit] + i }))
      : [],
  );
}

describe('pruning', () => {
  it('of one edge lowers log p as the closed form says, by rebuilding', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const random = new Random(seed);
        const circuit = seed % 2 === 0 ? learned : randomCircuit({ states: [2, 3, 2, 2], normalised: true }, random);
        const edges = prunable(circuit);
        if (edges.length === 0) return;
        const { unit, edge } = random.pick(edges);
        if (circuit.logWeight[edge] > Math.log(1 - 1e-9)) return;
        const gone = new Uint8Array(circuit.child.length);
        gone[edge] = 1;
        const table = seed % 2 === 0 ? { ...rows, rows: 20, values: rows.values.subarray(0, 140) } : allStates(circuit);
        const [before, after] = [
          await logLikelihood(circuit, table),
          await logLikelihood(withoutEdges(circuit, gone), table),
        ];
        const evaluator = new Evaluator(circuit, { batch: 1 });
        const weight = Math.exp(circuit.logWeight[edge]);
        for (let row = 0; row < table.rows; row++) {
          if (before[row] === Number.NEGATIVE_INFINITY) continue;
          const sums = evaluator.emptySums();
          evaluator.forward(table, row, 1);
          const flow = evaluator.backward(sums)[unit];
          const drop = edgeDrop(weight, flow, sums.edges[edge]);
          if (after[row] === Number.NEGATIVE_INFINITY) {
            expect(sums.edges[edge]).toBeCloseTo(1, 12);
            continue;
          }
          expect(Math.abs(before[row] - after[row] - drop)).toBeLessThan(1e-9 * (1 + 1 / (1 - sums.edges[edge])));
          expect(drop).toBeLessThanOrEqual(-Math.log1p(-sums.edges[edge]) + 1e-9);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('of many edges lowers it by no more than the bound, row by row', async () => {
    for (const fraction of [0.1, 0.4]) {
      const { circuit, removed } = pruneEdges(learned, await scoreEdges(learned, 'flow', { table: rows }), {
        fraction,
      });
      const bound = dropBound(learned, rows, removed);
      const [before, after] = [await logLikelihood(learned, rows), await logLikelihood(circuit, rows)];
      expect(bound.holds).toBeGreaterThan(0);
      bound.rows.forEach((most, row) => {
        expect(before[row] - after[row]).toBeLessThanOrEqual(most + 1e-9);
      });
    }
  });

  it('takes exactly the share asked for, the lowest first, leaves every sum its best edge, and mass one', async () => {
    const scores = await scoreEdges(learned, 'flow', { table: rows });
    const { circuit, removed, candidates } = pruneEdges(learned, scores, { fraction: 0.6 });
    expect(candidates).toBe(prunable(learned).length);
    expect(removed.length).toBe(Math.floor(0.6 * candidates));
    const highest = Math.max(...Array.from(removed, (e) => scores[e]));
    const gone = new Set(removed);
    for (let unit = 0; unit < unitCount(learned); unit++) {
      if (learned.kind[unit] !== sumKind) continue;
      const edges = Array.from(scores.subarray(learned.first[unit], learned.first[unit + 1]), (score, k) => ({
        score,
        gone: gone.has(learned.first[unit] + k),
      }));
      const best = Math.max(...edges.map(({ score }) => score));
      expect(edges.some((edge) => edge.score === best && !edge.gone)).toBe(true);
      for (const edge of edges) if (!edge.gone && edge.score < best) expect(edge.score).toBeGreaterThanOrEqual(highest);
    }
    expect(await mass(circuit)).toBeCloseTo(1, 9);
    expect(checkProperties(circuit)).toMatchObject({ smooth: true, decomposable: true });
    // Each sum keeps one edge at least; a sum of one is its child.
    const all = pruneEdges(learned, scores, { fraction: 1 });
    expect(all.circuit.kind.some((kind) => kind === sumKind)).toBe(false);
    expect(await mass(all.circuit)).toBeCloseTo(1, 9);
  });

  it('in blocks removes whole tiles, and what is left still runs in fours', async () => {
    const wide = hclt(rows, planted.states, { latents: 16, seed: 2 });
    const scores = await scoreEdges(wide, 'flow', { table: rows });
    const { circuit, removed } = pruneEdges(wide, scores, { fraction: 0.5, block: 4 });
    expect(removed.length).toBeGreaterThan(0.45 * prunable(wide).length);
    expect(await mass(circuit)).toBeCloseTo(1, 9);
    const layers = layCircuit(circuit)!;
    const single = layCircuit(pruneEdges(wide, scores, { fraction: 0.5 }).circuit)!;
    expect(layers.filled).toBeGreaterThan(0.85);
    expect(single.filled).toBeLessThan(layers.filled);
  });

  it('by flow loses less than by weight or at random, before any training', async () => {
    const lost = async (score: 'flow' | 'weight' | 'random'): Promise<number> => {
      const scores = await scoreEdges(learned, score, { table: rows, seed: 3 });
      const { edges, logs } = await flows(pruneEdges(learned, scores, { fraction: 0.7 }).circuit, rows);
      expect(edges.length).toBeGreaterThan(0);
      return -logs.reduce((a, b) => a + b, 0);
    };
    const [flow, weight, random] = [await lost('flow'), await lost('weight'), await lost('random')];
    expect(flow).toBeLessThan(weight);
    expect(flow).toBeLessThan(random);
  });

  it('leaves sums alone whose children tell rows apart', async () => {
    const build = new CircuitBuilder([2, 2]);
    const parts = [0, 1].map((x) =>
      build.product([build.input(indicator(0, x)), build.input(categorical(1, [0.4, 0.6]))]),
    );
    const circuit = build.finish(build.sum(parts, [0.01, 0.99]));
    const { removed, candidates } = pruneEdges(circuit, await scoreEdges(circuit, 'weight'), { fraction: 1 });
    expect([removed.length, candidates]).toEqual([0, 0]);
  });

  it('refuses shares, scores and circuits that make no sense', async () => {
    expect(() => pruneEdges(learned, new Float64Array(3), { fraction: 0.5 })).toThrow('3 scores');
    expect(() => pruneEdges(learned, new Float64Array(learned.child.length), { fraction: 2 })).toThrow('from 0 to 1');
    await expect(scoreEdges(learned, 'flow')).rejects.toThrow('rows of data');
    await expect(scoreEdges(learned, 'flow', { table: tableOf([[0, 1]]) })).rejects.toThrow('2 columns');
  });
});

describe('growing', () => {
  it('without noise changes nothing, and doubles every latent space', async () => {
    const circuit = grow(learned, { deviation: 0 });
    const [before, after] = [await logLikelihood(learned, rows), await logLikelihood(circuit, rows)];
    after.forEach((log, row) => {
      expect(log).toBeCloseTo(before[row], 10);
    });
    const edges = (of: ProbabilisticCircuit): number => prunable(of).length;
    // Four times the edges, but for the root's own, which are doubled.
    const root = learned.first.at(-1)! - learned.first.at(-2)!;
    expect(edges(circuit)).toBe(4 * (edges(learned) - root) + 2 * root);
  });

  it('with noise keeps mass one, tells copies apart, and learns on', async () => {
    const circuit = grow(learned, { seed: 5 });
    expect(await mass(circuit)).toBeCloseTo(1, 9);
    const mean = (logs: Float64Array): number => logs.reduce((a, b) => a + b, 0) / logs.length;
    const further = await em(circuit, rows, { epochs: 10, pseudocount: 0 });
    expect(further.epochs.at(-1)!.train).toBeGreaterThan(mean(await logLikelihood(learned, rows)));
    expect(() => grow(learned, { deviation: -1 })).toThrow('negative');
  });
});
