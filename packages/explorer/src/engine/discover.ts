import {
  acdc,
  type Circuit,
  cleanCorrupted,
  countEdges,
  type EdgeScores,
  type Evaluation,
  eap,
  eapIg,
  eapIgActivations,
  edgePruning,
  evaluateCircuit,
  evaluateNodeScores,
  evaluateNodes,
  evaluateScores,
  exactNodes,
  exactPatching,
  type FoundCircuit,
  makeAblation,
  type NodeEvaluation,
  type NodeLevel,
  type NodeScores,
  nodeMethods,
  nodeScores,
  nodesToCircuit,
  type Pair,
  type Provenance,
  prune,
  randomNodes,
  randomScores,
  relp,
  selectNodes,
  selectTop,
  toCircuit,
} from 'filigree';
import { curveData } from './curve.js';
import { type Loaded, modelOf, pairsOfTask } from './models.js';
import type { Ask, Discovery } from './protocol.js';
import type { Working } from './worker.js';

/** Faithfulness that is enough, where the size is to be found. */
const enough = 0.85;

type Common = Working & {
  readonly metric: Discovery['metric'];
  readonly ablation: Awaited<ReturnType<typeof makeAblation>>;
  readonly seed: number;
};
type Curve = Evaluation | NodeEvaluation;

/** What a method has found: scores of units, from which circuits of any size are cut, or one circuit. */
interface Found<C> {
  readonly total: number;
  /** Where the method itself says which units are kept. */
  readonly own?: C;
  top(size: number): C;
  count(kept: C): number;
  curve(pairs: readonly Pair[], options: Common & { sizes?: number[]; randomCircuits?: number }): Promise<Curve>;
  judge(kept: C, pairs: readonly Pair[], options: Common): Promise<Curve>;
  circuit(kept: C, provenance: Provenance): Circuit;
}

/** Finds a circuit as `filigree discover` does: on one set of pairs, judged on another. */
export async function discover({ model: key, discovery }: Ask<'discover'>, working: Working): Promise<Circuit> {
  const loaded = await modelOf(key);
  const { method, level, task, pairs: count, metric, ablation: name, seed } = discovery;
  const pairs = await pairsOfTask(key, task, count, 'discovery', seed);
  const others = await pairsOfTask(key, task, count, 'evaluation', seed);
  const ablation = await makeAblation(name, loaded.model, pairs, { ...working, seed });
  const common = { ...working, metric, ablation, seed };
  const about = (size: number, metrics: Record<string, unknown>): Provenance => ({
    model: loaded.facts.name,
    modelHash: loaded.facts.hash,
    task,
    method,
    options: {
      ...(level === 'edge' ? {} : { level }),
      ...optionsOf(discovery),
      metric,
      ablation: name,
      pairs: pairs.length,
      ranking: 'abs',
      size,
    },
    seed,
    metrics,
    made: new Date().toISOString(),
  });
  try {
    return level === 'edge'
      ? await finish(await findEdges(loaded, pairs, discovery, common), pairs, others, discovery, common, about)
      : await finish(await findNodes(loaded, pairs, level, discovery, common), pairs, others, discovery, common, about);
  } finally {
    ablation.dispose();
  }
}

/** Chooses a size where none is given, and judges the circuit on pairs that did not find it. */
async function finish<C>(
  found: Found<C>,
  pairs: readonly Pair[],
  others: readonly Pair[],
  { size, level }: Discovery,
  common: Common,
  about: (size: number, metrics: Record<string, unknown>) => Provenance,
): Promise<Circuit> {
  const kept = found.own ?? found.top(size > 0 ? size : await enoughUnits(found, pairs, level, common));
  const evaluation = await found.curve(others, common);
  const own = await found.judge(kept, others, common);
  const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);
  return found.circuit(
    kept,
    about(found.count(kept), {
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
    }),
  );
}

const integrates = (method: string): boolean => method === 'eap-ig' || method === 'eap-ig-activations';

function optionsOf({ method, steps, rule, tau }: Discovery): Record<string, unknown> {
  if (integrates(method)) return { steps, rule };
  return method === 'acdc' ? { tau } : {};
}

async function findEdges(
  loaded: Loaded,
  pairs: readonly Pair[],
  discovery: Discovery,
  common: Common,
): Promise<Found<Uint8Array>> {
  const { model, graph } = loaded;
  const found = await scoreEdges(loaded, pairs, discovery, common);
  return {
    total: graph.edges,
    ...('edges' in found ? { own: found.edges } : {}),
    top: (size) => prune(graph, selectTop(graph, found.scores, size)),
    count: countEdges,
    curve: (on, options) => evaluateScores(model, graph, found.scores, on, options),
    judge: (edges, on, options) => evaluateCircuit(model, graph, edges, on, options),
    circuit: (edges, provenance) => toCircuit(graph, edges, found.scores, provenance),
  };
}

function scoreEdges(
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

async function findNodes(
  { model, graph }: Loaded,
  pairs: readonly Pair[],
  level: NodeLevel,
  { method, steps, rule }: Discovery,
  common: Common,
): Promise<Found<Uint8Array>> {
  const { width } = model.config;
  const scored = nodeMethods.find((known) => known === method);
  const found: NodeScores = scored
    ? await nodeScores(model, pairs, { ...common, level, method: scored, steps, rule })
    : await (method === 'exact' ? exactNodes : randomNodes)(model, pairs, { ...common, level });
  return {
    total: found.scores.length,
    top: (size) => selectNodes(found, width, size),
    count: (nodes) => nodes.reduce((a, b) => a + b, 0) / (level === 'node' ? width : 1),
    curve: (on, options) => evaluateNodeScores(model, found, on, options),
    judge: (nodes, on, options) => evaluateNodes(model, graph, level, nodes, on, options),
    circuit: (nodes, provenance) => nodesToCircuit(found, nodes, provenance),
  };
}

/** The fewest units, of usual sizes, that are faithful enough on the pairs that found them; all where none are. */
async function enoughUnits<C>(
  found: Found<C>,
  pairs: readonly Pair[],
  level: Discovery['level'],
  common: Common,
): Promise<number> {
  const few = level === 'node' ? [1, 2, 3, 4, 5, 6, 7, 8] : [5, 7];
  const usual = [...few, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000];
  const sizes = [...usual.filter((n) => n < found.total), found.total];
  const { faithfulness } = await found.curve(pairs, { ...common, sizes, randomCircuits: 0 });
  return sizes[faithfulness.findIndex((value) => value >= enough)] ?? found.total;
}
