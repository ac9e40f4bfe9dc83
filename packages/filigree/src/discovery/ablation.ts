import { InputError } from '../errors.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  einsum,
  expand,
  mul,
  noGrad,
  Random,
  reshape,
  scope,
  type Tensor,
  tensor,
  zeros,
} from '../tensor/index.js';
import { type Progress, planBatches } from './batches.js';
import { EdgeGraph } from './graph.js';
import { optimalConstants } from './optimal-ablation.js';
import { type Batch, makeBatch, runSources, type SourceValues } from './sources.js';

export const ablationNames = ['patch', 'zero', 'mean', 'mean-positional', 'resample', 'optimal'] as const;
/** What a source writes instead of its own value, where it is cut. */
export type AblationName = (typeof ablationNames)[number];

/** A batch's runs on both prompts. */
export interface PairRuns {
  readonly batch: Batch;
  readonly clean: SourceValues;
  readonly corrupt: SourceValues;
}

/** Counterfactual values of all sources, for any pairs of one model. */
export interface Ablation {
  readonly kind: AblationName;
  /**
   * What every source writes instead, `[sources, batch, positions, width]`, on the clean prompts of a batch; may be a view of the
   * runs. Throws InputError for pairs that the counterfactual does not fit.
   */
  values(runs: PairRuns): Tensor;
  /** Frees what the ablation keeps. */
  dispose(): void;
}

/** Sources take their values of the paired corrupted prompt. */
export const patchAblation: Ablation = { kind: 'patch', values: ({ corrupt }) => corrupt.values, dispose() {} };

export interface AblationOptions extends Progress {
  /** Draws the prompts of `resample`. */
  seed?: number;
  /** Bytes that activations may take. */
  memory?: number;
  /** Most updates of `optimal`, and their rate. */
  steps?: number;
  lr?: number;
}

/**
 * Counterfactuals by name. `pairs` are the reference set, whose clean prompts are used; take those that the circuit is found on, so
 * that nothing is learned from what it is judged on.
 *
 * - `patch`: the paired corrupted prompt. What the pair has in common stays.
 * - `zero`: zeros.
 * - `mean`: a source's mean over all positions of the reference set.
 * - `mean-positional`: its mean per position; all prompts must have one length.
 * - `resample`: the run on another prompt of the reference set, drawn among those of the same length.
 * - `optimal`: a constant per source, trained so that the model with only that source replaced stays closest to the full one
 *   (Li, Janson 2024, "Optimal Ablation for Interpretability").
 *
 * @throws InputError when the reference set does not allow it; `values` does for pairs that do not fit
 */
export async function makeAblation(
  kind: AblationName,
  model: Transformer,
  pairs: readonly Pair[],
  options: AblationOptions = {},
): Promise<Ablation> {
  const graph = new EdgeGraph(model.config);
  switch (kind) {
    case 'patch':
      return patchAblation;
    case 'zero':
      return { kind, values: ({ clean }) => expand(zeros([1, 1, 1, 1]), clean.values.shape), dispose() {} };
    case 'mean':
      return constants(kind, means(model, graph, pairs, options));
    case 'mean-positional':
      return positional(means(model, graph, aligned(pairs), options, true));
    case 'resample':
      return resample(model, graph, pairs, options.seed ?? 0);
    case 'optimal': {
      const start = means(model, graph, pairs, options);
      try {
        return constants(kind, await optimalConstants(model, graph, pairs, start, options));
      } finally {
        start.dispose();
      }
    }
  }
}

/** A constant per source, `[sources, width]`. */
function constants(kind: AblationName, values: Tensor): Ablation {
  const [sources, width] = values.shape;
  return {
    kind,
    values: ({ clean }) => expand(reshape(values, [sources, 1, 1, width]), clean.values.shape),
    dispose: () => values.dispose(),
  };
}

/** A constant per source and position, `[sources, positions, width]`. */
function positional(values: Tensor): Ablation {
  const [sources, positions, width] = values.shape;
  return {
    kind: 'mean-positional',
    values({ batch, clean }) {
      const other = batch.clean.find((row) => row.length !== positions);
      if (other) throw new InputError(unaligned(positions, other.length));
      return expand(reshape(values, [sources, 1, positions, width]), clean.values.shape);
    },
    dispose: () => values.dispose(),
  };
}

const unaligned = (a: number, b: number): string =>
  `mean-positional ablation needs prompts of one length, and there are some of ${a} and of ${b} tokens; use mean instead.`;

function aligned(pairs: readonly Pair[]): readonly Pair[] {
  const other = pairs.find((p) => p.clean.length !== pairs[0].clean.length);
  if (other) throw new InputError(unaligned(pairs[0].clean.length, other.clean.length));
  return pairs;
}

/** Mean of what each source writes on the clean prompts, `[sources, width]`, or per position, `[sources, positions, width]`. */
function means(
  model: Transformer,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  options: AblationOptions,
  perPosition = false,
): Tensor {
  const batches = planBatches(model.config, graph, pairs, 1, options.memory);
  const count = perPosition ? pairs.length : pairs.reduce((n, p) => n + p.clean.length, 0);
  let total: Tensor | undefined;
  for (const { pairs: part } of batches([1])) {
    options.signal?.throwIfAborted();
    const before = total;
    total = scope(() =>
      noGrad(() => {
        const { clean, last } = makeBatch(part);
        const { values } = runSources(model, graph, clean, last, { everywhere: true });
        // Padding counts for nothing.
        const real = clean.flatMap((row) => Array.from({ length: values.shape[2] }, (_, t) => Number(t < row.length)));
        const weights = mul(tensor(real, [part.length, values.shape[2]]), 1 / count);
        const sums = einsum(perPosition ? 'ubtd,bt->utd' : 'ubtd,bt->ud', values, weights);
        return before ? add(before, sums) : sums;
      }),
    );
    before?.dispose();
  }
  // planBatches refuses an empty set, so there was a batch.
  return total as Tensor;
}

function resample(model: Transformer, graph: EdgeGraph, pairs: readonly Pair[], seed: number): Ablation {
  const text = (tokens: readonly number[]): string => tokens.join(' ');
  const prompts = [...new Map(pairs.map((p) => [text(p.clean), p.clean])).values()];
  const draw = (own: readonly number[]): readonly number[] => {
    const others = prompts.filter((row) => row.length === own.length && text(row) !== text(own));
    if (others.length === 0) {
      throw new InputError(
        `resample ablation needs another prompt of ${own.length} tokens, and there is none; give more pairs, or use mean.`,
      );
    }
    // By the prompt itself, so that the draw does not depend on how pairs are batched.
    return new Random(seed).fork(text(own)).pick(others);
  };
  return {
    kind: 'resample',
    values: ({ batch }) => runSources(model, graph, batch.clean.map(draw), batch.last).values,
    dispose() {},
  };
}
