import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { at, noGrad, Random, scope, type Tensor } from '../tensor/index.js';
import { defaultMemory, type Progress } from './batches.js';
import type { EdgeGraph } from './graph.js';
import { type MetricName, metric } from './metric.js';
import { runCircuits } from './run-circuit.js';
import { complement, countEdges, type EdgeSet, prune, type Ranking, rank } from './select.js';
import { makeBatch, runSources } from './sources.js';

export interface MeasureOptions extends Progress {
  metric?: MetricName;
  memory?: number;
}

/** The metric of each circuit on each pair, and of the full model on both prompts. */
export interface Measured {
  readonly clean: Float64Array;
  readonly corrupt: Float64Array;
  /** Per circuit, per pair. */
  readonly circuits: Float64Array[];
}

/**
 * Runs circuits on the clean prompts, cut edges carrying what they carry on the paired corrupted prompt, and measures each on
 * every pair.
 */
export async function measureCircuits(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  circuits: readonly EdgeSet[],
  options: MeasureOptions = {},
): Promise<Measured> {
  const { metric: name = 'logit-diff', memory = defaultMemory } = options;
  const result: Measured = {
    clean: new Float64Array(pairs.length),
    corrupt: new Float64Array(pairs.length),
    circuits: circuits.map(() => new Float64Array(pairs.length)),
  };
  const order = [...pairs.keys()].sort((a, b) => pairs[a].clean.length - pairs[b].clean.length);
  const { layers, heads, width, mlpWidth, vocabulary } = model.config;
  // Measured: a split run keeps about 18 copies of every head's stream and 8 of the MLP's features in each layer until it ends.
  const perPosition = (length: number): number =>
    3 * graph.sources.length * width + layers * (18 * heads * width + 8 * mlpWidth + 6 * heads * length);
  const bytes = (length: number): number => 4 * (length * perPosition(length) + vocabulary * 4);
  const total = pairs.length * circuits.length;
  let done = 0;
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    const fits = (n: number): boolean => bytes(pairs[order[n]].clean.length) * (n + 1 - start) * 2 <= memory;
    while (end < order.length && fits(end)) end++;
    const part = order.slice(start, end);
    const batch = makeBatch(part.map((i) => pairs[i]));
    const { clean, corrupt } = scope(() => ({
      clean: runSources(model, graph, batch.clean, batch.last),
      corrupt: runSources(model, graph, batch.corrupt, batch.last),
    }));
    clean.values.dispose();
    const store = async (logits: Tensor, into: Float64Array): Promise<void> => {
      const values = scope(() => noGrad(() => metric(name, logits, batch.pairs, clean.logits)));
      (await values.data()).forEach((value, i) => {
        into[part[i]] = value;
      });
      values.dispose();
    };
    await store(clean.logits, result.clean);
    await store(corrupt.logits, result.corrupt);
    const each = bytes(pairs[part[part.length - 1]].clean.length) * part.length;
    const atOnce = Math.max(1, Math.min(16, Math.floor(memory / each)));
    for (let c = 0; c < circuits.length; c += atOnce) {
      options.signal?.throwIfAborted();
      const group = circuits.slice(c, c + atOnce);
      const logits = runCircuits(model, graph, batch, corrupt.values, group);
      for (let i = 0; i < group.length; i++) {
        const own = scope(() => at(logits, 0, i));
        await store(own, result.circuits[c + i]);
        own.dispose();
      }
      logits.dispose();
      done += group.length * part.length;
      options.onProgress?.({ done, total, unit: 'runs' });
    }
    for (const t of [clean.logits, corrupt.logits, corrupt.values]) t.dispose();
    start = end;
  }
  return result;
}

/** The sizes at which circuits are judged, as shares of all edges (Mueller et al. 2025, MIB). */
export const fractions = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

export interface EvaluationOptions extends MeasureOptions {
  /** Numbers of edges to judge; by default the ten shares of all edges. */
  sizes?: readonly number[];
  /** What the reported curve ranks by. */
  ranking?: Ranking;
  /**
   * Drop edges that cannot matter before running: their number shrinks, the metric does not change. (In models with post-norms it
   * may, a little: see `prune`.)
   */
  prune?: boolean;
  /** Random circuits of equal size per size; 0 leaves the control out. */
  randomCircuits?: number;
  seed?: number;
}

export interface Evaluation {
  readonly clean: number;
  readonly corrupt: number;
  /** Metric with every edge cut. */
  readonly empty: number;
  readonly ablation: 'patch';
  readonly ranking: Ranking;
  readonly sizes: readonly number[];
  /** Edges left after pruning, per size. */
  readonly kept: number[];
  readonly metric: number[];
  /** (m(circuit) - m(empty)) / (m(full) - m(empty)), never clipped. */
  readonly faithfulness: number[];
  /** 95 % bootstrap interval of the faithfulness over pairs. */
  readonly interval: { readonly low: number[]; readonly high: number[] };
  /** Faithfulness of everything but the circuit; near 0 when the circuit is all there is. */
  readonly completeness: number[];
  /** Mean faithfulness of random circuits of equal size, with the lowest and the highest; null without the control. */
  readonly random: { readonly mean: number[]; readonly low: number[]; readonly high: number[] } | null;
  /** Area under the faithfulness of the signed ranking over the share of edges; null for other sizes than the ten shares. */
  readonly cpr: number | null;
  /** Area between 1 and the faithfulness of the absolute ranking; null for other sizes than the ten shares. */
  readonly cmd: number | null;
}

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** Area under `y` over `x` by the trapezoid rule, from the first to the last point. */
export function trapezoid(x: readonly number[], y: readonly number[]): number {
  let area = 0;
  for (let i = 1; i < x.length; i++) area += ((x[i] - x[i - 1]) * (y[i] + y[i - 1])) / 2;
  return area;
}

/**
 * How faithful the circuits are that the scores rank first: the model runs with the top edges of each size, all other edges
 * carrying their values of the corrupted prompt (patch ablation). Circuits, their complements and random circuits of equal
 * size are measured on the same pairs.
 */
export async function evaluateScores(
  model: Transformer,
  graph: EdgeGraph,
  scores: ArrayLike<number>,
  pairs: readonly Pair[],
  options: EvaluationOptions = {},
): Promise<Evaluation> {
  const { ranking = 'abs', sizes: asked, prune: pruning = true, randomCircuits = 3, seed = 0 } = options;
  const sizes = asked ?? fractions.map((f) => Math.max(1, Math.round(f * graph.edges)));
  const trim = (edges: EdgeSet): EdgeSet => (pruning ? prune(graph, edges) : edges);
  const tops = (order: readonly number[]): EdgeSet[] => sizes.map((n) => trim(edgeSet(graph, order.slice(0, n))));
  const chosen = tops(rank(graph, scores, ranking));
  // CPR and CMD each have a ranking of their own; one of them is the reported one.
  const other = asked ? [] : tops(rank(graph, scores, ranking === 'abs' ? 'signed' : 'abs'));
  const random = new Random(seed).fork('random circuits');
  const places = [...graph.places()];
  const controls = Array.from({ length: randomCircuits }, () => tops(random.shuffle(places)));
  const judged = await judge(model, graph, pairs, chosen, [...other, ...controls.flat()], options);
  const { faithfulness } = judged;
  const otherCurve = judged.extra.slice(0, other.length);
  const signed = ranking === 'signed' ? faithfulness : otherCurve;
  const absolute = ranking === 'abs' ? faithfulness : otherCurve;
  const share = sizes.map((n) => n / graph.edges);
  const runs = controls.map((_, i) => judged.extra.slice(other.length + i * sizes.length).slice(0, sizes.length));
  const across = (pick: (...values: number[]) => number): number[] =>
    sizes.map((_, i) => pick(...runs.map((r) => r[i])));
  return {
    ...judged.base,
    ranking,
    sizes,
    kept: chosen.map(countEdges),
    metric: judged.metric,
    faithfulness,
    interval: judged.interval,
    completeness: judged.completeness,
    random:
      randomCircuits === 0 ? null : { mean: across((...v) => mean(v)), low: across(Math.min), high: across(Math.max) },
    cpr: asked ? null : trapezoid(share, signed),
    cmd: asked
      ? null
      : trapezoid(
          share,
          absolute.map((f) => Math.abs(1 - f)),
        ),
  };
}

/** How faithful one given circuit is. `randomCircuits` of its size are the control. */
export async function evaluateCircuit(
  model: Transformer,
  graph: EdgeGraph,
  edges: EdgeSet,
  pairs: readonly Pair[],
  options: Omit<EvaluationOptions, 'sizes' | 'ranking'> = {},
): Promise<Evaluation> {
  const { randomCircuits = 3, seed = 0 } = options;
  const size = countEdges(edges);
  const circuit = options.prune === false ? edges : prune(graph, edges);
  const random = new Random(seed).fork('random circuits');
  const places = [...graph.places()];
  const controls = Array.from({ length: randomCircuits }, () => edgeSet(graph, random.shuffle(places).slice(0, size)));
  const judged = await judge(model, graph, pairs, [circuit], controls, options);
  const { extra } = judged;
  return {
    ...judged.base,
    ranking: 'abs',
    sizes: [size],
    kept: [countEdges(circuit)],
    metric: judged.metric,
    faithfulness: judged.faithfulness,
    interval: judged.interval,
    completeness: judged.completeness,
    random: extra.length === 0 ? null : { mean: [mean(extra)], low: [Math.min(...extra)], high: [Math.max(...extra)] },
    cpr: null,
    cmd: null,
  };
}

/** Measures circuits, their complements and further circuits in one go. */
async function judge(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  circuits: readonly EdgeSet[],
  further: readonly EdgeSet[],
  options: EvaluationOptions,
) {
  const nothing = new Uint8Array(graph.tableSize);
  const complements = circuits.map((c) => complement(graph, c));
  const all = [nothing, ...circuits, ...complements, ...further];
  const measured = await measureCircuits(model, graph, pairs, all, options);
  const [empty, ...rest] = measured.circuits;
  const [full, zero] = [mean(measured.clean), mean(empty)];
  const faithful = (values: Float64Array): number => (mean(values) - zero) / (full - zero);
  const own = rest.slice(0, circuits.length);
  return {
    base: { clean: full, corrupt: mean(measured.corrupt), empty: zero, ablation: 'patch' as const },
    metric: own.map(mean),
    faithfulness: own.map(faithful),
    interval: bootstrap(own, measured.clean, empty, options.seed ?? 0),
    completeness: rest.slice(circuits.length, 2 * circuits.length).map(faithful),
    extra: rest.slice(2 * circuits.length).map(faithful),
  };
}

/** Resamples of the pairs. */
const resamples = 1000;

/** 95 % percentile interval of the faithfulness when pairs are drawn again with replacement; one pair gives no interval. */
function bootstrap(
  circuits: readonly Float64Array[],
  full: Float64Array,
  empty: Float64Array,
  seed: number,
): { low: number[]; high: number[] } {
  const n = full.length;
  const random = new Random(seed).fork('bootstrap');
  const draws = Array.from({ length: resamples }, () => Int32Array.from({ length: n }, () => random.integer(n)));
  const total = (values: Float64Array, draw: Int32Array): number => draw.reduce((sum, i) => sum + values[i], 0);
  const bounds = circuits.map((values) => {
    const samples = draws
      .map((draw) => (total(values, draw) - total(empty, draw)) / (total(full, draw) - total(empty, draw)))
      .sort((a, b) => a - b);
    return [samples[Math.floor(0.025 * resamples)], samples[Math.ceil(0.975 * resamples) - 1]];
  });
  return { low: bounds.map((b) => b[0]), high: bounds.map((b) => b[1]) };
}

function edgeSet(graph: EdgeGraph, places: readonly number[]): EdgeSet {
  const edges = new Uint8Array(graph.tableSize);
  for (const place of places) edges[place] = 1;
  return edges;
}
