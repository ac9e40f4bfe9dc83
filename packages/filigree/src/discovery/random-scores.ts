import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { Random } from '../tensor/index.js';
import { measureCircuits } from './evaluate.js';
import { EdgeGraph } from './graph.js';
import type { MeasureOptions } from './measure.js';
import type { NodeLevel, NodeScores } from './node-scores.js';
import type { EdgeScores } from './scores.js';

/**
 * The control for every method: independent standard normal scores, which know nothing of the model. The same seed gives the same
 * scores.
 *
 * @throws InputError for pairs that the model cannot read
 */
export async function randomScores(
  model: Transformer,
  pairs: readonly Pair[],
  options: MeasureOptions & { seed?: number } = {},
): Promise<EdgeScores> {
  const { seed = 0, ...rest } = options;
  const graph = new EdgeGraph(model.config);
  const random = new Random(seed).fork('random scores');
  const scores = new Float64Array(graph.tableSize);
  for (const place of graph.places()) scores[place] = random.normal();
  return { graph, scores, metric: await wholeRuns(model, graph, pairs, rest) };
}

/** The same for nodes or neurons. */
export async function randomNodes(
  model: Transformer,
  pairs: readonly Pair[],
  options: MeasureOptions & { level?: NodeLevel; seed?: number } = {},
): Promise<NodeScores> {
  const { seed = 0, level = 'node', ...rest } = options;
  const graph = new EdgeGraph(model.config);
  const units = graph.sources.length * (level === 'node' ? 1 : model.config.width);
  const scores = Float64Array.from(new Random(seed).fork('random scores').normals(units));
  return { graph, level, scores, metric: await wholeRuns(model, graph, pairs, rest) };
}

/** The mean metric of whole runs on both prompts. */
async function wholeRuns(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  options: MeasureOptions,
): Promise<EdgeScores['metric']> {
  const { clean, corrupt } = await measureCircuits(model, graph, pairs, [], options);
  const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
  return { clean: mean(clean), corrupt: mean(corrupt) };
}
