import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import { EdgeGraph } from './graph.js';
import { type GreedyDirection, selectGreedy } from './greedy.js';
import { countEdges, prune, type Ranking } from './select.js';

/** A graph with scores from few values, so that ties are common. */
const scored = fc
  .record({
    layers: fc.integer({ min: 1, max: 3 }),
    heads: fc.integer({ min: 1, max: 3 }),
    mlpWidth: fc.constantFrom(0, 8),
    seed: fc.integer(),
  })
  .map(({ seed, ...config }) => {
    const graph = new EdgeGraph(config);
    const random = new Random(seed);
    return { graph, scores: Float64Array.from({ length: graph.tableSize }, () => random.integer(9) - 4) };
  });

/** Straight from the definition: at every step, all edges are looked at for the best one that touches what is there. */
function naive(
  graph: EdgeGraph,
  scores: Float64Array,
  n: number,
  ranking: Ranking,
  direction: GreedyDirection,
): number[] {
  const taken: number[] = [];
  const component = (destination: number): string => {
    const name = graph.destinations[destination].name;
    return name.replace(/<.>$/, '');
  };
  while (taken.length < n) {
    const reached = new Set(direction === 'greedy' ? ['logits'] : ['input']);
    for (const place of taken) {
      const { source, destination } = graph.ends(place);
      reached.add(direction === 'greedy' ? graph.sources[source].name : component(destination));
    }
    let best = -1;
    for (const place of graph.places()) {
      const { source, destination } = graph.ends(place);
      const end = direction === 'greedy' ? component(destination) : graph.sources[source].name;
      if (taken.includes(place) || !reached.has(end)) continue;
      const worth = (p: number): number => (ranking === 'abs' ? Math.abs(scores[p]) : -scores[p]);
      if (best < 0 || worth(place) > worth(best)) best = place;
    }
    if (best < 0) break;
    taken.push(best);
  }
  return taken.sort((a, b) => a - b);
}

describe.each(['greedy', 'greedy-reverse'] as const)('selectGreedy, %s', (direction) => {
  it('takes at every step the best of the edges that touch what is there', () => {
    const ranking = fc.constantFrom<Ranking>('abs', 'signed');
    fc.assert(
      fc.property(scored, fc.integer({ min: 0, max: 60 }), ranking, ({ graph, scores }, n, ranking) => {
        const kept = selectGreedy(graph, scores, n, { ranking, direction });
        const places = [...kept.keys()].filter((place) => kept[place]);
        expect(places).toEqual(naive(graph, scores, n, ranking, direction));
      }),
      { numRuns: 60 },
    );
  });

  it('takes every edge when asked for all', () => {
    const graph = new EdgeGraph({ layers: 3, heads: 2, mlpWidth: 8 });
    const scores = new Random(1).normals(graph.tableSize);
    expect(countEdges(selectGreedy(graph, scores, 10 ** 6, { direction }))).toBe(graph.edges);
  });
});

it('grows along the strong way, where the top edges alone would lead nowhere', () => {
  const graph = new EdgeGraph({ layers: 2, heads: 1, mlpWidth: 0 });
  const scores = new Float64Array(graph.tableSize);
  const names = new Map([...graph.places()].map((p) => [graph.edgeName(p), p]));
  for (const [name, score] of [
    ['a0.h0->a1.h0<q>', -5],
    ['input->a0.h0<v>', -3],
    ['a1.h0->logits', -1],
  ] as const) {
    scores[names.get(name)!] = score;
  }
  for (const direction of ['greedy', 'greedy-reverse'] as const) {
    const kept = selectGreedy(graph, scores, 3, { direction });
    expect(
      [...names]
        .filter(([, p]) => kept[p])
        .map(([name]) => name)
        .sort(),
    ).toEqual(['a0.h0->a1.h0<q>', 'a1.h0->logits', 'input->a0.h0<v>']);
    expect(prune(graph, kept)).toEqual(kept);
  }
});
