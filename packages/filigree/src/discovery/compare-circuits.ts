import type { Circuit } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { rocAuc } from './compare.js';
import { edgeName, type NamedEdge, namedEdges, parseNode } from './edge-names.js';
import type { Ranking } from './select.js';

/** How far two sets agree. Shares of nothing are null. */
export interface Overlap {
  /** Members of the first set, of the second, of both. */
  readonly first: number;
  readonly second: number;
  readonly both: number;
  /** Intersection over union. */
  readonly iou: number | null;
  /** Share of the first that is in the second. */
  readonly precision: number | null;
  /** Share of the second that is in the first. */
  readonly recall: number | null;
}

export interface EdgeOverlap extends Overlap {
  /**
   * Area under the ROC curve of the first circuit's scores as a guess at the second's edges; null where the first does not score
   * all of these, or scores nothing else.
   */
  readonly rocAuc: number | null;
}

export interface CircuitComparison {
  readonly ranking: Ranking;
  readonly edges: EdgeOverlap;
  /** Nodes that kept edges touch; the ROC-AUC is of the first's scores of nodes, as a guess at the second's. */
  readonly nodes: EdgeOverlap;
  /** Edges by the layer of what they lead to. */
  readonly layers: readonly (EdgeOverlap & { readonly layer: string })[];
  /** Edges by what they come from and lead to, such as `head->q` or `input->mlp`. */
  readonly kinds: readonly (EdgeOverlap & { readonly kind: string })[];
}

/**
 * Compares the kept edges of two circuits of one model by name: overlap, precision and recall of the first with the second as the
 * truth, and the ROC-AUC of the first's scores, over all edges, per layer and per kind.
 * @param ranking whether edges are guessed by |score| or by how much they help (minus the score)
 * @throws InputError when the circuits are of different kinds, or of models of different shapes
 */
export function compareCircuits(first: Circuit, second: Circuit, ranking: Ranking = 'abs'): CircuitComparison {
  if (first.kind !== second.kind) {
    throw new InputError(`a circuit of kind '${first.kind}' cannot be compared with one of kind '${second.kind}'`);
  }
  const [a, b] = [first.provenance.shape, second.provenance.shape];
  if (a && b && (a.layers !== b.layers || a.heads !== b.heads || a.parallel !== b.parallel)) {
    const text = (of: typeof a): string => `${of.layers} layers of ${of.heads} heads${of.parallel ? ', parallel' : ''}`;
    throw new InputError(`the circuits are of different models: ${text(a)}, and ${text(b)}`);
  }
  const [mine, theirs] = [namedEdges(first), namedEdges(second)];
  const kinds = new Map([first, second].flatMap(({ nodes }) => nodes.id.map((id, i) => [id, nodes.kind[i]])));
  const depths = new Map([first, second].flatMap(({ nodes }) => nodes.id.map((id, i) => [id, nodes.layer[i]])));
  const layerOf = ({ target }: NamedEdge): string => {
    const node = first.kind === 'transformer' ? parseNode(target) : undefined;
    if (!node) return String(depths.get(target));
    return node.kind === 'logits' ? 'logits' : String(node.layer);
  };
  const kindOf = (e: NamedEdge): string => `${kinds.get(e.source)}->${e.port === '' ? kinds.get(e.target) : e.port}`;
  const touched = (edges: readonly NamedEdge[]): Set<string> =>
    new Set(edges.filter((e) => e.kept).flatMap((e) => [e.source, e.target]));
  return {
    ranking,
    edges: compareEdges(mine, theirs, ranking),
    nodes: { ...overlap(touched(mine), touched(theirs)), rocAuc: nodeAuc(first, touched(theirs), ranking) },
    layers: grouped(mine, theirs, layerOf, ranking, (layer, of) => ({ layer, ...of })).sort(
      (x, y) => layerOrder(x.layer) - layerOrder(y.layer),
    ),
    kinds: grouped(mine, theirs, kindOf, ranking, (kind, of) => ({ kind, ...of })),
  };
}

const layerOrder = (layer: string): number => (layer === 'logits' ? Number.MAX_VALUE : Number(layer));

/** The comparison of each group of edges in which one of the circuits keeps any. */
function grouped<T>(
  mine: readonly NamedEdge[],
  theirs: readonly NamedEdge[],
  key: (edge: NamedEdge) => string,
  ranking: Ranking,
  name: (key: string, of: EdgeOverlap) => T,
): T[] {
  const groups = new Map<string, [NamedEdge[], NamedEdge[]]>();
  [mine, theirs].forEach((edges, side) => {
    for (const edge of edges) {
      const group = groups.get(key(edge)) ?? [[], []];
      groups.set(key(edge), group);
      group[side].push(edge);
    }
  });
  const kept = [...groups].filter(([, sides]) => sides.some((edges) => edges.some((edge) => edge.kept)));
  return kept.map(([label, [a, b]]) => name(label, compareEdges(a, b, ranking)));
}

function compareEdges(mine: readonly NamedEdge[], theirs: readonly NamedEdge[], ranking: Ranking): EdgeOverlap {
  const kept = (edges: readonly NamedEdge[]): Set<string> => new Set(edges.filter((e) => e.kept).map(edgeName));
  const truth = kept(theirs);
  const scores = new Map(mine.map((edge) => [edgeName(edge), edge.score]));
  return { ...overlap(kept(mine), truth), rocAuc: guess(scores, truth, ranking) };
}

/** How well the scores of a circuit of nodes, or the sums of one of neurons, guess nodes; of the logits nothing is to be guessed. */
function nodeAuc({ nodes, level }: Circuit, truth: ReadonlySet<string>, ranking: Ranking): number | null {
  const own = nodes.id.flatMap((id, i): [string, number | null][] => {
    if (nodes.kind[i] === 'logits') return [];
    if (level !== 'neuron') return [[id, nodes.score[i]]];
    return [[id, nodes.neuronScores?.[i]?.reduce<number>((sum, score) => sum + (score ?? 0), 0) ?? null]];
  });
  return guess(new Map(own), new Set([...truth].filter((id) => id !== 'logits')), ranking);
}

/** ROC-AUC of scores as a guess at what is true; null where they do not score all of it, or nothing else. */
function guess(
  scores: ReadonlyMap<string, number | null>,
  truth: ReadonlySet<string>,
  ranking: Ranking,
): number | null {
  const scored = [...scores].flatMap(([name, score]): [string, number][] => (score === null ? [] : [[name, score]]));
  const worth = scored.map(([, score]) => (ranking === 'abs' ? Math.abs(score) : -score));
  const isTrue = scored.map(([name]) => truth.has(name));
  const hits = isTrue.filter(Boolean).length;
  return hits === truth.size && hits > 0 && hits < scored.length ? rocAuc(worth, isTrue) : null;
}

function overlap(first: ReadonlySet<string>, second: ReadonlySet<string>): Overlap {
  const both = [...first].filter((item) => second.has(item)).length;
  const share = (of: number): number | null => (of === 0 ? null : both / of);
  return {
    first: first.size,
    second: second.size,
    both,
    iou: share(first.size + second.size - both),
    precision: share(first.size),
    recall: share(second.size),
  };
}
