import {
  type Ablation,
  countEdges,
  type EdgeScores,
  type EdgeSet,
  type FoundCircuit,
  InputError,
  type MetricName,
  measureCircuits,
  type Pair,
  type Progress,
  prune,
  type Ranking,
  selectGreedy,
  selectThreshold,
  selectTop,
  type Transformer,
} from 'filigree';

export const selections = ['top', 'greedy', 'greedy-reverse', 'threshold'] as const;
export type Select = (typeof selections)[number];

export interface ChooseOptions extends Progress {
  select?: Select;
  size?: number;
  tau?: number;
  ranking: Ranking;
  prune: boolean;
  ablation: Ablation;
  metric: MetricName;
  memory: number;
}

/** A circuit's edges and how they were chosen. */
export interface Choice {
  readonly edges: EdgeSet;
  /** The edges before pruning, and their number. */
  readonly chosen: EdgeSet;
  readonly size: number;
  /** What chose them, for the file's provenance. */
  readonly settings: Record<string, unknown>;
  /** The same in words. */
  readonly how: string;
}

/** What a circuit must reach for its size to be taken where the user gives none. */
const enough = 0.85;

/** Sizes to try: 5, 7, 10, 15, 20, 30, 50 and so on, up to all edges. */
function candidates(edges: number): number[] {
  const sizes: number[] = [];
  for (let ten = 1; ten < edges; ten *= 10) sizes.push(...[1, 1.5, 2, 3, 5, 7].map((part) => part * ten));
  return [...sizes.filter((n) => n >= 5 && n < edges), edges];
}

/**
 * The circuit by threshold, by size, or, where neither is given, the smallest candidate size whose circuit is 0.85 faithful on the
 * discovery pairs (the evaluation pairs must not choose what they judge).
 * @throws InputError when no edge reaches the threshold
 */
export async function chooseCircuit(
  model: Transformer,
  { graph, scores }: EdgeScores,
  pairs: readonly Pair[],
  options: ChooseOptions,
): Promise<Choice> {
  const { tau, ranking } = options;
  const trim = (edges: EdgeSet): EdgeSet => (options.prune ? prune(graph, edges) : edges);
  const choice = (chosen: EdgeSet, settings: Record<string, unknown>, how: string): Choice => {
    return { edges: trim(chosen), chosen, size: countEdges(chosen), settings, how };
  };
  if (tau !== undefined) {
    const edges = selectThreshold(graph, scores, tau, ranking);
    if (countEdges(edges) === 0) {
      const largest = Math.max(
        ...[...graph.places()].map((p) => (ranking === 'abs' ? Math.abs(scores[p]) : -scores[p])),
      );
      throw new InputError(`No edge reaches --tau ${tau}; the strongest has ${largest.toPrecision(3)}. Lower it.`);
    }
    return choice(edges, { select: 'threshold', tau }, `those of at least ${tau}`);
  }
  const select = options.select === 'greedy' || options.select === 'greedy-reverse' ? options.select : 'top';
  const top = (size: number): EdgeSet =>
    select === 'top'
      ? selectTop(graph, scores, size, ranking)
      : selectGreedy(graph, scores, size, { ranking, direction: select });
  if (options.size !== undefined) {
    const { size } = options;
    return choice(top(size), { select, size }, 'as many as asked for');
  }
  const sizes = candidates(graph.edges);
  const circuits = [new Uint8Array(graph.tableSize), ...sizes.map((n) => trim(top(n)))];
  const measured = await measureCircuits(model, graph, pairs, circuits, options);
  const [empty, ...metrics] = measured.circuits.map(mean);
  const full = mean(measured.clean);
  const first = metrics.findIndex((value) => (value - empty) / (full - empty) >= enough);
  const size = sizes[first < 0 ? sizes.length - 1 : first];
  const how = `the fewest tried that are ${enough} faithful on the pairs it was found on`;
  return choice(top(size), { select, size }, how);
}

/**
 * The circuit that the method itself found.
 * @throws InputError when nothing is left of it
 */
export function ownChoice({ edges }: FoundCircuit): Choice {
  const size = countEdges(edges);
  if (size === 0) {
    throw new InputError(
      'The search kept no edge that leads from input to logits: ask for more of them (a lower --tau, a larger --size).',
    );
  }
  return { edges, chosen: edges, size, settings: { select: 'own' }, how: 'what the method kept' };
}

const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
