import type { EdgeGraph } from './graph.js';

/** Which edges belong to a circuit: 1 per kept place of the graph's table. */
export type EdgeSet = Uint8Array;

/** What edges are ranked by: the size of the score, or how much the edge helps (minus the score). */
export type Ranking = 'abs' | 'signed';

/** How important a unit is in a ranking, from all scores. */
export function worthOf(scores: ArrayLike<number>, ranking: Ranking): (unit: number) => number {
  return ranking === 'abs' ? (unit) => Math.abs(scores[unit]) : (unit) => -scores[unit];
}

/** Possible edges from the most to the least important; equal ones by place. */
export function rank(graph: EdgeGraph, scores: ArrayLike<number>, ranking: Ranking): number[] {
  return sorted([...graph.places()], scores, ranking);
}

/** All indices of scores from the most to the least important; equal ones by index. */
export function rankUnits(scores: ArrayLike<number>, ranking: Ranking): number[] {
  return sorted(
    Array.from(scores, (_, i) => i),
    scores,
    ranking,
  );
}

function sorted(units: number[], scores: ArrayLike<number>, ranking: Ranking): number[] {
  const worth = worthOf(scores, ranking);
  return units.sort((a, b) => worth(b) - worth(a) || a - b);
}

/** The `n` most important edges. */
export function selectTop(graph: EdgeGraph, scores: ArrayLike<number>, n: number, ranking: Ranking = 'abs'): EdgeSet {
  const kept = new Uint8Array(graph.tableSize);
  for (const place of rank(graph, scores, ranking).slice(0, n)) kept[place] = 1;
  return kept;
}

/** Edges whose score is at least `tau` in size (`abs`), or at most `-tau` (`signed`). */
export function selectThreshold(
  graph: EdgeGraph,
  scores: ArrayLike<number>,
  tau: number,
  ranking: Ranking = 'abs',
): EdgeSet {
  const kept = new Uint8Array(graph.tableSize);
  const worth = worthOf(scores, ranking);
  for (const place of graph.places()) if (worth(place) >= tau) kept[place] = 1;
  return kept;
}

/**
 * Drops, until nothing changes, what cannot matter: edges out of a head or MLP that no kept edge feeds (a head needs one of q,
 * k, v), and edges into one that no kept edge leaves. Such edges carry the counterfactual whether kept or not, or lead nowhere;
 * but in models with post-norms, whose heads of a layer share the norm's scale, each counts a little in what the others write.
 */
export function prune(graph: EdgeGraph, edges: EdgeSet): EdgeSet {
  const kept = Uint8Array.from(edges);
  const writers = graph.destinations.map((d) => graph.writerOf(d));
  for (;;) {
    const fed = new Uint8Array(graph.sources.length);
    const used = new Uint8Array(graph.sources.length);
    fed[0] = 1;
    for (let place = 0; place < kept.length; place++) {
      if (!kept[place]) continue;
      const { source, destination } = graph.ends(place);
      used[source] = 1;
      if (writers[destination] >= 0) fed[writers[destination]] = 1;
    }
    let changed = false;
    for (let place = 0; place < kept.length; place++) {
      if (!kept[place]) continue;
      const { source, destination } = graph.ends(place);
      const writer = writers[destination];
      if (fed[source] && (writer < 0 || used[writer])) continue;
      kept[place] = 0;
      changed = true;
    }
    if (!changed) return kept;
  }
}

/** Number of kept edges. */
export function countEdges(edges: EdgeSet): number {
  let n = 0;
  for (const kept of edges) n += kept;
  return n;
}

/** All possible edges but those kept. */
export function complement(graph: EdgeGraph, edges: EdgeSet): EdgeSet {
  const rest = new Uint8Array(graph.tableSize);
  for (const place of graph.places()) rest[place] = edges[place] ? 0 : 1;
  return rest;
}
