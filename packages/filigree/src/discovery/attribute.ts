import { InputError } from '../errors.js';
import { rowsAt } from '../nn/attention.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { assign, at, noGrad, type Rules, reshape, scope, sub, Tensor } from '../tensor/index.js';
import { type Ablation, type PairRuns, patchAblation } from './ablation.js';
import { type Progress, planBatches } from './batches.js';
import type { EdgeGraph } from './graph.js';
import { type MetricName, metric } from './metric.js';
import { runSources, sharedTokens, sharingBatch } from './sources.js';

/** What every attribution by gradients takes. */
export interface EstimateOptions extends Progress {
  metric?: MetricName;
  /** What cut sources write instead: by default their values of the corrupted prompt. */
  ablation?: Ablation;
  /** Backward rules by tag, for other attributions on the same reverse pass. */
  rules?: Rules;
  /** Bytes that activations may take; batches are split to fit. */
  memory?: number;
}

/** A batch's runs, with what sources write when they are cut and how that differs, `[sources, batch, positions, width]`. */
export interface Counterfactual extends PairRuns {
  readonly values: Tensor;
  readonly differences: Tensor;
}

/** The differences at the positions that a gradient `[…, batch, positions, width]` has: all, or the answers' alone. */
export function differencesAt({ differences, batch }: Counterfactual): (gradient: Tensor) => Tensor {
  let answers: Tensor | undefined;
  return (gradient) => {
    if (gradient.shape.at(-2) === differences.shape[2]) return differences;
    answers ??= rowsAt(differences, batch.last);
    return answers;
  };
}

/**
 * Runs an estimator over all pairs in batches that fit the memory and averages what it gives.
 * @param points of a line, all of which go through the model as one batch where they fit
 * @param estimate scores summed over a batch's pairs and averaged over the points given
 * @returns the scores, flat, and the mean metric on both prompts
 */
export async function overBatches(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  points: readonly number[],
  options: EstimateOptions,
  estimate: (runs: Counterfactual, points: readonly number[]) => Tensor,
): Promise<{ scores: Float64Array; metric: { clean: number; corrupt: number } }> {
  const { metric: name = 'logit-diff', ablation = patchAblation, memory } = options;
  // Where the counterfactual is the other prompt, what they share need not be run for each.
  const skipped = ablation.kind === 'patch' ? sharedTokens : undefined;
  const batches = planBatches(model.config, graph, pairs, points.length, memory, skipped);
  let total: Float64Array | undefined;
  let clean = 0;
  let corrupt = 0;
  let done = 0;
  for (const { pairs: part, points: share } of batches(points)) {
    options.signal?.throwIfAborted();
    const batch = sharingBatch(model, part, ablation);
    const { scores, values } = scope(() => {
      const runs = {
        batch,
        clean: runSources(model, graph, batch.clean, batch.last, batch),
        corrupt: runSources(model, graph, batch.corrupt, batch.last, batch),
      };
      const counterfactual = noGrad(() => {
        const values = ablation.values(runs);
        return { ...runs, values, differences: sub(values, runs.clean.values) };
      });
      return { scores: estimate(counterfactual, share), values: bothMetrics(name, runs) };
    });
    batch.past?.dispose();
    const [table, measured] = [await scores.data(), await values.data()];
    scores.dispose();
    values.dispose();
    total ??= new Float64Array(table.length);
    for (let i = 0; i < total.length; i++) total[i] += (table[i] * share.length) / points.length / pairs.length;
    part.forEach((_, i) => {
      clean += (measured[i] * share.length) / points.length / pairs.length;
      corrupt += (measured[part.length + i] * share.length) / points.length / pairs.length;
    });
    done += (part.length * share.length) / points.length;
    options.onProgress?.({ done, total: pairs.length, unit: 'pairs' });
  }
  return { scores: total ?? new Float64Array(0), metric: { clean, corrupt } };
}

/** The metric on the clean prompts, then on the corrupted ones, `[2 pairs]`. */
function bothMetrics(name: MetricName, { batch, clean, corrupt }: PairRuns): Tensor {
  const values = Tensor.allocate([2, batch.pairs.length]);
  assign(at(values, 0, 0), metric(name, clean.logits, batch.pairs, clean.logits));
  assign(at(values, 0, 1), metric(name, corrupt.logits, batch.pairs, clean.logits));
  return reshape(values, [-1]);
}

/** Refuses the metric whose gradient is zero at the only point, 1, where it would be taken. */
export function checkPoints(points: readonly number[], name: MetricName | undefined): void {
  if (name === 'kl' && points.every((point) => point === 1)) {
    throw new InputError(
      'The gradient of kl is zero on the clean prompt, and so would be all scores; use eap-ig with more steps, or exact.',
    );
  }
}

/** Refuses a line between prompts where the counterfactual is no prompt. */
export function checkLine(points: readonly number[], ablation: Ablation = patchAblation): void {
  if (points.every((point) => point === 1) || ablation.kind === 'patch' || ablation.kind === 'resample') return;
  throw new InputError(
    `Gradients along the inputs need a second prompt, which ${ablation.kind} ablation has not; use eap-ig-activations.`,
  );
}
