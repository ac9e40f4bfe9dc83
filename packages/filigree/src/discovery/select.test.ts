import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/index.js';
import { Random, setDefaultDevice } from '../tensor/index.js';
import { loadFolder, projectPath, readFixturePairs } from '../testing/fixtures.js';
import { measureCircuits } from './evaluate.js';
import { EdgeGraph } from './graph.js';
import { complement, countEdges, type EdgeSet, prune, rank, selectThreshold, selectTop } from './select.js';

const graphs = fc
  .record({
    layers: fc.integer({ min: 1, max: 4 }),
    heads: fc.integer({ min: 1, max: 3 }),
    mlpWidth: fc.constantFrom(0, 8),
  })
  .map((config) => new EdgeGraph(config));

/** A graph with scores from few values, so that ties are common. */
const scored = fc.tuple(graphs, fc.integer()).map(([graph, seed]) => {
  const random = new Random(seed);
  return { graph, scores: Float64Array.from({ length: graph.tableSize }, () => random.integer(7) - 3) };
});

/** A random set of edges; sparse ones leave many ends loose. */
function randomEdges(graph: EdgeGraph, share: number, seed: number): EdgeSet {
  const random = new Random(seed);
  const edges = new Uint8Array(graph.tableSize);
  for (const place of graph.places()) edges[place] = random.uniform() < share ? 1 : 0;
  return edges;
}

/** The edges on some way from the input to the logits, by following every way from both ends. */
function onSomeWay(graph: EdgeGraph, edges: EdgeSet): EdgeSet {
  const steps = [...graph.places()]
    .filter((place) => edges[place])
    .map((place) => {
      const { source, destination } = graph.ends(place);
      return { place, from: source, to: graph.writerOf(graph.destinations[destination]) };
    });
  const reach = (start: number, from: 'from' | 'to', to: 'from' | 'to'): Set<number> => {
    const seen = new Set([start]);
    const visit = (node: number): void => {
      for (const step of steps) {
        if (step[from] !== node || seen.has(step[to])) continue;
        seen.add(step[to]);
        visit(step[to]);
      }
    };
    visit(start);
    return seen;
  };
  const fromInput = reach(0, 'from', 'to');
  const toLogits = reach(-1, 'to', 'from');
  const kept = new Uint8Array(graph.tableSize);
  for (const { place, from, to } of steps) kept[place] = fromInput.has(from) && toLogits.has(to) ? 1 : 0;
  return kept;
}

describe('prune', () => {
  it('keeps the edges on some way from the input to the logits, and no others', () => {
    fc.assert(
      fc.property(graphs, fc.constantFrom(0.05, 0.15, 0.4, 0.8), fc.integer(), (graph, share, seed) => {
        const edges = randomEdges(graph, share, seed);
        const before = Uint8Array.from(edges);
        const pruned = prune(graph, edges);
        expect(pruned).toEqual(onSomeWay(graph, edges));
        expect(prune(graph, pruned)).toEqual(pruned);
        expect(edges).toEqual(before);
      }),
      { numRuns: 300 },
    );
  });

  it('never changes what the model computes', async () => {
    const before = setDefaultDevice(createReferenceDevice('f64'));
    try {
      const model = await loadFolder(projectPath('fixtures/tiny-llama'));
      const pairs = readFixturePairs(projectPath('fixtures/expected/tiny-llama-pairs.jsonl')).slice(0, 2);
      const graph = new EdgeGraph(model.config);
      const sets = [0.1, 0.2, 0.3, 0.5].map((share, i) => randomEdges(graph, share, i));
      const pruned = sets.map((s) => prune(graph, s));
      expect(pruned.some((p, i) => countEdges(p) > 0 && countEdges(p) < countEdges(sets[i]))).toBe(true);
      const { circuits } = await measureCircuits(model, graph, pairs, [...sets, ...pruned]);
      for (let i = 0; i < sets.length; i++) {
        circuits[i].forEach((value, p) => {
          expect(circuits[sets.length + i][p]).toBeCloseTo(value, 10);
        });
      }
      model.dispose();
    } finally {
      setDefaultDevice(before);
    }
  });
});

describe('selection', () => {
  const worth = (scores: Float64Array, place: number, ranking: 'abs' | 'signed'): number =>
    ranking === 'abs' ? Math.abs(scores[place]) : -scores[place];

  it.each(['abs', 'signed'] as const)('ranks every edge once, %s, equal ones by place', (ranking) => {
    fc.assert(
      fc.property(scored, ({ graph, scores }) => {
        const order = rank(graph, scores, ranking);
        expect([...order].sort((a, b) => a - b)).toEqual([...graph.places()]);
        for (let i = 1; i < order.length; i++) {
          const [a, b] = [worth(scores, order[i - 1], ranking), worth(scores, order[i], ranking)];
          expect(a > b || (a === b && order[i - 1] < order[i])).toBe(true);
        }
      }),
    );
  });

  it.each(['abs', 'signed'] as const)('takes the top n, %s', (ranking) => {
    fc.assert(
      fc.property(scored, fc.nat(80), ({ graph, scores }, n) => {
        const kept = selectTop(graph, scores, n, ranking);
        expect(countEdges(kept)).toBe(Math.min(n, graph.edges));
        const order = rank(graph, scores, ranking);
        order.forEach((place, i) => {
          expect(kept[place]).toBe(i < n ? 1 : 0);
        });
      }),
    );
  });

  it.each(['abs', 'signed'] as const)('takes what reaches the threshold, %s', (ranking) => {
    fc.assert(
      fc.property(scored, fc.integer({ min: -1, max: 4 }), ({ graph, scores }, tau) => {
        const kept = selectThreshold(graph, scores, tau, ranking);
        const possible = new Set(graph.places());
        kept.forEach((value, place) => {
          expect(value).toBe(possible.has(place) && worth(scores, place, ranking) >= tau ? 1 : 0);
        });
      }),
    );
  });

  it('completes a set to all possible edges', () => {
    fc.assert(
      fc.property(graphs, fc.integer(), (graph, seed) => {
        const edges = randomEdges(graph, 0.3, seed);
        const rest = complement(graph, edges);
        expect(countEdges(edges) + countEdges(rest)).toBe(graph.edges);
        expect(complement(graph, rest)).toEqual(edges);
      }),
    );
  });
});
