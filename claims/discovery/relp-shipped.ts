import {
  exactNodes,
  InputError,
  loadTransformer,
  type NodeMethod,
  nodeScores,
  type Pair,
  type Progress,
  pearson,
  type Transformer,
  taskPairs,
} from 'filigree';
import type { MeasureOptions, Row, Stages } from '../claim.js';
import { shippedTasks } from './shipped-tasks.js';

/** The project's own model. */
const modelName = 'stories';
/** Pairs of each task, each of which is scored on its own. */
const pairCount = 12;

const methods = [
  { method: 'AtP', name: 'eap', baseline: true },
  { method: 'RelP', name: 'relp', baseline: false },
  { method: 'IG (5)', name: 'eap-ig', baseline: true },
] as const;

/** Stages of `relpShippedRows`. */
export const relpShippedStages = ({ openModel }: MeasureOptions): number => (openModel ? shippedTasks.length : 0);

/** What the rows of a task are called. */
const settingOf = (task: string): string => `${modelName}, ${task}, nodes`;

/** How well each method's scores of heads and of MLPs agree with patching them, over nodes and pairs. */
export async function relpShippedRows(options: MeasureOptions, stages: Stages): Promise<Row[]> {
  const { seed } = options;
  const checkpoint = await options.openModel?.(modelName);
  if (!checkpoint) {
    stages.skip(relpShippedStages(options));
    const note = `not measured: the model '${modelName}' is not here; train it first`;
    return [{ setting: modelName, method: 'all', figures: {}, seed, note }];
  }
  const tokenizer = await checkpoint.tokenizer();
  const model = await loadTransformer(checkpoint);
  const rows: Row[] = [];
  try {
    for (const task of shippedTasks) {
      const setting = settingOf(task.name);
      let pairs: Pair[];
      try {
        ({ pairs } = taskPairs(task, tokenizer, { count: pairCount, seed, context: checkpoint.config.context }));
      } catch (error) {
        // A model may lack the words of a task; the others are measured all the same.
        if (!(error instanceof InputError)) throw error;
        rows.push({ setting, method: 'all', figures: {}, seed, note: `not measured: ${error.message}` });
        stages.skip(1);
        continue;
      }
      rows.push(...(await stages.run((o) => taskRows(model, setting, pairs, seed, o))));
    }
  } finally {
    model.dispose();
  }
  return rows;
}

async function taskRows(
  model: Transformer,
  setting: string,
  pairs: readonly Pair[],
  seed: number,
  progress: Progress,
): Promise<Row[]> {
  const kinds = ['head', 'mlp'] as const;
  /** Scores of the nodes of each kind, pair by pair. */
  const collect = async (method: NodeMethod | 'exact'): Promise<Record<(typeof kinds)[number], number[]>> => {
    const found = { head: [] as number[], mlp: [] as number[] };
    for (const pair of pairs) {
      progress.signal?.throwIfAborted();
      const { graph, scores } = await (method === 'exact'
        ? exactNodes(model, [pair])
        : nodeScores(model, [pair], { method }));
      graph.sources.forEach(({ kind }, u) => {
        if (kind !== 'input') found[kind].push(scores[u]);
      });
    }
    return found;
  };
  const exact = await collect('exact');
  const rows: Row[] = [];
  for (const { method, name, baseline } of methods) {
    const found = await collect(name);
    const figures = { 'r of heads': pearson(found.head, exact.head), 'r of MLPs': pearson(found.mlp, exact.mlp) };
    rows.push({ setting, method, baseline, figures, seed });
  }
  return rows;
}
