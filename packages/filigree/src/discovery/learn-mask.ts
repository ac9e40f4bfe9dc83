import { InputError } from '../errors.js';
import { minimise } from '../nn/fit.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  full,
  mean,
  neg,
  noGrad,
  Random,
  reshape,
  Scope,
  scope,
  sub,
  type Tensor,
  tensor,
} from '../tensor/index.js';
import { type Ablation, patchAblation } from './ablation.js';
import { defaultMemory, type Progress } from './batches.js';
import { measureCircuits } from './evaluate.js';
import { EdgeGraph } from './graph.js';
import { type MetricName, metric } from './metric.js';
import { runCut } from './run-circuit.js';
import { type Batch, makeBatch, runSources, sharingBatch } from './sources.js';

export interface MaskOptions extends Progress {
  /** What the circuit is asked to keep; `kl` is closeness to the full model's distribution. */
  metric?: MetricName;
  /** What a cut edge carries: by default the source's value on the corrupted prompt. */
  ablation?: Ablation;
  /** Updates of the gates. */
  steps?: number;
  /** Learning rate of AdamW. */
  lr?: number;
  /** Pairs of one step; fewer where they do not fit `memory`. */
  batch?: number;
  /** Bytes that activations may take. */
  memory?: number;
  seed?: number;
}

/** How a method learns gates. Tables over edges are `[destinations, sources]`; impossible edges are not read. */
export interface MaskMethod {
  /** Logit at which each gate starts. */
  readonly start: number;
  /** What is learned beside the gates' logits, by name; the gates' are `gates`. */
  readonly parameters?: ReadonlyMap<string, Tensor>;
  /**
   * How much of each edge is kept in a step, 0 to 1, differentiable in `logits`: `[1, destinations, sources]`, or with a mask per
   * pair `[1, pairs, destinations, sources]`.
   */
  draw(logits: Tensor, step: { readonly random: Random; readonly pairs: number }): Tensor;
  /** What is added to the loss, a scalar, from the logits and 1 where an edge is possible, both `[destinations, sources]`. */
  penalty(logits: Tensor, possible: Tensor, state: PenaltyState): Tensor;
}

export interface PenaltyState {
  readonly step: number;
  /** What the metric loses when every edge is cut. */
  readonly range: number;
}

export interface LearnedMask {
  readonly graph: EdgeGraph;
  /** Logit of each edge's gate, in a table over the graph's edges; minus infinity where no edge is possible. */
  readonly logits: Float64Array;
  /** Mean metric over the pairs on the clean and on the corrupted prompts. */
  readonly metric: { readonly clean: number; readonly corrupt: number };
}

/**
 * Learns one gate per edge by gradient descent: each step draws a mask z from the gates, runs a part of the pairs with every
 * destination reading sum_u z_uv y_u + (1 - z_uv) y~_u, and lowers
 *
 *     - mean metric + penalty
 *
 * by the gates' logits (AdamW without decay). Parts are drawn once and taken in turn. The same seed gives the same gates.
 *
 * @throws InputError for options that make no sense, for pairs that the model cannot read, or when one pair does not fit `memory`
 */
export async function learnMask(
  model: Transformer,
  pairs: readonly Pair[],
  options: MaskOptions & { steps: number; lr: number },
  method: MaskMethod,
): Promise<LearnedMask> {
  const {
    metric: name = 'kl',
    ablation = patchAblation,
    steps,
    lr,
    batch = 16,
    memory = defaultMemory,
    seed = 0,
    signal,
  } = options;
  for (const [what, value] of [
    ['steps', steps],
    ['batch', batch],
  ] as const) {
    if (!(Number.isInteger(value) && value > 0)) throw new InputError(`${what} must be a whole number, not ${value}.`);
  }
  if (!(lr > 0 && Number.isFinite(lr))) throw new InputError(`lr must be a positive number, not ${lr}.`);
  const graph = new EdgeGraph(model.config);
  const random = new Random(seed);
  const draws = random.fork('masks');
  const parts = splitPairs(model, graph, random.fork('batches').shuffle(pairs), batch, memory);
  const nothing = new Uint8Array(graph.tableSize);
  const ends = await measureCircuits(model, graph, pairs, [nothing], { metric: name, ablation, memory, signal });
  const [clean, corrupt, empty] = [ends.clean, ends.corrupt, ends.circuits[0]].map(average);
  const shape = [graph.destinations.length, graph.sources.length];
  const logits = full(shape, method.start);
  const possible = tensor(
    graph.destinations.flatMap((_, d) => graph.sources.map((_, s) => Number(graph.possible(s, d)))),
    shape,
  );
  // What the model does on both prompts does not change, but only the last part's is held: all parts' may not fit.
  const owner = new Scope();
  let held: { part: number; sources: PartSources } | undefined;
  const sourcesOf = (part: number): PartSources => {
    if (held?.part === part) return held.sources;
    owner.dispose();
    const batch = sharingBatch(model, parts[part].pairs, ablation);
    if (batch.past) owner.add(batch.past);
    held = { part, sources: owner.run(() => partSources(model, graph, batch, ablation)) };
    return held.sources;
  };
  try {
    const loss = (step: number): Tensor => {
      const part = step % parts.length;
      const { batch: own, counterfactual, reference } = sourcesOf(part);
      const kept = method.draw(logits, { random: draws, pairs: own.pairs.length });
      const run = runCut(model, graph, own, counterfactual, sub(1, kept));
      const value = mean(metric(name, reshape(run, reference.shape), own.pairs, reference));
      return add(neg(value), method.penalty(logits, possible, { step, range: Math.abs(clean - empty) }));
    };
    await minimise(new Map([['gates', logits], ...(method.parameters ?? [])]), loss, {
      steps,
      lr,
      optimiser: { kind: 'adamw', weightDecay: 0 },
      signal,
      onProgress: ({ step }) => options.onProgress?.({ done: step, total: steps, unit: 'steps' }),
    });
    const values = await logits.data();
    const table = new Float64Array(graph.tableSize).fill(Number.NEGATIVE_INFINITY);
    for (const place of graph.places()) {
      const { source, destination } = graph.ends(place);
      table[place] = values[destination * graph.sources.length + source];
    }
    return { graph, logits: table, metric: { clean, corrupt } };
  } finally {
    owner.dispose();
    logits.dispose();
    possible.dispose();
  }
}

interface PartSources {
  readonly batch: Batch;
  /** What the sources write where they are cut, `[sources, pairs, positions, width]`. */
  readonly counterfactual: Tensor;
  /** The full model's logits on the clean prompts, `[pairs, vocabulary]`. */
  readonly reference: Tensor;
}

function partSources(model: Transformer, graph: EdgeGraph, batch: Batch, ablation: Ablation): PartSources {
  return scope(() => {
    const clean = runSources(model, graph, batch.clean, batch.last, batch);
    const corrupt = runSources(model, graph, batch.corrupt, batch.last, batch);
    const counterfactual = noGrad(() => ablation.values({ batch, clean, corrupt }));
    return { batch, counterfactual, reference: clean.logits };
  });
}

/** Floats that a tracked run of one pair takes at most, gradients included; seen to take 0.45 to 0.85 of that. */
function floatsPerPair(model: Transformer, graph: EdgeGraph, length: number): number {
  const { layers, heads, width, mlpWidth, vocabulary } = model.config;
  const perLayer = 30 * heads * width + 16 * mlpWidth + 12 * heads * length;
  // A mask per pair passes through about a dozen tables on its way from coins to shares.
  const tables = 15 * graph.sources.length * graph.destinations.length;
  return length * (5 * graph.sources.length * width + layers * perLayer) + 6 * vocabulary + tables;
}

/** Parts of at most `most` pairs that fit. */
function splitPairs(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  most: number,
  memory: number,
): Batch[] {
  if (pairs.length === 0) throw new InputError('There are no pairs to run on.');
  const longest = Math.max(...pairs.map((p) => p.clean.length));
  const bytes = 4 * floatsPerPair(model, graph, longest);
  if (bytes > memory) {
    const [needed, left] = [bytes, memory].map((n) => Math.ceil(n / 2 ** 20));
    throw new InputError(
      `Learning a mask on one pair of ${longest} tokens needs about ${needed} MiB, and ${left} MiB are left for it; allow more (--memory).`,
    );
  }
  const size = Math.min(most, Math.floor(memory / bytes));
  const count = Math.ceil(pairs.length / size);
  // Parts of like size, so that each step sees about as many pairs.
  return Array.from({ length: count }, (_, i) =>
    makeBatch(pairs.slice(Math.round((i * pairs.length) / count), Math.round(((i + 1) * pairs.length) / count))),
  );
}

const average = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
