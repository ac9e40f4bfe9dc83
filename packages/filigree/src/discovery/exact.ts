import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  assign,
  at,
  concat,
  expand,
  noGrad,
  reshape,
  scope,
  slice,
  sub,
  sum,
  type Tensor,
} from '../tensor/index.js';
import { type Ablation, patchAblation } from './ablation.js';
import { defaultMemory, type Progress, planBatches } from './batches.js';
import { type Destination, EdgeGraph } from './graph.js';
import { type MetricName, metric } from './metric.js';
import type { EdgeScores } from './scores.js';
import { type Batch, entrances, runSources, type SourceValues, sharedTokens, sharingBatch } from './sources.js';

export interface ExactOptions extends Progress {
  metric?: MetricName;
  /** What a cut edge carries instead: by default its source's value of the corrupted prompt. */
  ablation?: Ablation;
  memory?: number;
}

/**
 * Activation patching of every single edge: score(u -> v) = m(run with only that edge cut) - m(clean), averaged over
 * pairs; the truth that attribution estimates. Each edge costs a forward pass from its destination's layer on; edges into one
 * destination run as one batch.
 *
 * @throws InputError for pairs that the model cannot read.
 */
export async function exactPatching(
  model: Transformer,
  pairs: readonly Pair[],
  options: ExactOptions = {},
): Promise<EdgeScores> {
  const { metric: name = 'logit-diff', ablation = patchAblation, memory = defaultMemory } = options;
  const graph = new EdgeGraph(model.config);
  const scores = new Float64Array(graph.tableSize);
  let clean = 0;
  let corrupt = 0;
  let done = 0;
  const total = graph.edges * pairs.length;
  // The plan is for one tracked run; the edges that run together have been seen to take up to 3.7 times that.
  const skipped = ablation.kind === 'patch' ? sharedTokens : undefined;
  for (const { pairs: part } of planBatches(model.config, graph, pairs, 1, memory / 4, skipped)([1])) {
    const batch = sharingBatch(model, part, ablation);
    const state = scope(() => {
      const clean = runSources(model, graph, batch.clean, batch.last, batch);
      const corrupt = runSources(model, graph, batch.corrupt, batch.last, batch);
      const cut = noGrad(() => ablation.values({ batch, clean, corrupt }));
      return { clean, cut, corrupt: corrupt.logits, entrances: entrances(model, batch) };
    });
    const { logits } = state.clean;
    const measured = async (of: Tensor): Promise<number> => {
      const value = scope(() => noGrad(() => sum(metric(name, of, part, logits))));
      const [number] = await value.data();
      value.dispose();
      return number;
    };
    const full = await measured(logits);
    clean += full;
    corrupt += await measured(state.corrupt);
    for (const [d, destination] of graph.destinations.entries()) {
      for (let first = 0; first < destination.reads; first += edgesAtOnce) {
        options.signal?.throwIfAborted();
        const end = Math.min(destination.reads, first + edgesAtOnce);
        const values = scope(() =>
          noGrad(() => {
            const patched = patchEdges(model, batch, state, destination, first, end);
            const rows = Array.from({ length: end - first }, () => part).flat();
            const reference = concat(
              Array.from({ length: end - first }, () => logits),
              0,
            );
            return sum(reshape(metric(name, patched, rows, reference), [end - first, part.length]), 1);
          }),
        );
        (await values.data()).forEach((value, i) => {
          scores[graph.index(first + i, d)] += (value - full) / pairs.length;
        });
        values.dispose();
        done += (end - first) * part.length;
        options.onProgress?.({ done, total, unit: 'edges' });
      }
    }
    batch.past?.dispose();
    for (const t of [state.clean.values, logits, state.cut, state.corrupt, ...state.entrances]) t.dispose();
  }
  return { graph, scores, metric: { clean: clean / pairs.length, corrupt: corrupt / pairs.length } };
}

/** Edges into one destination that run together: enough to fill the products, few enough to fit. */
const edgesAtOnce = 32;

/** Logits `[edges * pairs, vocabulary]` when one of the edges `first .. end - 1` into a destination is cut. */
function patchEdges(
  model: Transformer,
  batch: Batch,
  state: { clean: SourceValues; cut: Tensor; entrances: readonly Tensor[] },
  destination: Destination,
  first: number,
  end: number,
): Tensor {
  const count = end - first;
  const pairs = batch.pairs.length;
  const change = sub(slice(state.cut, 0, first, end), slice(state.clean.values, 0, first, end));
  const [, , length, width] = change.shape;
  const patch = reshape(change, [count * pairs, length, width]);
  const entrance = state.entrances[destination.layer];
  const residual = reshape(
    expand(reshape(entrance, [1, pairs, length, width]), [count, pairs, length, width]),
    patch.shape,
  );
  const sites = { q: 'q_input', k: 'k_input', v: 'v_input', mlp: 'mlp_in', logits: '' };
  const site = destination.kind === 'logits' ? 'final_in' : `blocks.${destination.layer}.${sites[destination.kind]}`;
  return model.run([], {
    from: { layer: destination.layer, residual },
    at: Array.from({ length: count }, () => batch.last).flat(),
    narrow: destination.layer < model.config.layers - 1,
    cache: batch.past,
    split: (layer) => layer === destination.layer && destination.head >= 0,
    edit(name, value) {
      if (name !== site) return value;
      if (destination.head < 0) return add(value, patch);
      // Only this head's copy of the stream changes.
      const copies = value.packed();
      const own = at(copies, 2, destination.head);
      assign(own, add(own, patch));
      return copies;
    },
  }).logits;
}
