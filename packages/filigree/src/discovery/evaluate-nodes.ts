import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import type { Tensor } from '../tensor/index.js';
import { EdgeGraph } from './graph.js';
import { type Curve, type Family, judgeCircuit, judgeRankings } from './judge.js';
import { type Measured, type MeasureOptions, measureRuns } from './measure.js';
import type { NodeLevel, NodeScores } from './node-scores.js';
import { type NodeSet, runNodes } from './run-nodes.js';
import { type Ranking, rankUnits } from './select.js';
import type { Batch } from './sources.js';

/**
 * Runs circuits of nodes or neurons on the clean prompts, what is cut writing what the ablation says (by default what it writes on
 * the paired corrupted prompt), and measures each on every pair.
 */
export async function measureNodes(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  circuits: readonly NodeSet[],
  options: MeasureOptions = {},
): Promise<Measured> {
  const run = (batch: Batch, counterfactual: Tensor, group: readonly NodeSet[]): Tensor =>
    runNodes(model, graph, batch, counterfactual, group);
  return measureRuns(model, graph, pairs, circuits, run, options);
}

/**
 * Activation patching of every single node or neuron: score = m(run in which only it takes its counterfactual) - m(clean), averaged
 * over pairs; the truth that `nodeScores` estimates. One forward pass each, so neurons are for small models.
 *
 * @throws InputError for pairs that the model cannot read
 */
export async function exactNodes(
  model: Transformer,
  pairs: readonly Pair[],
  options: MeasureOptions & { level?: NodeLevel } = {},
): Promise<NodeScores> {
  const { level = 'node' } = options;
  const { width } = model.config;
  const graph = new EdgeGraph(model.config);
  const units = unitsOf(level, graph, width);
  const circuits = Array.from({ length: units }, (_, unit) => complementOf(nodeSet(level, graph, width, [unit])));
  const measured = await measureNodes(model, graph, pairs, circuits, options);
  const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
  const metric = { clean: mean(measured.clean), corrupt: mean(measured.corrupt) };
  return {
    graph,
    level,
    scores: Float64Array.from(measured.circuits, (values) => mean(values) - metric.clean),
    metric,
  };
}

/** The `n` most important nodes or neurons, `[sources, width]`. */
export function selectNodes(found: NodeScores, width: number, n: number, ranking: Ranking = 'abs'): NodeSet {
  return nodeSet(found.level, found.graph, width, rankUnits(found.scores, ranking).slice(0, n));
}

/**
 * The size of a circuit of nodes in edges (Mueller et al. 2025, MIB): of every edge between kept nodes, or from one to the logits, the
 * share of its source's features that is kept. All nodes make all edges of the graph.
 */
export function weightedEdges(graph: EdgeGraph, nodes: NodeSet): number {
  const width = nodes.length / graph.sources.length;
  const shares = graph.sources.map(
    (_, u) => nodes.subarray(u * width, (u + 1) * width).reduce((a, b) => a + b, 0) / width,
  );
  let total = 0;
  for (const destination of graph.destinations) {
    const writer = graph.writerOf(destination);
    if (writer >= 0 && shares[writer] === 0) continue;
    for (let u = 0; u < destination.reads; u++) total += shares[u];
  }
  return total;
}

export interface NodeEvaluationOptions extends MeasureOptions {
  /** Numbers of nodes or neurons to judge; by default the ten shares of all of them. */
  sizes?: readonly number[];
  /** What the reported curve ranks by. */
  ranking?: Ranking;
  /** Random circuits of equal size per size; 0 leaves the control out. */
  randomCircuits?: number;
  seed?: number;
}

/** How faithful circuits of nodes or neurons are; sizes count these. */
export interface NodeEvaluation extends Curve {
  /** The circuits' sizes in edges (`weightedEdges`), over which CPR and CMD are taken. */
  readonly edges: number[];
}

/**
 * How faithful the circuits are that scores of nodes or neurons rank first: the model runs with the first of each size, all others
 * writing what the ablation says. Complements and random circuits of equal size are measured on the same pairs.
 */
export async function evaluateNodeScores(
  model: Transformer,
  found: Pick<NodeScores, 'graph' | 'level' | 'scores'>,
  pairs: readonly Pair[],
  options: NodeEvaluationOptions = {},
): Promise<NodeEvaluation> {
  const { graph, level, scores } = found;
  const rankings = { abs: rankUnits(scores, 'abs'), signed: rankUnits(scores, 'signed') };
  const family = nodeFamily(level, model, graph, pairs, options);
  const { curve, circuits } = await judgeRankings(family, rankings, options);
  return { ...curve, edges: circuits.map((nodes) => weightedEdges(graph, nodes)) };
}

/** How faithful one given circuit of nodes or neurons is. `randomCircuits` of its size are the control. */
export async function evaluateNodes(
  model: Transformer,
  graph: EdgeGraph,
  level: NodeLevel,
  nodes: NodeSet,
  pairs: readonly Pair[],
  options: Omit<NodeEvaluationOptions, 'sizes' | 'ranking'> = {},
): Promise<NodeEvaluation> {
  const family = nodeFamily(level, model, graph, pairs, options);
  const units = Array.from({ length: family.units }, (_, i) => i);
  const features = nodes.reduce((a, b) => a + b, 0);
  const size = level === 'node' ? features / model.config.width : features;
  const curve = await judgeCircuit(family, nodes, units, size, options);
  return { ...curve, edges: [weightedEdges(graph, nodes)] };
}

function nodeFamily(
  level: NodeLevel,
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  options: NodeEvaluationOptions,
): Family<NodeSet> {
  const { width } = model.config;
  return {
    units: unitsOf(level, graph, width),
    circuit: (units) => nodeSet(level, graph, width, units),
    complement: complementOf,
    share: (nodes) => weightedEdges(graph, nodes) / graph.edges,
    measure: (circuits) => measureNodes(model, graph, pairs, circuits, options),
  };
}

const unitsOf = (level: NodeLevel, graph: EdgeGraph, width: number): number =>
  graph.sources.length * (level === 'node' ? 1 : width);

function nodeSet(level: NodeLevel, graph: EdgeGraph, width: number, units: readonly number[]): NodeSet {
  const nodes = new Uint8Array(graph.sources.length * width);
  for (const unit of units) {
    if (level === 'neuron') nodes[unit] = 1;
    else nodes.fill(1, unit * width, (unit + 1) * width);
  }
  return nodes;
}

const complementOf = (nodes: NodeSet): NodeSet => nodes.map((kept) => 1 - kept);
