import { Optimiser } from '../nn/optimiser.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  addAxis,
  alias,
  assign,
  at,
  backward,
  concat,
  contiguous,
  expand,
  mul,
  noGrad,
  ones,
  reshape,
  scope,
  slice,
  sum,
  type Tensor,
  track,
  zeros,
} from '../tensor/index.js';
import { defaultMemory, type Progress, planBatches } from './batches.js';
import type { EdgeGraph } from './graph.js';
import { metric } from './metric.js';
import { type Batch, entrances, makeBatch, runSources } from './sources.js';

export interface OptimalOptions extends Progress {
  /** Most updates. */
  steps?: number;
  lr?: number;
  memory?: number;
}

/** Updates without an improvement of a hundredth after which a group of sources is done. */
const patience = 50;

/**
 * Constants that sources may write with the least harm (Li, Janson 2024, "Optimal Ablation for Interpretability"): for each
 * source u alone,
 *
 *     a_u = argmin_a mean over pairs of KL(full model || model in which u writes a at every position),
 *
 * by Adam from the mean. The sources of a layer train side by side, each in its own rows of one batch, as if alone; each keeps its
 * best constant.
 *
 * @param start `[sources, width]`
 * @returns `[sources, width]`
 */
export async function optimalConstants(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  start: Tensor,
  options: OptimalOptions,
): Promise<Tensor> {
  const groups = [
    { first: 0, count: 1, layer: 0 },
    ...Array.from({ length: model.config.layers }, (_, layer) => {
      const first = graph.firstSource(layer);
      const next = layer + 1 < model.config.layers ? graph.firstSource(layer + 1) : graph.sources.length;
      return { first, count: next - first, layer };
    }),
  ];
  const best = start.packed();
  let done = 0;
  try {
    for (const group of groups) {
      await trainGroup(model, graph, pairs, group, best, options);
      done += group.count;
      options.onProgress?.({ done, total: graph.sources.length, unit: 'sources' });
    }
    return best;
  } catch (error) {
    best.dispose();
    throw error;
  }
}

interface Group {
  readonly first: number;
  readonly count: number;
  readonly layer: number;
}

/** Trains the constants of one layer's sources, from and into their rows of `best`. */
async function trainGroup(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  group: Group,
  best: Tensor,
  options: OptimalOptions,
): Promise<void> {
  const { steps = 1000, lr = 1e-3, memory = defaultMemory } = options;
  const rows = slice(best, 0, group.first, group.first + group.count);
  const constants = rows.packed();
  const optimiser = new Optimiser({ kind: 'adamw', weightDecay: 0 });
  const parameters = new Map([['constants', constants]]);
  const parts = [...planBatches(model.config, graph, pairs, group.count, memory)([1])].map(({ pairs: part }) =>
    prepare(model, graph, makeBatch(part), group.layer),
  );
  const lowest = new Float64Array(group.count).fill(Number.POSITIVE_INFINITY);
  let waited = 0;
  try {
    for (let step = 0; step <= steps && waited < patience; step++) {
      options.signal?.throwIfAborted();
      const { losses, gradient } = scope(() => {
        const results = parts.map((part) => lossOf(model, group, constants, part));
        const total = (pick: (r: (typeof results)[number]) => Tensor): Tensor =>
          mul(
            results.map(pick).reduce((a, b) => add(a, b)),
            1 / pairs.length,
          );
        return { losses: total((r) => r.losses), gradient: contiguous(total((r) => r.gradient)) };
      });
      waited++;
      (await losses.data()).forEach((loss, i) => {
        if (!(loss < lowest[i])) return;
        if (loss < 0.99 * lowest[i]) waited = 0;
        lowest[i] = loss;
        scope(() => assign(at(rows, 0, i), at(constants, 0, i)));
      });
      optimiser.step(parameters, [gradient], lr);
      losses.dispose();
      gradient.dispose();
    }
  } finally {
    optimiser.dispose();
    for (const t of [rows, constants, ...parts.flatMap((p) => [p.residual, p.logits])]) t.dispose();
  }
}

interface Part {
  readonly batch: Batch;
  /** The clean stream at the entrance of the layer, `[batch, positions, width]`, and the clean logits. */
  readonly residual: Tensor;
  readonly logits: Tensor;
}

function prepare(model: Transformer, graph: EdgeGraph, batch: Batch, layer: number): Part {
  return scope(() => ({
    batch,
    residual: entrances(model, batch)[layer],
    logits: runSources(model, graph, batch.clean, batch.last).logits,
  }));
}

/** Per source, the divergence summed over a batch when it alone writes its constant, `[sources]`, and the gradient by constants. */
function lossOf(
  model: Transformer,
  { first, count, layer }: Group,
  constants: Tensor,
  { batch, residual, logits }: Part,
): { losses: Tensor; gradient: Tensor } {
  const [pairs, length, width] = residual.shape;
  const own = track(alias(constants));
  // Row block u of the batch is the run in which source u of the group is replaced.
  const block = [count, pairs, length, width];
  const replacement = (u: number): Tensor => expand(reshape(at(own, 0, u), [1, 1, width]), [pairs, length, width]);
  /** The site's value, `[count * pairs, ...]`, with that of source `u` replaced in its own block. */
  const replaced = (value: Tensor, u: number): Tensor => {
    const blocks = reshape(value, block);
    const pieces = [slice(blocks, 0, 0, u), addAxis(replacement(u), 0), slice(blocks, 0, u + 1, count)];
    return reshape(
      concat(
        pieces.filter((p) => p.size > 0),
        0,
      ),
      [count * pairs, length, width],
    );
  };
  const { heads } = model.config;
  const repeated =
    first === 0 ? replacement(0) : reshape(expand(addAxis(residual, 0), block), [count * pairs, length, width]);
  const run = model.run([], {
    from: { layer, residual: repeated },
    at: Array.from({ length: count }, () => batch.last).flat(),
    results: true,
    edit(site, value) {
      if (first === 0) return value;
      if (site === `blocks.${layer}.mlp_out`) return replaced(value, heads);
      if (site !== `blocks.${layer}.attn.result`) return value;
      const written = Array.from({ length: heads }, (_, h) => addAxis(replaced(at(value, 2, h), h), 2));
      return concat(written, 2);
    },
  });
  const reference = concat(
    Array.from({ length: count }, () => logits),
    0,
  );
  const rows = Array.from({ length: count }, () => batch.pairs).flat();
  // The metric is minus the divergence.
  const losses = mul(sum(reshape(metric('kl', run.logits, rows, reference), [count, pairs]), 1), -1);
  const [gradient] = backward([{ tensor: losses, seed: ones(losses.shape) }], [own]);
  return noGrad(() => ({ losses: alias(losses), gradient: gradient ?? zeros(constants.shape) }));
}
