import type { Circuit } from 'filigree';
import { strongestFirst } from './circuit-svg.js';

/** One node or neuron in a ranking. */
export interface Unit {
  /** Index of the node, and which feature of what it writes, at the level of neurons. */
  readonly node: number;
  readonly neuron?: number;
  readonly score: number | null;
  readonly kept: boolean;
}

/** What a circuit is made of, and in which order that comes. */
export interface Units {
  readonly name: 'edge' | 'node' | 'neuron';
  /** How many there are, and how many the circuit keeps. */
  readonly total: number;
  readonly kept: number;
  /** Nodes or neurons in rank order; empty for a circuit of edges. */
  readonly ranked: readonly Unit[];
  /** Edges in the order in which they join, and from which size on each is there. */
  readonly edges: readonly number[];
  joins(edge: number): number;
}

/** A circuit of nodes or neurons where it says which ones it keeps, else one of edges. */
export function unitsOf(circuit: Circuit, ranking: 'abs' | 'signed'): Units {
  const { edges, level } = circuit;
  const ranked = level === 'node' || level === 'neuron' ? rankedUnits(circuit, ranking) : [];
  if (!ranked.length) {
    const order = ranking === 'signed' ? mostHelpfulFirst(circuit) : strongestFirst(circuit);
    const rank = new Map(order.map((e, i) => [e, i + 1]));
    const kept = edges.kept.filter(Boolean).length;
    return { name: 'edge', total: order.length, kept, ranked, edges: order, joins: (e) => rank.get(e)! };
  }
  // A node is there with its first neuron, an edge with the later of its ends; what has no score is always there, as logits are.
  const first = new Map<number, number>();
  ranked.forEach(({ node }, i) => {
    if (!first.has(node)) first.set(node, i + 1);
  });
  const joins = (e: number) => Math.max(first.get(edges.source[e]) ?? 0, first.get(edges.target[e]) ?? 0);
  return {
    name: level as 'node' | 'neuron',
    total: ranked.length,
    kept: ranked.filter(({ kept }) => kept).length,
    ranked,
    edges: edges.source.map((_, e) => e).sort((a, b) => joins(a) - joins(b) || a - b),
    joins,
  };
}

function rankedUnits({ level, nodes }: Circuit, ranking: 'abs' | 'signed'): Unit[] {
  const units = nodes.id.flatMap((_, node): Unit[] => {
    if (nodes.kind[node] === 'logits') return [];
    if (level === 'node') return nodes.kept ? [{ node, score: nodes.score[node], kept: nodes.kept[node] }] : [];
    const scores = nodes.neuronScores?.[node];
    return (nodes.neurons?.[node] ?? []).map((kept, neuron) => ({
      node,
      neuron,
      kept,
      score: scores?.[neuron] ?? null,
    }));
  });
  const worth = ({ score }: Unit) =>
    score === null ? Number.NEGATIVE_INFINITY : ranking === 'abs' ? Math.abs(score) : -score;
  // Stable, so that equal ones stay in order; the difference of two infinities is no number.
  return units.sort((a, b) => (worth(a) === worth(b) ? 0 : worth(b) - worth(a)));
}

function mostHelpfulFirst({ edges }: Circuit): number[] {
  const value = (e: number) => edges.score[e] ?? Number.POSITIVE_INFINITY;
  return edges.source.map((_, e) => e).sort((a, b) => (value(a) === value(b) ? a - b : value(a) - value(b)));
}
