import { rowsAt } from '../nn/attention.js';
import type { TransformerConfig } from '../nn/config.js';
import { headReadGradients } from '../nn/reader-gradients.js';
import type { Transformer } from '../nn/transformer.js';
import {
  addAxis,
  backward,
  concat,
  mul,
  noGrad,
  ones,
  type Rules,
  reshape,
  sum,
  type Tensor,
} from '../tensor/index.js';
import type { EdgeGraph } from './graph.js';
import { type MetricName, metric } from './metric.js';
import type { Batch } from './sources.js';

/** Gradients by destinations that read the same sources. */
export interface ReaderGradient {
  /** The first of the destinations, their number, and the number of sources that they read. */
  readonly first: number;
  readonly count: number;
  readonly reads: number;
  /** `[destinations, batch, positions, width]`, averaged over the points; of those that read at the answer only, one position. */
  readonly gradient: Tensor;
}

/** Where on a line between two runs gradients are taken, as one batch: all pairs at the first point, then at the next. */
export interface Line {
  readonly points: number;
  /** The layer from whose entrance the model runs, and the residual stream there, `[points * batch, positions, width]`. */
  readonly layer: number;
  readonly residual: Tensor;
  /** Changes sites of the run, point-major like the residual stream. */
  readonly edit?: (site: string, value: Tensor) => Tensor;
  /** The tracked tensor that differs between points, of the residual stream's shape. */
  readonly moving: Tensor;
}

/**
 * The metric's gradient by each destination's own copy of the residual stream, averaged over the points of a line: of all
 * destinations that what moves along the line reaches. `cleanLogits`, `[batch, vocabulary]`, are the reference of `kl`.
 */
export function readerGradients(
  model: Transformer,
  graph: EdgeGraph,
  batch: Batch,
  line: Line,
  name: MetricName,
  cleanLogits: Tensor,
  rules: Rules | undefined,
): ReaderGradient[] {
  const { config } = model;
  const pairs = batch.pairs.length;
  const answers = repeat(batch.last, line.points);
  const layers = Array.from({ length: config.layers - line.layer }, (_, i) => line.layer + i);
  const read = layers.flatMap((l) => readSites(config).map((site) => `blocks.${l}.${site}`)).concat('final_in');
  const seen = layers.flatMap((l) => [
    `blocks.${l}.resid_pre`,
    ...(config.norm === 'none' ? [] : [`blocks.${l}.ln1.scale`]),
  ]);
  const { run, value, seed } = runLine(model, batch, line, name, cleanLogits, {
    ungroup: true,
    sites: [...read, ...seen],
  });
  const gradients = backward([{ tensor: value, seed }], read.map(run.site), { rules });
  const gradientAt = new Map(read.map((site, i) => [site, gradients[i]]));
  const byPoint = (t: Tensor): Tensor => reshape(t, [line.points, pairs, ...t.shape.slice(1)]);
  return noGrad(() => {
    const result: ReaderGradient[] = [];
    const whole = (first: number, site: string): void => {
      const gradient = gradientAt.get(site);
      if (!gradient) return;
      const summed = sum(byPoint(gradient), 0);
      result.push({ first, count: 1, reads: graph.destinations[first].reads, gradient: addAxis(summed, 0) });
    };
    for (const layer of layers) {
      const first = graph.firstDestination(layer);
      const scale = config.norm === 'none' ? undefined : run.site(`blocks.${layer}.ln1.scale`);
      const stream = run.site(`blocks.${layer}.resid_pre`);
      (['q', 'k', 'v'] as const).forEach((kind, i) => {
        const site = `blocks.${layer}.attn.${kind}`;
        const slope = gradientAt.get(site);
        if (!slope) return;
        const here = (t: Tensor): Tensor => byPoint(t.shape[1] === slope.shape[1] ? t : rowsAt(t, answers));
        const reads = {
          residual: here(stream),
          scale: scale && here(scale),
          projected: byPoint(run.site(site)),
          gradient: byPoint(slope),
        };
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

/** Runs the points of a line, with the metric `[points * batch]` and a seed that averages its gradient over points. */
export function runLine(
  model: Transformer,
  batch: Batch,
  line: Line,
  name: MetricName,
  cleanLogits: Tensor,
  options: { ungroup?: boolean; sites: readonly string[] },
) {
  const run = model.run([], {
    from: { layer: line.layer, residual: line.residual },
    at: repeat(batch.last, line.points),
    narrow: true,
    cache: batch.past,
    edit: line.edit,
    ...options,
  });
  const reference = name === 'kl' ? concat(repeat([cleanLogits], line.points), 0) : undefined;
  const value = metric(name, run.logits, repeat(batch.pairs, line.points), reference);
  return { run, value, seed: mul(ones(value.shape, value.device), 1 / line.points) };
}

/** The items, again and again. */
export const repeat = <T>(items: readonly T[], times: number): T[] => Array.from({ length: times }, () => items).flat();

/** Sites of a block by which gradients are wanted. */
function readSites(config: TransformerConfig): string[] {
  const attention = ['attn.q', 'attn.k', 'attn.v'];
  return config.mlpWidth > 0 ? [...attention, 'mlp_in'] : attention;
}
