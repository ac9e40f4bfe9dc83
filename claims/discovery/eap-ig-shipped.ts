import {
  EdgeGraph,
  type EdgeScores,
  type Evaluation,
  eap,
  eapIg,
  eapIgActivations,
  edgePruning,
  evaluateScores,
  exactPatching,
  type MetricName,
  type Pair,
  type Progress,
  pearson,
  randomScores,
  relp,
  type Transformer,
} from 'filigree';
import type { MeasureOptions, Row, Stages } from '../claim.js';
import { onShippedTasks, type Shipped, type ShippedPlan, shippedTaskStages } from './shipped.js';

type ScoreOptions = Progress & { metric: MetricName };

interface Method {
  readonly name: string;
  readonly baseline?: boolean;
  /** Whether its scores estimate what exact patching measures. */
  readonly estimates?: boolean;
  score(model: Transformer, pairs: readonly Pair[], seed: number, options: ScoreOptions): Promise<EdgeScores>;
}

/** Sources of scores: what the paper compares, the truth that they estimate, what came after, and chance. */
const methods: readonly Method[] = [
  { name: 'exact', score: (model, pairs, _, o) => exactPatching(model, pairs, o) },
  { name: 'EAP', baseline: true, estimates: true, score: (model, pairs, _, o) => eap(model, pairs, o) },
  ...[2, 5, 20].map((steps) => ({
    name: `EAP-IG (${steps})`,
    estimates: true,
    score: (model: Transformer, pairs: readonly Pair[], _: number, o: ScoreOptions) =>
      eapIg(model, pairs, { ...o, rule: 'mid', steps }),
  })),
  {
    name: 'EAP-IG activations (5)',
    estimates: true,
    score: (model, pairs, _, o) => eapIgActivations(model, pairs, { ...o, rule: 'mid', steps: 5 }),
  },
  { name: 'RelP', estimates: true, score: (model, pairs, _, o) => relp(model, pairs, o) },
  {
    name: 'edge pruning',
    score: (model, pairs, seed, { signal, onProgress }) => edgePruning(model, pairs, { signal, onProgress, seed }),
  },
  { name: 'random', baseline: true, score: (model, pairs, seed, o) => randomScores(model, pairs, { ...o, seed }) },
];

/** Three draws of pairs. */
const planFrom = (seed: number): ShippedPlan => ({
  seeds: [seed, seed + 1, seed + 2],
  found: 24,
  judged: 48,
  stages: 2 * methods.length,
});

/** What a circuit must reach to count as enough. */
const enough = 0.85;

/** Stages of `shippedRows`. */
export const shippedStages = (options: MeasureOptions): number => shippedTaskStages(options, planFrom(options.seed));

/** Faithfulness curves, CPR and CMD of every method on every task that the project's model does, and correlation with exact patching. */
export function shippedRows(options: MeasureOptions, stages: Stages): Promise<Row[]> {
  return onShippedTasks(options, planFrom(options.seed), stages, (on) => taskRows(on, options.seed, stages));
}

async function taskRows(
  { model, task, seed, setting, found, judged }: Shipped,
  first: number,
  stages: Stages,
): Promise<Row[]> {
  const graph = new EdgeGraph(model.config);
  const places = [...graph.places()];
  const rows: Row[] = [];
  let exact: Float64Array | undefined;
  for (const method of methods) {
    // Learning a mask costs as much as all the rest together.
    if (method.name === 'edge pruning' && seed !== first) {
      stages.skip(2);
      continue;
    }
    const { scores } = await stages.run((o) => method.score(model, found, seed, { ...o, metric: task.metric }));
    exact ??= scores;
    const truth = exact;
    const judge = { metric: task.metric, randomCircuits: 0, seed };
    const curve = await stages.run((o) => evaluateScores(model, graph, scores, judged, { ...o, ...judge }));
    const r: Row['figures'] = method.estimates
      ? {
          r: pearson(
            places.map((p) => scores[p]),
            places.map((p) => truth[p]),
          ),
        }
      : {};
    rows.push({
      setting,
      method: method.name,
      baseline: method.baseline,
      figures: { ...curveFigures(curve), ...r },
      seed,
    });
  }
  return rows;
}

/** Areas, the first size that is enough, and faithfulness by the number of edges kept. */
function curveFigures({ cpr, cmd, clean, corrupt, sizes, faithfulness }: Evaluation): Row['figures'] {
  const areas: Row['figures'] = cpr === null || cmd === null ? {} : { CPR: cpr, CMD: cmd };
  const first = sizes[faithfulness.findIndex((f) => f >= enough)];
  const least: Row['figures'] = first === undefined ? {} : { [`edges to f ${enough}`]: first };
  return {
    ...areas,
    ...least,
    clean,
    corrupt,
    ...Object.fromEntries(sizes.map((n, i) => [`f(${n})`, faithfulness[i]])),
  };
}
