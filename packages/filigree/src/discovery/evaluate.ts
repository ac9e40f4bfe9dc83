import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import type { Tensor } from '../tensor/index.js';
import type { EdgeGraph } from './graph.js';
import { type Curve, type Family, judgeCircuit, judgeRankings } from './judge.js';
import { type Measured, type MeasureOptions, measureRuns } from './measure.js';
import { runCircuits } from './run-circuit.js';
import { complement, countEdges, type EdgeSet, prune, type Ranking, rank } from './select.js';
import type { Batch } from './sources.js';

/**
 * Runs circuits on the clean prompts, cut edges carrying what the ablation says (by default what they carry on the paired corrupted
 * prompt), and measures each on every pair.
 */
export async function measureCircuits(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  circuits: readonly EdgeSet[],
  options: MeasureOptions = {},
): Promise<Measured> {
  const run = (batch: Batch, counterfactual: Tensor, group: readonly EdgeSet[]): Tensor =>
    runCircuits(model, graph, batch, counterfactual, group);
  return measureRuns(model, graph, pairs, circuits, run, options);
}

export interface EvaluationOptions extends MeasureOptions {
  /** Numbers of edges to judge; by default the ten shares of all edges. */
  sizes?: readonly number[];
  /** What the reported curve ranks by. */
  ranking?: Ranking;
  /**
   * Drop edges that cannot matter before running. With the ablations that are prompts (`patch`, `resample`) their number shrinks and
   * the metric does not change (in models with post-norms it may, a little: see `prune`); with others a head or MLP without any
   * input left takes its own counterfactual instead of what it makes of those of its inputs.
   */
  prune?: boolean;
  /** Random circuits of equal size per size; 0 leaves the control out. */
  randomCircuits?: number;
  seed?: number;
}

/** How faithful circuits of edges are. */
export interface Evaluation extends Curve {
  /** Edges left after pruning, per size. */
  readonly kept: number[];
}

/**
 * How faithful the circuits are that the scores rank first: the model runs with the top edges of each size, all other edges
 * carrying what the ablation says (by default their values of the corrupted prompt). Circuits, their complements and random
 * circuits of equal size are measured on the same pairs.
 */
export async function evaluateScores(
  model: Transformer,
  graph: EdgeGraph,
  scores: ArrayLike<number>,
  pairs: readonly Pair[],
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  const rankings = { abs: rank(graph, scores, 'abs'), signed: rank(graph, scores, 'signed') };
  const { curve, circuits } = await judgeRankings(edgeFamily(model, graph, pairs, options), rankings, options);
  return { ...curve, kept: circuits.map(countEdges) };
}

/** How faithful one given circuit is. `randomCircuits` of its size are the control. */
export async function evaluateCircuit(
  model: Transformer,
  graph: EdgeGraph,
  edges: EdgeSet,
  pairs: readonly Pair[],
  options: Omit<EvaluationOptions, 'sizes' | 'ranking'> = {},
): Promise<Evaluation> {
  const circuit = options.prune === false ? edges : prune(graph, edges);
  const family = edgeFamily(model, graph, pairs, options);
  const curve = await judgeCircuit(family, circuit, [...graph.places()], countEdges(edges), options);
  return { ...curve, kept: [countEdges(circuit)] };
}

/** Circuits of edges, pruned where that is asked for. */
function edgeFamily(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  options: EvaluationOptions,
): Family<EdgeSet> {
  return {
    units: graph.edges,
    circuit(places) {
      const edges = new Uint8Array(graph.tableSize);
      for (const place of places) edges[place] = 1;
      return options.prune === false ? edges : prune(graph, edges);
    },
    complement: (edges) => complement(graph, edges),
    share: (_edges, size) => size / graph.edges,
    measure: (circuits) => measureCircuits(model, graph, pairs, circuits, options),
  };
}
