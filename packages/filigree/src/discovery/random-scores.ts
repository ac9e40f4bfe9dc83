import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { Random } from '../tensor/index.js';
import { measureCircuits } from './evaluate.js';
import { EdgeGraph } from './graph.js';
import type { MeasureOptions } from './measure.js';
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
  const { clean, corrupt } = await measureCircuits(model, graph, pairs, [], rest);
  const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
  return { graph, scores, metric: { clean: mean(clean), corrupt: mean(corrupt) } };
}
