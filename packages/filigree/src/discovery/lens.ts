import type { TransformerConfig } from '../nn/config.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { concat, noGrad, reshape, Scope } from '../tensor/index.js';
import { type Progress, planBatches } from './batches.js';
import { EdgeGraph } from './graph.js';
import { type MetricName, metric } from './metric.js';
import { readValues } from './read-values.js';
import { makeBatch } from './sources.js';

export interface LensOptions extends Progress {
  /** Tokens to keep of each position, likeliest first. */
  top?: number;
  /** A token to follow. */
  answer?: number;
}

/** A token and how likely the lens finds it. `rank` is 1 for the likeliest; equal logits share the better rank. */
export interface LensToken {
  readonly id: number;
  readonly logit: number;
  readonly probability: number;
  readonly rank: number;
}

/** What the lens sees at one layer and position. */
export interface LensCell {
  readonly top: readonly LensToken[];
  /** The token that is followed, if one is. */
  readonly answer?: LensToken;
}

/** What the lens sees, by row (`lensRows`) and position. */
export interface Lens {
  readonly rows: readonly string[];
  readonly cells: readonly (readonly LensCell[])[];
}

/** The points at which the lens looks: the embedding, and the stream after each layer. */
export function lensRows({ layers }: Pick<TransformerConfig, 'layers'>): string[] {
  return ['embed', ...Array.from({ length: layers }, (_, l) => `blocks.${l}.resid_post`)];
}

/** The same as sites of a run: the stream after a layer is the stream before the next. */
const streamSites = ({ layers }: TransformerConfig): string[] =>
  Array.from({ length: layers + 1 }, (_, l) => (l < layers ? `blocks.${l}.resid_pre` : 'final_in'));

/**
 * The logit lens (nostalgebraist 2020, "interpreting GPT: the logit lens") on one prompt: what the model would say if it ended
 * after a layer,
 *
 *     logits(layer, t) = W_U norm_final(x_layer,t)
 *
 * with the norm's scale computed from x_layer,t itself; after the last layer these are the model's logits.
 *
 * @throws InputError for a prompt that the model cannot read.
 */
export async function logitLens(
  model: Transformer,
  tokens: readonly number[],
  options: LensOptions = {},
): Promise<Lens> {
  const { top = 5, answer } = options;
  const { layers, vocabulary } = model.config;
  const state = new Scope();
  try {
    const sites = streamSites(model.config);
    const run = state.run(() => noGrad(() => model.run([tokens], { sites })));
    const cells: LensCell[][] = [];
    for (const [row, site] of sites.entries()) {
      options.signal?.throwIfAborted();
      const logits = await readValues(
        () => model.run([], { from: { layer: layers, residual: run.site(site) } }).logits,
      );
      cells.push(tokens.map((_, t) => seen(logits.subarray(t * vocabulary, (t + 1) * vocabulary), top, answer)));
      options.onProgress?.({ done: row + 1, total: sites.length, unit: 'layers' });
    }
    return { rows: lensRows(model.config), cells };
  } finally {
    state.dispose();
  }
}

/** The lens at the last position, averaged over pairs; one entry a row (`lensRows`) in every list. */
export interface LensCurve {
  readonly rows: readonly string[];
  /** The task's metric. */
  readonly metric: readonly number[];
  /** Probability of the answers together, and of the wrong ones. */
  readonly answer: readonly number[];
  readonly wrong: readonly number[];
  /** Rank of the best answer, 1 where it is the likeliest token. */
  readonly rank: readonly number[];
}

/**
 * The logit lens at the last position of the clean prompts, averaged over pairs: after which layer the model knows the answer.
 * @throws InputError for pairs that the model cannot read.
 */
export async function lensCurve(
  model: Transformer,
  pairs: readonly Pair[],
  options: Progress & { metric?: MetricName; memory?: number } = {},
): Promise<LensCurve> {
  const { metric: name = 'logit-diff', memory } = options;
  const { config } = model;
  const sites = streamSites(config);
  const zero = (): number[] => sites.map(() => 0);
  const curve = { metric: zero(), answer: zero(), wrong: zero(), rank: zero() };
  let done = 0;
  for (const { pairs: part } of planBatches(config, new EdgeGraph(config), pairs, 1, memory)([1])) {
    options.signal?.throwIfAborted();
    const batch = makeBatch(part);
    const state = new Scope();
    try {
      const run = state.run(() => noGrad(() => model.run(batch.clean, { at: batch.last, sites })));
      for (const [row, site] of sites.entries()) {
        const both = await readValues(() => {
          const residual = run.site(site);
          const { logits } = model.run([], { from: { layer: config.layers, residual }, at: batch.last });
          return concat([reshape(metric(name, logits, part, run.logits), [part.length, 1]), logits], 1);
        });
        part.forEach((pair, b) => {
          const [measured, own] = rowOf(both, b, config.vocabulary);
          const scale = logSum(own);
          const share = (ids: readonly number[]): number => ids.reduce((p, id) => p + Math.exp(own[id] - scale), 0);
          curve.metric[row] += measured / pairs.length;
          curve.answer[row] += share(pair.answers) / pairs.length;
          curve.wrong[row] += share(pair.wrongs) / pairs.length;
          curve.rank[row] += Math.min(...pair.answers.map((id) => rankOf(own, id))) / pairs.length;
        });
      }
    } finally {
      state.dispose();
    }
    done += part.length;
    options.onProgress?.({ done, total: pairs.length, unit: 'pairs' });
  }
  return { rows: lensRows(config), ...curve };
}

/** The metric and the logits of one pair. */
function rowOf(both: Float64Array, b: number, vocabulary: number): [metric: number, logits: Float64Array] {
  const start = b * (vocabulary + 1);
  return [both[start], both.subarray(start + 1, start + 1 + vocabulary)];
}

/** The likeliest tokens of one row of logits, and the one that is followed. */
function seen(logits: Float64Array, top: number, answer: number | undefined): LensCell {
  const scale = logSum(logits);
  const token = (id: number): LensToken => ({
    id,
    logit: logits[id],
    probability: Math.exp(logits[id] - scale),
    rank: rankOf(logits, id),
  });
  const best: number[] = [];
  logits.forEach((logit, id) => {
    if (best.length === top && !(logit > logits[best[top - 1]])) return;
    const place = best.findIndex((other) => logit > logits[other]);
    best.splice(place < 0 ? best.length : place, 0, id);
    if (best.length > top) best.pop();
  });
  return { top: best.map(token), ...(answer === undefined ? {} : { answer: token(answer) }) };
}

const rankOf = (logits: Float64Array, id: number): number =>
  logits.reduce((rank, logit) => rank + (logit > logits[id] ? 1 : 0), 1);

/** log of the sum of exponentials. */
function logSum(logits: Float64Array): number {
  const largest = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return largest + Math.log(logits.reduce((total, logit) => total + Math.exp(logit - largest), 0));
}
