import {
  acdc,
  type Circuit,
  cleanCorrupted,
  countEdges,
  type EdgeScores,
  type EdgeSet,
  eap,
  eapIg,
  eapIgActivations,
  edgePruning,
  evaluateCircuit,
  evaluateScores,
  exactPatching,
  type FoundCircuit,
  makeAblation,
  type Pair,
  prune,
  randomScores,
  relp,
  selectTop,
  toCircuit,
} from 'filigree';
import { curveData } from './ask.js';
import { type Loaded, modelOf, pairsOfTask } from './models.js';
import type { Ask, Discovery } from './protocol.js';
import type { Working } from './worker.js';

/** Faithfulness that is enough, where the size is to be found. */
const enough = 0.85;

/** Finds a circuit as `filigree discover` does: on one set of pairs, judged on another. */
export async function discover({ model: key, discovery }: Ask<'discover'>, working: Working): Promise<Circuit> {
  const loaded = await modelOf(key);
  const { model, graph, facts } = loaded;
  const { method, task, pairs: count, metric, ablation: name, seed, size } = discovery;
  const pairs = await pairsOfTask(key, task, count, 'discovery', seed);
  const others = await pairsOfTask(key, task, count, 'evaluation', seed);
  const ablation = await makeAblation(name, model, pairs, { ...working, seed });
  try {
    const common = { ...working, metric, ablation, seed };
    const found = await score(loaded, pairs, discovery, common);
    const edges = 'edges' in found ? found.edges : await choose(loaded, found, pairs, size, common);
    const evaluation = await evaluateScores(model, graph, found.scores, others, common);
    const own = await evaluateCircuit(model, graph, edges, others, common);
    const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);
    return toCircuit(graph, edges, found.scores, {
      model: facts.name,
      modelHash: facts.hash,
      task,
      method,
      options: {
        ...optionsOf(discovery),
        metric,
        ablation: name,
        pairs: pairs.length,
        ranking: 'abs',
        size: countEdges(edges),
      },
      seed,
      metrics: {
        metric: own.metric[0],
        faithfulness: finite(own.faithfulness[0]),
        interval: [finite(own.interval.low[0]), finite(own.interval.high[0])],
        completeness: finite(own.completeness[0]),
        random: finite(own.random?.mean[0] ?? Number.NaN),
        clean: own.clean,
        corrupt: own.corrupt,
        empty: own.empty,
        cpr: evaluation.cpr,
        cmd: evaluation.cmd,
        curve: curveData(evaluation),
      },
      made: new Date().toISOString(),
    });
  } finally {
    ablation.dispose();
  }
}

const integrates = (method: string): boolean => method === 'eap-ig' || method === 'eap-ig-activations';

function optionsOf({ method, steps, rule, tau }: Discovery): Record<string, unknown> {
  if (integrates(method)) return { steps, rule };
  return method === 'acdc' ? { tau } : {};
}

type Common = Working & {
  readonly metric: Discovery['metric'];
  readonly ablation: Awaited<ReturnType<typeof makeAblation>>;
  readonly seed: number;
};

function score(
  { model, graph }: Loaded,
  pairs: readonly Pair[],
  { method, steps, rule, tau, size }: Discovery,
  common: Common,
): Promise<EdgeScores | FoundCircuit> {
  const search = { ...common, metric: 'kl' as const };
  switch (method) {
    case 'eap-ig':
      return eapIg(model, pairs, { ...common, steps, rule });
    case 'eap':
      return eap(model, pairs, common);
    case 'relp':
      return relp(model, pairs, common);
    case 'eap-ig-activations':
      return eapIgActivations(model, pairs, { ...common, steps, rule });
    case 'clean-corrupted':
      return cleanCorrupted(model, pairs, common);
    case 'exact':
      return exactPatching(model, pairs, common);
    case 'acdc':
      return acdc(model, pairs, { ...search, tau });
    case 'edge-pruning':
      return edgePruning(model, pairs, { ...search, steps: 200, size: size || Math.ceil(graph.edges / 20) });
    case 'random':
      return randomScores(model, pairs, common);
  }
}

async function choose(
  { model, graph }: Loaded,
  { scores }: EdgeScores,
  pairs: readonly Pair[],
  size: number,
  common: Common,
): Promise<EdgeSet> {
  if (size > 0) return prune(graph, selectTop(graph, scores, size));
  const sizes = [5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000].filter((n) => n < graph.edges);
  sizes.push(graph.edges);
  const { faithfulness } = await evaluateScores(model, graph, scores, pairs, { ...common, sizes, randomCircuits: 0 });
  const first = faithfulness.findIndex((value) => value >= enough);
  return prune(graph, selectTop(graph, scores, sizes.at(first) as number));
}
