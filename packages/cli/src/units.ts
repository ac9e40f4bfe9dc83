import {
  type Ablation,
  type Circuit,
  countEdges,
  type EdgeGraph,
  type EdgeScores,
  type EdgeSet,
  type Evaluation,
  evaluateCircuit,
  evaluateNodeScores,
  evaluateNodes,
  evaluateScores,
  type Measured,
  type MetricName,
  measureCircuits,
  measureNodes,
  type NodeEvaluation,
  type NodeScores,
  type NodeSet,
  nodeScoresFile,
  nodesToCircuit,
  type Pair,
  type Progress,
  type Provenance,
  prune,
  type Ranking,
  rankUnits,
  scoresFile,
  selectGreedy,
  selectNodes,
  selectThreshold,
  selectTop,
  type Transformer,
  toCircuit,
} from 'filigree';

export const levels = ['edge', 'node', 'neuron'] as const;
/** What circuits are made of. */
export type Level = (typeof levels)[number];

/** How circuits of one level were judged. */
export type Judged = Evaluation | NodeEvaluation;

export interface JudgeOptions extends Progress {
  metric?: MetricName;
  ablation?: Ablation;
  memory?: number;
  seed?: number;
  randomCircuits?: number;
}

export interface RankedOptions extends JudgeOptions {
  sizes?: readonly number[];
  ranking?: Ranking;
}

/** What can be done with the scores of one level; `C` is how that level says a circuit. */
export interface Units<C> {
  readonly level: Level;
  readonly graph: EdgeGraph;
  /** Edges, nodes or neurons of the whole model. */
  readonly total: number;
  readonly metric: EdgeScores['metric'];
  count(circuit: C): number;
  /** The best `n`. */
  top(n: number, ranking: Ranking): C;
  /** Those of at least `tau`. */
  atLeast(tau: number, ranking: Ranking): C;
  /** How important the most important is. */
  strongest(ranking: Ranking): number;
  /** Without what cannot matter. */
  trimmed(circuit: C): C;
  readonly nothing: C;
  measure(pairs: readonly Pair[], circuits: readonly C[], options: JudgeOptions): Promise<Measured>;
  judgeRanking(pairs: readonly Pair[], options: RankedOptions): Promise<Judged>;
  judge(pairs: readonly Pair[], circuit: C, options: JudgeOptions): Promise<Judged>;
  circuit(circuit: C, provenance: Provenance): Circuit;
  /** The scores as a file holds them. */
  file(method: string): object;
}

export interface EdgeUnitOptions {
  /** Whether circuits lose what lies on no path from input to logits. */
  prune: boolean;
  select?: 'top' | 'greedy' | 'greedy-reverse';
}

export function edgeUnits(
  model: Transformer,
  found: EdgeScores,
  { prune: pruned, select = 'top' }: EdgeUnitOptions,
): Units<EdgeSet> {
  const { graph, scores, metric } = found;
  return {
    level: 'edge',
    graph,
    total: graph.edges,
    metric,
    count: countEdges,
    top: (n, ranking) =>
      select === 'top'
        ? selectTop(graph, scores, n, ranking)
        : selectGreedy(graph, scores, n, { ranking, direction: select }),
    atLeast: (tau, ranking) => selectThreshold(graph, scores, tau, ranking),
    strongest: (ranking) =>
      largest(
        [...graph.places()].map((place) => scores[place]),
        ranking,
      ),
    trimmed: (edges) => (pruned ? prune(graph, edges) : edges),
    nothing: new Uint8Array(graph.tableSize),
    measure: (pairs, circuits, options) => measureCircuits(model, graph, pairs, circuits, options),
    judgeRanking: (pairs, options) => evaluateScores(model, graph, scores, pairs, { ...options, prune: pruned }),
    judge: (pairs, edges, options) => evaluateCircuit(model, graph, edges, pairs, { ...options, prune: pruned }),
    circuit: (edges, provenance) => toCircuit(graph, edges, scores, provenance),
    file: (method) => scoresFile(found, method),
  };
}

export function nodeUnits(model: Transformer, found: NodeScores): Units<NodeSet> {
  const { graph, scores, metric, level } = found;
  const { width } = model.config;
  const best = (n: number, ranking: Ranking): NodeSet => selectNodes(found, width, n, ranking);
  return {
    level,
    graph,
    total: scores.length,
    metric,
    count: (nodes) => nodes.reduce((a, b) => a + b, 0) / (level === 'node' ? width : 1),
    top: best,
    atLeast: (tau, ranking) => {
      const order = rankUnits(scores, ranking);
      const worth = (unit: number): number => (ranking === 'abs' ? Math.abs(scores[unit]) : -scores[unit]);
      const end = order.findIndex((unit) => !(worth(unit) >= tau));
      return best(end < 0 ? order.length : end, ranking);
    },
    strongest: (ranking) => largest(scores, ranking),
    trimmed: (nodes) => nodes,
    nothing: new Uint8Array(graph.sources.length * width),
    measure: (pairs, circuits, options) => measureNodes(model, graph, pairs, circuits, options),
    judgeRanking: (pairs, options) => evaluateNodeScores(model, found, pairs, options),
    judge: (pairs, nodes, options) => evaluateNodes(model, graph, level, nodes, pairs, options),
    circuit: (nodes, provenance) => nodesToCircuit(found, nodes, provenance),
    file: (method) => nodeScoresFile(found, method),
  };
}

function largest(scores: ArrayLike<number>, ranking: Ranking): number {
  return Array.from(scores).reduce((most, s) => Math.max(most, ranking === 'abs' ? Math.abs(s) : -s), -Infinity);
}

/** How many, in words: "20 edges", "1 node". */
export function unitsText(n: number, level: Level): string {
  return `${n.toLocaleString('en-US')} ${level}${n === 1 ? '' : 's'}`;
}
