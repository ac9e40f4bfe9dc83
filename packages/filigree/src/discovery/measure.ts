import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { at, noGrad, scope, type Tensor } from '../tensor/index.js';
import { type Ablation, patchAblation } from './ablation.js';
import { defaultMemory, type Progress } from './batches.js';
import type { EdgeGraph } from './graph.js';
import { type MetricName, metric } from './metric.js';
import { type Batch, runSources, sharedTokens, sharingBatch } from './sources.js';

export interface MeasureOptions extends Progress {
  metric?: MetricName;
  /** What is cut writes instead: by default its values of the corrupted prompt. */
  ablation?: Ablation;
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
 * Measures circuits of any kind on every pair, in batches that fit the memory.
 * @param run runs a batch's clean prompts with some circuits, cut sources taking the counterfactual `[sources, batch, positions,
 *   width]`; gives logits at the last positions, `[circuits, batch, vocabulary]`
 */
export async function measureRuns<C>(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  circuits: readonly C[],
  run: (batch: Batch, counterfactual: Tensor, circuits: readonly C[]) => Tensor,
  options: MeasureOptions = {},
): Promise<Measured> {
  const { metric: name = 'logit-diff', ablation = patchAblation, memory = defaultMemory } = options;
  const result: Measured = {
    clean: new Float64Array(pairs.length),
    corrupt: new Float64Array(pairs.length),
    circuits: circuits.map(() => new Float64Array(pairs.length)),
  };
  const shared = pairs.map(sharedTokens);
  const order = [...pairs.keys()].sort(
    (a, b) => pairs[a].clean.length - pairs[b].clean.length || shared[a] - shared[b],
  );
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
    const batch = sharingBatch(
      model,
      part.map((i) => pairs[i]),
      ablation,
    );
    const { clean, corrupt, cut } = scope(() => {
      const clean = runSources(model, graph, batch.clean, batch.last, batch);
      const corrupt = runSources(model, graph, batch.corrupt, batch.last, batch);
      const cut = noGrad(() => ablation.values({ batch, clean, corrupt }));
      return { clean: clean.logits, corrupt: corrupt.logits, cut };
    });
    const store = async (logits: Tensor, into: Float64Array): Promise<void> => {
      const values = scope(() => noGrad(() => metric(name, logits, batch.pairs, clean)));
      (await values.data()).forEach((value, i) => {
        into[part[i]] = value;
      });
      values.dispose();
    };
    await store(clean, result.clean);
    await store(corrupt, result.corrupt);
    const each = bytes(pairs[part[part.length - 1]].clean.length) * part.length;
    const atOnce = Math.max(1, Math.min(16, Math.floor(memory / each)));
    for (let c = 0; c < circuits.length; c += atOnce) {
      options.signal?.throwIfAborted();
      const group = circuits.slice(c, c + atOnce);
      const logits = run(batch, cut, group);
      for (let i = 0; i < group.length; i++) {
        const own = scope(() => at(logits, 0, i));
        await store(own, result.circuits[c + i]);
        own.dispose();
      }
      logits.dispose();
      done += group.length * part.length;
      options.onProgress?.({ done, total, unit: 'runs' });
    }
    for (const t of [clean, corrupt, cut, batch.past]) t?.dispose();
    start = end;
  }
  return result;
}
