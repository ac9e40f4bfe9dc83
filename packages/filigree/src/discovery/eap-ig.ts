import type { TransformerConfig } from '../nn/config.js';
import { headReadGradients } from '../nn/reader-gradients.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  alias,
  assign,
  at,
  backward,
  concat,
  einsum,
  mul,
  noGrad,
  ones,
  type Rules,
  reshape,
  scope,
  slice,
  sub,
  sum,
  Tensor,
  tensor,
  track,
  zeros,
} from '../tensor/index.js';
import { type Progress, planBatches } from './batches.js';
import { EdgeGraph } from './graph.js';
import { type MetricName, metric } from './metric.js';
import type { EdgeScores } from './scores.js';
import { type Batch, makeBatch, runSources, type SourceValues, sourceDifferences } from './sources.js';

/** Where on the line from the corrupted (0) to the clean embeddings (1) the gradient is taken. */
export type IntegrationRule = 'right' | 'left' | 'mid';

export interface AttributionOptions extends Progress {
  metric?: MetricName;
  /** Points of the integral. */
  steps?: number;
  /** `right`: k/m for k = 1..m; `left`: k = 0..m-1, as the authors' code; `mid`: midpoints. */
  rule?: IntegrationRule;
  /** Backward rules by tag, for other attributions on the same reverse pass. */
  rules?: Rules;
  /** Bytes that activations may take; batches are split to fit. */
  memory?: number;
}

/** The points of an integration rule. */
export function integrationPoints(rule: IntegrationRule, steps: number): number[] {
  const shift = rule === 'right' ? 1 : rule === 'left' ? 0 : 0.5;
  return Array.from({ length: steps }, (_, k) => (k + shift) / steps);
}

/**
 * Edge attribution patching with integrated gradients on the inputs (Hanna, Pezzelle, Belinkov 2024, "Have Faith in
 * Faithfulness"):
 *
 *     score(u -> v) = < y~_u - y_u , mean_k dm/dx_v (z' + alpha_k (z - z')) >
 *
 * with y, y~ what source u writes on the clean and on the corrupted prompt, z, z' their embeddings, x_v the destination's own copy
 * of the residual stream before its norm; summed over positions and features, averaged over pairs. The score estimates the
 * change of the metric when the edge takes its corrupted value: helpful edges are negative. All edges at once: two forward
 * passes, `steps` forward and backward passes and one matrix product per layer.
 *
 * @throws InputError for pairs that the model cannot read.
 */
export async function eapIg(
  model: Transformer,
  pairs: readonly Pair[],
  options: AttributionOptions = {},
): Promise<EdgeScores> {
  const { steps = 5, rule = 'right' } = options;
  return attribute(model, pairs, { ...options, points: integrationPoints(rule, steps) });
}

/** The shared estimator: gradients at the given points of the line, one point (1, the clean prompt) for plain EAP. */
export async function attribute(
  model: Transformer,
  pairs: readonly Pair[],
  options: Omit<AttributionOptions, 'steps' | 'rule'> & { points: readonly number[] },
): Promise<EdgeScores> {
  const { metric: name = 'logit-diff', points, rules, memory } = options;
  const graph = new EdgeGraph(model.config);
  const total = new Float64Array(graph.tableSize);
  let clean = 0;
  let corrupt = 0;
  const batches = planBatches(model.config, graph, pairs, points.length, memory);
  let done = 0;
  for (const { pairs: part, points: share } of batches(points)) {
    options.signal?.throwIfAborted();
    const { scores, values } = scope(() => attributeBatch(model, graph, makeBatch(part), share, name, rules));
    const [table, measured] = [await scores.data(), await values.data()];
    scores.dispose();
    values.dispose();
    for (let i = 0; i < total.length; i++) total[i] += (table[i] * share.length) / points.length / pairs.length;
    part.forEach((_, i) => {
      clean += (measured[i] * share.length) / points.length / pairs.length;
      corrupt += (measured[part.length + i] * share.length) / points.length / pairs.length;
    });
    done += (part.length * share.length) / points.length;
    options.onProgress?.({ done, total: pairs.length, unit: 'pairs' });
  }
  return { graph, scores: total, metric: { clean, corrupt } };
}

/** Scores summed over the pairs of a batch and averaged over points, `[sources, destinations]`, with both metrics, `[2 pairs]`. */
function attributeBatch(
  model: Transformer,
  graph: EdgeGraph,
  batch: Batch,
  points: readonly number[],
  name: MetricName,
  rules: Rules | undefined,
): { scores: Tensor; values: Tensor } {
  const clean = runSources(model, graph, batch.clean, batch.last);
  const corrupt = runSources(model, graph, batch.corrupt, batch.last);
  const values = Tensor.allocate([2, batch.pairs.length]);
  assign(at(values, 0, 0), metric(name, clean.logits, batch.pairs, clean.logits));
  assign(at(values, 0, 1), metric(name, corrupt.logits, batch.pairs, clean.logits));
  const readers = readerGradients(model, graph, batch, clean, corrupt, points, name, rules);
  const differences = sourceDifferences(clean, corrupt);
  const scores = zeros([graph.sources.length, graph.destinations.length]);
  noGrad(() => {
    for (const { first, count, reads, gradient } of readers) {
      const part = einsum('ubtd,vbtd->uv', slice(differences, 0, 0, reads), gradient);
      assign(slice(slice(scores, 0, 0, reads), 1, first, first + count), part);
    }
  });
  return { scores, values: reshape(values, [-1]) };
}

interface ReaderGradient {
  readonly first: number;
  readonly count: number;
  readonly reads: number;
  /** `[destinations, batch, positions, width]`, averaged over the points. */
  readonly gradient: Tensor;
}

/** The metric's gradient by each destination's own copy of the residual stream, averaged over the line's points. */
function readerGradients(
  model: Transformer,
  graph: EdgeGraph,
  batch: Batch,
  clean: SourceValues,
  corrupt: SourceValues,
  points: readonly number[],
  name: MetricName,
  rules: Rules | undefined,
): ReaderGradient[] {
  const { config } = model;
  const pairs = batch.pairs.length;
  // All points of the line go through the model as one batch, point-major.
  const from = at(corrupt.values, 0, 0);
  const to = at(clean.values, 0, 0);
  const [, length, width] = from.shape;
  const line = tensor(points, [points.length, 1, 1, 1], undefined, from.device);
  const residual = track(alias(reshape(add(from, mul(line, sub(to, from))), [points.length * pairs, length, width])));
  const repeat = <T>(items: readonly T[]): T[] => points.flatMap(() => items);
  const layers = Array.from({ length: config.layers }, (_, l) => l);
  const read = layers.flatMap((l) => readSites(config).map((site) => `blocks.${l}.${site}`)).concat('final_in');
  const seen = layers.flatMap((l) => [
    `blocks.${l}.resid_pre`,
    ...(config.norm === 'none' ? [] : [`blocks.${l}.ln1.scale`]),
  ]);
  const run = model.run([], {
    from: { layer: 0, residual },
    at: repeat(batch.last),
    ungroup: true,
    sites: [...read, ...seen],
  });
  const reference = name === 'kl' ? concat(repeat([clean.logits]), 0) : undefined;
  const value = metric(name, run.logits, repeat(batch.pairs), reference);
  const seed = mul(ones(value.shape, value.device), 1 / points.length);
  const gradients = backward([{ tensor: value, seed }], read.map(run.site), { rules });
  const gradientAt = new Map(read.map((site, i) => [site, gradients[i]]));
  const byPoint = (t: Tensor): Tensor => reshape(t, [points.length, pairs, ...t.shape.slice(1)]);
  return noGrad(() => {
    const result: ReaderGradient[] = [];
    const whole = (first: number, site: string): void => {
      const gradient = gradientAt.get(site);
      if (!gradient) return;
      const summed = reshape(sum(byPoint(gradient), 0), [1, pairs, length, width]);
      result.push({ first, count: 1, reads: graph.destinations[first].reads, gradient: summed });
    };
    for (const layer of layers) {
      const first = graph.firstDestination(layer);
      const scale = config.norm === 'none' ? undefined : byPoint(run.site(`blocks.${layer}.ln1.scale`));
      const stream = byPoint(run.site(`blocks.${layer}.resid_pre`));
      (['q', 'k', 'v'] as const).forEach((kind, i) => {
        const site = `blocks.${layer}.attn.${kind}`;
        const slope = gradientAt.get(site);
        if (!slope) return;
        const reads = { residual: stream, scale, projected: byPoint(run.site(site)), gradient: byPoint(slope) };
        const gradient = headReadGradients(config, model.weights.blocks[layer], kind, reads, rules);
        const { reads: sources } = graph.destinations[first];
        result.push({ first: first + i * config.heads, count: config.heads, reads: sources, gradient });
      });
      if (config.mlpWidth > 0) whole(first + 3 * config.heads, `blocks.${layer}.mlp_in`);
    }
    whole(graph.destinations.length - 1, 'final_in');
    return result;
  });
}

/** Sites of a block by which gradients are wanted. */
function readSites(config: TransformerConfig): string[] {
  const attention = ['attn.q', 'attn.k', 'attn.v'];
  return config.mlpWidth > 0 ? [...attention, 'mlp_in'] : attention;
}
