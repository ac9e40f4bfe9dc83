import {
  EdgeGraph,
  InputError,
  loadTransformer,
  measureCircuits,
  type Pair,
  type Task,
  type Tokenizer,
  type Transformer,
  taskPairs,
} from 'filigree';
import type { MeasureOptions, Row, Stages } from '../claim.js';
import { shippedTasks } from './shipped-tasks.js';

/** The project's own model. */
export const modelName = 'mix4';

/** Share of the pairs on which the model must prefer the right answer: faithfulness to what is not there means nothing. */
const leastRight = 0.6;

/** What is measured on: a task that the model does, with pairs to find circuits on and others to judge them on. */
export interface Shipped {
  readonly model: Transformer;
  readonly task: Task;
  readonly seed: number;
  /** What the rows of this task are called. */
  readonly setting: string;
  readonly found: readonly Pair[];
  readonly judged: readonly Pair[];
}

export interface ShippedPlan {
  /** By default the six tasks that methods are compared on. */
  readonly tasks?: readonly Task[];
  /** Draws of pairs, how many to find on and how many to judge on. */
  readonly seeds: readonly number[];
  readonly found: number;
  readonly judged: number;
  /** Stages that the work on one task and draw takes. */
  readonly stages: number;
  /** Added to the names of settings. */
  readonly suffix?: string;
}

/** Stages of `onShippedTasks`. */
export const shippedTaskStages = (
  { openModel }: MeasureOptions,
  { tasks = shippedTasks, seeds, stages }: ShippedPlan,
): number => (openModel ? tasks.length * seeds.length * stages : 0);

/** Measures on each of the tasks that the project's own model does; of each other one a row says why it is left out. */
export async function onShippedTasks(
  options: MeasureOptions,
  plan: ShippedPlan,
  stages: Stages,
  work: (on: Shipped) => Promise<Row[]>,
): Promise<Row[]> {
  const [first] = plan.seeds;
  const checkpoint = await options.openModel?.(modelName);
  if (!checkpoint) {
    stages.skip(shippedTaskStages(options, plan));
    const note = `not measured: the model '${modelName}' is not here; train it first`;
    return [{ setting: modelName, method: 'all', figures: {}, seed: first, note }];
  }
  const tokenizer = await checkpoint.tokenizer();
  const model = await loadTransformer(checkpoint);
  const rows: Row[] = [];
  try {
    for (const task of plan.tasks ?? shippedTasks) {
      const setting = `${modelName}, ${task.name}${plan.suffix ?? ''}`;
      for (const seed of plan.seeds) {
        const pairs = fittedPairs(task, tokenizer, checkpoint.config.context, seed, plan);
        const why = typeof pairs === 'string' ? pairs : await misbehaves(model, task, pairs.judged);
        if (typeof pairs === 'string' || why !== undefined) {
          rows.push({ setting, method: 'all', figures: {}, seed, note: `not measured: ${why}` });
          stages.skip(plan.stages);
          continue;
        }
        rows.push(...(await work({ model, task, seed, setting, ...pairs })));
      }
    }
  } finally {
    model.dispose();
  }
  return rows;
}

/** Pairs to find a circuit on and pairs to judge it on, or why the task does not fit the model. */
function fittedPairs(
  task: Task,
  tokenizer: Tokenizer,
  context: number,
  seed: number,
  plan: ShippedPlan,
): Pick<Shipped, 'found' | 'judged'> | string {
  try {
    const { pairs: found } = taskPairs(task, tokenizer, { count: plan.found, seed, part: 'discovery', context });
    const { pairs: judged } = taskPairs(task, tokenizer, { count: plan.judged, seed, part: 'evaluation', context });
    return { found, judged };
  } catch (error) {
    // A model may lack the words of a task; the others are measured all the same.
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

/** Says why, when the metric does not favour the right answers. */
async function misbehaves(model: Transformer, task: Task, pairs: readonly Pair[]): Promise<string | undefined> {
  const { clean } = await measureCircuits(model, new EdgeGraph(model.config), pairs, [], { metric: task.metric });
  const right = clean.filter((value) => value > 0).length / clean.length;
  if (right >= leastRight) return undefined;
  return `the model prefers the right answer in only ${(100 * right).toFixed(0)} % of the pairs`;
}
