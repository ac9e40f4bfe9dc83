import {
  EdgeGraph,
  type Evaluation,
  eap,
  eapIg,
  evaluateScores,
  exactPatching,
  InputError,
  loadTransformer,
  type MetricName,
  measureCircuits,
  type Pair,
  type Progress,
  Random,
  type Task,
  type Tokenizer,
  type Transformer,
  taskPairs,
} from 'filigree';
import type { MeasureOptions, Row, Stages } from '../claim.js';
import { shippedTasks } from './shipped-tasks.js';

/** The project's own model. */
const modelName = 'stories';

/** Pairs to find a circuit on, and others to judge it on. */
const discoveryPairs = 24;
const evaluationPairs = 48;

type ScoreOptions = Progress & { metric: MetricName };

/** Sources of scores: what the paper compares, the truth that they estimate, and chance. */
const methods: readonly {
  name: string;
  baseline?: boolean;
  score(model: Transformer, pairs: Pair[], seed: number, options: ScoreOptions): Promise<Float64Array>;
}[] = [
  { name: 'exact', score: async (model, pairs, _, o) => (await exactPatching(model, pairs, o)).scores },
  { name: 'EAP', baseline: true, score: async (model, pairs, _, o) => (await eap(model, pairs, o)).scores },
  ...[2, 5, 20].map((steps) => ({
    name: `EAP-IG (${steps})`,
    score: async (model: Transformer, pairs: Pair[], _: number, o: ScoreOptions) =>
      (await eapIg(model, pairs, { ...o, rule: 'mid', steps })).scores,
  })),
  {
    name: 'random',
    baseline: true,
    score: async (model, _, seed) => new Random(seed).fork('scores').normals(new EdgeGraph(model.config).tableSize),
  },
];

/** Three draws of pairs. */
const seedsFrom = (seed: number): number[] => [seed, seed + 1, seed + 2];

/** Stages of `shippedRows`. */
export const shippedStages = ({ openModel }: MeasureOptions): number =>
  openModel ? 2 * seedsFrom(0).length * shippedTasks.length * methods.length : 0;

/** Faithfulness curves, CPR and CMD of every method on every task that the project's model does. */
export async function shippedRows(options: MeasureOptions, stages: Stages): Promise<Row[]> {
  const { seed, openModel } = options;
  const checkpoint = await openModel?.(modelName);
  if (!checkpoint) {
    stages.skip(shippedStages(options));
    const note = `not measured: the model '${modelName}' is not here; train it first`;
    return [{ setting: modelName, method: 'all', figures: {}, seed, note }];
  }
  const tokenizer = await checkpoint.tokenizer();
  const model = await loadTransformer(checkpoint);
  const rows: Row[] = [];
  try {
    for (const task of shippedTasks) {
      for (const s of seedsFrom(seed)) {
        const setting = `${modelName}, ${task.name}`;
        const pairs = fittedPairs(task, tokenizer, checkpoint.config.context, s);
        const why = typeof pairs === 'string' ? pairs : await misbehaves(model, task, pairs.judged);
        if (typeof pairs === 'string' || why !== undefined) {
          rows.push({ setting, method: 'all', figures: {}, seed: s, note: `not measured: ${why}` });
          stages.skip(2 * methods.length);
          continue;
        }
        for (const method of methods) {
          const scores = await stages.run((o) => method.score(model, pairs.found, s, { ...o, metric: task.metric }));
          const judge = { metric: task.metric, randomCircuits: 0, seed: s };
          const curve = await stages.run((o) =>
            evaluateScores(model, new EdgeGraph(model.config), scores, pairs.judged, { ...o, ...judge }),
          );
          rows.push({ setting, method: method.name, baseline: method.baseline, figures: curveFigures(curve), seed: s });
        }
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
): { found: Pair[]; judged: Pair[] } | string {
  try {
    const { pairs: found } = taskPairs(task, tokenizer, { count: discoveryPairs, seed, part: 'discovery', context });
    const { pairs: judged } = taskPairs(task, tokenizer, { count: evaluationPairs, seed, part: 'evaluation', context });
    return { found, judged };
  } catch (error) {
    // A model may lack the words of a task; the others are measured all the same.
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

/** Faithfulness to a behaviour that is not there means nothing: says so when the metric does not favour the right answers. */
async function misbehaves(model: Transformer, task: Task, pairs: Pair[]): Promise<string | undefined> {
  const { clean } = await measureCircuits(model, new EdgeGraph(model.config), pairs, [], { metric: task.metric });
  const right = clean.filter((value) => value > 0).length / clean.length;
  if (right >= 0.6) return undefined;
  return `the model prefers the right answer in only ${(100 * right).toFixed(0)} % of the pairs`;
}

/** Areas, and faithfulness by the number of edges kept. */
function curveFigures({ cpr, cmd, clean, corrupt, sizes, faithfulness }: Evaluation): Row['figures'] {
  const areas: Row['figures'] = cpr === null || cmd === null ? {} : { CPR: cpr, CMD: cmd };
  return { ...areas, clean, corrupt, ...Object.fromEntries(sizes.map((n, i) => [`f(${n})`, faithfulness[i]])) };
}
