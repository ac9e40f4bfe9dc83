import type { Circuit } from 'filigree';

/** What a circuit is made of, that is ranked, kept and switched: its edges, its nodes, or single features of what its nodes write. */
export interface Units {
  readonly level: 'edge' | 'node' | 'neuron';
  /** Per unit its score, NaN where it has none. */
  readonly scores: Float64Array;
  /** Per unit 1 where the file keeps it. */
  readonly inFile: Uint8Array;
  /** Units from the strongest to the weakest, and per unit its place in that order. */
  readonly ranked: Int32Array;
  readonly rankOf: Int32Array;
  /** Where the units of each node begin, and after the last where all end; all 0 where edges are the units. */
  readonly first: Int32Array;
}

/** The units of a circuit: nodes or neurons where the file says which of these it keeps, else edges. Logits are always kept. */
export function unitsOf({ level, nodes, edges }: Circuit): Units {
  const { kept, neurons, neuronScores } = nodes;
  const first = new Int32Array(nodes.id.length + 1);
  const unit = (n: number): boolean => nodes.kind[n] !== 'logits';
  if (level === 'neuron' && kept && neurons) {
    nodes.id.forEach((_, n) => {
      first[n + 1] = first[n] + (unit(n) ? (neurons[n]?.length ?? 0) : 0);
    });
    const own = nodes.id.flatMap((_, n) => (unit(n) ? (neurons[n] ?? []) : []));
    const scores = nodes.id.flatMap((_, n) =>
      unit(n) ? (neurons[n] ?? []).map((_, f) => neuronScores?.[n]?.[f] ?? null) : [],
    );
    return { level, first, ...ranking(scores, own) };
  }
  if (level === 'node' && kept) {
    nodes.id.forEach((_, n) => {
      first[n + 1] = first[n] + Number(unit(n));
    });
    const chosen = [...nodes.id.keys()].filter(unit);
    return {
      level,
      first,
      ...ranking(
        chosen.map((n) => nodes.score[n]),
        chosen.map((n) => kept[n]),
      ),
    };
  }
  return { level: 'edge', first, ...ranking(edges.score, edges.kept) };
}

/** Ranks by the size of the score, what has none last. */
function ranking(
  given: readonly (number | null)[],
  kept: readonly boolean[],
): Pick<Units, 'scores' | 'inFile' | 'ranked' | 'rankOf'> {
  const scores = Float64Array.from(given, (score) => score ?? Number.NaN);
  const size = Float64Array.from(scores, (score) => (Number.isNaN(score) ? -1 : Math.abs(score)));
  const ranked = Int32Array.from(scores.keys()).sort((a, b) => size[b] - size[a] || a - b);
  const rankOf = new Int32Array(ranked.length);
  ranked.forEach((unit, i) => {
    rankOf[unit] = i;
  });
  return { scores, inFile: Uint8Array.from(kept, Number), ranked, rankOf };
}

/** Whether the kept units are just the first of the ranking; then the slider begins at their number, else null. */
export function topSize({ ranked, inFile }: Units): number | null {
  const kept = countOnes(inFile);
  for (let i = 0; i < kept; i++) if (!inFile[ranked[i]]) return null;
  return kept;
}

export function countOnes(list: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < list.length; i++) count += list[i];
  return count;
}

/** The units of one node; none of those that have none of their own. */
export const unitsOfNode = ({ first }: Units, node: number): number[] =>
  Array.from({ length: first[node + 1] - first[node] }, (_, i) => first[node] + i);

/** Per node 1 where it belongs to the circuit: where one of its units is kept. */
export function keptNodes({ nodes }: Circuit, { first }: Units, kept: Uint8Array): Uint8Array {
  return Uint8Array.from(nodes.id, (_, n) => {
    if (first[n] === first[n + 1]) return Number(nodes.kind[n] === 'logits' || (nodes.kept?.[n] ?? false));
    return Number(kept.subarray(first[n], first[n + 1]).includes(1));
  });
}

/** Per edge 1 where it is in the circuit: itself, or where both of its ends are. */
export function edgesOfUnits(circuit: Circuit, units: Units, kept: Uint8Array): Uint8Array {
  if (units.level === 'edge') return kept;
  const nodes = keptNodes(circuit, units, kept);
  const { source, target } = circuit.edges;
  return Uint8Array.from(source, (from, e) => nodes[from] & nodes[target[e]]);
}

/** What a node's units score together: the score of cutting it whole, at first order. */
export function scoreOfNode({ first, scores }: Units, node: number): number | null {
  if (first[node] === first[node + 1]) return null;
  let sum = 0;
  for (let unit = first[node]; unit < first[node + 1]; unit++) sum += scores[unit] || 0;
  return sum;
}

/** The node that a unit belongs to. */
export function nodeOfUnit({ first }: Units, unit: number): number {
  let [low, high] = [0, first.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (first[middle] <= unit) low = middle;
    else high = middle;
  }
  return low;
}

/** How many of what, in words: "1 edge", "12 nodes". */
export const unitWord = ({ level }: Pick<Units, 'level'>, n = 2): string => (n === 1 ? level : `${level}s`);
