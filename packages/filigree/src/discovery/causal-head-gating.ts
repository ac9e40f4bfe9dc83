import { InputError } from '../errors.js';
import { minimise } from '../nn/fit.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  at,
  backward,
  exp,
  log,
  logSoftmax,
  max,
  maximum,
  mean,
  minimum,
  mul,
  neg,
  noGrad,
  ones,
  Random,
  reshape,
  scope,
  sigmoid,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tensor,
  track,
} from '../tensor/index.js';
import { bytesPerRun, defaultMemory, type Progress } from './batches.js';

export interface HeadGatingOptions extends Progress {
  /** Updates of each of the three fits. */
  steps?: number;
  /** Learning rate of Adam. */
  lr?: number;
  /** How strongly the second fit is pushed towards keeping heads, and the third towards dropping them. */
  lambda?: number;
  /**
   * Starts the pushed fits from logits clipped to -4 .. 4. Beyond that the push has no slope, so that gates which the first fit left
   * there stay unless the NLL moves them: without this, redundant heads may all be kept; with it, heads that hurt too little may be, too.
   */
  clippedStart?: boolean;
  /** Pairs of one update; fewer where they do not fit `memory`. */
  batch?: number;
  /** What the gates are to make the model bad at: heads with low gates serve these pairs and not the others. */
  contrast?: { readonly pairs: readonly Pair[]; readonly gamma?: number };
  /** Bytes that activations may take. */
  memory?: number;
  /** Draws the gates at the start and the order of the pairs. */
  seed?: number;
}

/** Gates and scores of heads, each `[layers * heads]`, from 0 to 1, in order of layers. */
export interface HeadGating {
  /** Gates fitted without a push. */
  readonly free: Float64Array;
  /** G+, gates pushed towards keeping. */
  readonly kept: Float64Array;
  /** G-, gates pushed towards dropping. */
  readonly dropped: Float64Array;
  /** G-: the head is kept although it costs. */
  readonly facilitation: Float64Array;
  /** G+ (1 - G-): the head goes or stays as it is pushed. */
  readonly irrelevance: Float64Array;
  /** 1 - G+: the head is dropped although keeping it is paid for. */
  readonly interference: Float64Array;
}

/** Where the push on logits ends. */
const bound = 4;

/**
 * Causal head gating (Nam, Conklin, Yang, Griffiths, Cohen, Leslie 2025): one gate G = sigmoid(a) per head scales what the head reads
 * out, z -> G z before W_O, in a frozen model. Three fits by Adam, gradients clipped to a norm of 1, lower
 *
 *     NLL(G) - lambda mean clip(a, -4, 4)
 *
 * the first with lambda = 0 from G uniform in (0, 1), then from there G+ with `lambda` and G- with `-lambda`. NLL is the mean of
 * -log p(answers) after the clean prompts. With `contrast` the loss is NLL - gamma mean min(NLL of the contrast's pairs, log
 * vocabulary) - lambda ..., so that what serves only the contrast is dropped.
 *
 * Several seeds find several sufficient sets where heads are redundant: see `gateModularity`.
 *
 * @throws InputError for options that make no sense, for pairs that the model cannot read, or when one pair does not fit `memory`
 */
export async function causalHeadGating(
  model: Transformer,
  pairs: readonly Pair[],
  options: HeadGatingOptions = {},
): Promise<HeadGating> {
  const { steps = 500, lr = 1, lambda = 0.1, clippedStart = false, seed = 0, contrast, signal, onProgress } = options;
  const gamma = contrast?.gamma ?? 1;
  for (const [name, value] of Object.entries({ lambda, gamma })) {
    if (!(value >= 0 && Number.isFinite(value)))
      throw new InputError(`${name} must be a number of at least 0, not ${value}.`);
  }
  if (!(Number.isInteger(steps) && steps > 0)) throw new InputError(`steps must be a whole number, not ${steps}.`);
  const { layers, heads, vocabulary } = model.config;
  const random = new Random(seed).fork('head gates');
  const parts = partsOf(model, random.fork('pairs').shuffle(pairs), options);
  const others = contrast && partsOf(model, random.fork('contrast').shuffle(contrast.pairs), options);
  const draws = random.fork('start');
  const start = Float64Array.from({ length: layers * heads }, () => {
    // Away from the ends, where the logit is infinite.
    const u = 1e-6 + (1 - 2e-6) * draws.uniform();
    return Math.log(u / (1 - u));
  });
  const fit = async (from: ArrayLike<number>, push: number, done: number): Promise<Float64Array> => {
    const logits = tensor(Float64Array.from(from), [layers, heads]);
    const loss = (step: number): Tensor => {
      const gates = sigmoid(logits);
      let value = mean(gatedLoss(model, parts[step % parts.length], gates));
      if (others) {
        const theirs = minimum(gatedLoss(model, others[step % others.length], gates), Math.log(vocabulary));
        value = sub(value, mul(mean(theirs), gamma));
      }
      return push === 0 ? value : sub(value, mul(mean(minimum(maximum(logits, -bound), bound)), push));
    };
    try {
      await minimise(new Map([['gates', logits]]), loss, {
        steps,
        lr,
        clip: 1,
        optimiser: { kind: 'adam' },
        signal,
        onProgress: ({ step }) => onProgress?.({ done: done + step, total: 3 * steps, unit: 'steps' }),
      });
      return Float64Array.from(await logits.data());
    } finally {
      logits.dispose();
    }
  };
  const first = await fit(start, 0, 0);
  const from = clippedStart ? first.map((a) => Math.max(-bound, Math.min(bound, a)) * (1 - 1e-3)) : first;
  const [free, kept, dropped] = [first, await fit(from, lambda, steps), await fit(from, -lambda, 2 * steps)].map(
    (logits) => logits.map((a) => 1 / (1 + Math.exp(-a))),
  );
  return {
    free,
    kept,
    dropped,
    facilitation: dropped,
    irrelevance: kept.map((g, i) => g * (1 - dropped[i])),
    interference: kept.map((g) => 1 - g),
  };
}

/** How far gates of several seeds trade off. Each run is the gates of one seed, `[heads]`. */
export interface GateModularity {
  /** `[heads]`: variance of a head's gate over seeds; 0 where every seed says the same. */
  readonly variance: Float64Array;
  /** `[heads, heads]`: Pearson correlation over seeds of two heads' gates, not a number where either never moves; -1 for heads that stand in for one another. */
  readonly correlation: Float64Array;
}

/** @throws InputError for fewer than two runs, or runs of unequal length */
export function gateModularity(runs: readonly ArrayLike<number>[]): GateModularity {
  if (runs.length < 2) throw new InputError(`Modularity needs gates of at least two seeds, not ${runs.length}.`);
  const n = runs[0].length;
  if (runs.some((run) => run.length !== n)) throw new InputError('Gates of different models cannot be compared.');
  const over = (f: (run: ArrayLike<number>) => number): number =>
    runs.reduce((total, run) => total + f(run), 0) / runs.length;
  const means = Float64Array.from({ length: n }, (_, i) => over((run) => run[i]));
  const covariance = (i: number, j: number): number => over((run) => (run[i] - means[i]) * (run[j] - means[j]));
  const variance = means.map((_, i) => covariance(i, i));
  const correlation = Float64Array.from({ length: n * n }, (_, place) => {
    const [i, j] = [Math.floor(place / n), place % n];
    const scale = Math.sqrt(variance[i] * variance[j]);
    return scale > 1e-12 ? covariance(i, j) / scale : Number.NaN;
  });
  return { variance, correlation };
}

/**
 * Mean NLL of the answers with given gates `[layers * heads]`, one number per set of gates; a gate of 0 takes a head out.
 *
 * @throws InputError as `causalHeadGating`
 */
export async function gatedNll(
  model: Transformer,
  pairs: readonly Pair[],
  sets: readonly ArrayLike<number>[],
  options: Pick<HeadGatingOptions, 'memory' | 'signal'> = {},
): Promise<Float64Array> {
  const parts = partsOf(model, pairs, { ...options, batch: pairs.length });
  const { layers, heads } = model.config;
  const totals = new Float64Array(sets.length);
  for (const [i, set] of sets.entries()) {
    options.signal?.throwIfAborted();
    for (const part of parts) {
      const losses = scope(() =>
        noGrad(() => sum(gatedLoss(model, part, tensor(Float64Array.from(set), [layers, heads])))),
      );
      totals[i] += (await losses.data())[0] / pairs.length;
      losses.dispose();
    }
  }
  return totals;
}

/**
 * Slope of the mean NLL by each gate where all gates are 1, negated, `[layers * heads]`: by how much, to first order, the NLL rises when
 * the head is taken out. The absolute value of this, averaged over pairs, is the importance of Michel, Levy, Neubig 2019.
 *
 * @throws InputError as `causalHeadGating`
 */
export async function gateGradients(
  model: Transformer,
  pairs: readonly Pair[],
  options: Pick<HeadGatingOptions, 'memory' | 'signal'> & { absolute?: boolean } = {},
): Promise<Float64Array> {
  const { absolute = false, signal } = options;
  const { layers, heads } = model.config;
  const totals = new Float64Array(layers * heads);
  for (const part of partsOf(model, pairs, { ...options, batch: absolute ? 1 : pairs.length })) {
    signal?.throwIfAborted();
    const slopes = scope(() => {
      const gates = track(ones([layers, heads]));
      const loss = sum(gatedLoss(model, part, gates));
      return backward([{ tensor: loss, seed: ones([]) }], [gates])[0] as Tensor;
    });
    (await slopes.data()).forEach((slope, i) => {
      totals[i] += (absolute ? Math.abs(slope) : -slope) / pairs.length;
    });
    slopes.dispose();
  }
  return totals;
}

/** -log of the answers' probability together after each clean prompt, `[batch]`, with heads scaled by `gates` `[layers, heads]`. */
function gatedLoss(model: Transformer, pairs: readonly Pair[], gates: Tensor): Tensor {
  const { heads, vocabulary } = model.config;
  const { logits } = model.run(
    pairs.map((p) => p.clean),
    {
      at: pairs.map((p) => p.clean.length - 1),
      narrow: true,
      edit(site, value) {
        const layer = /^blocks\.(\d+)\.attn\.z$/.exec(site)?.[1];
        return layer === undefined ? value : mul(value, reshape(at(gates, 0, Number(layer)), [1, 1, heads, 1]));
      },
    },
  );
  const others = new Float64Array(pairs.length * vocabulary).fill(-1e9);
  pairs.forEach(({ answers }, row) => {
    for (const id of answers) others[row * vocabulary + id] = 0;
  });
  const own = add(logSoftmax(logits), tensor(others, [pairs.length, vocabulary], undefined, logits.device));
  const largest = stopGradient(max(own, -1, true));
  return neg(add(log(sum(exp(sub(own, largest)), -1)), reshape(largest, [pairs.length])));
}

/** Pairs in parts of like size that fit the memory. */
function partsOf(model: Transformer, pairs: readonly Pair[], options: HeadGatingOptions): Pair[][] {
  const { batch = 32, memory = defaultMemory } = options;
  if (pairs.length === 0) throw new InputError('There are no pairs to run on.');
  if (!(Number.isInteger(batch) && batch > 0)) throw new InputError(`batch must be a whole number, not ${batch}.`);
  const longest = Math.max(...pairs.map((p) => p.clean.length));
  const bytes = bytesPerRun(model.config, longest) + 16 * model.config.vocabulary;
  if (bytes > memory) {
    const [needed, left] = [bytes, memory].map((n) => Math.ceil(n / 2 ** 20));
    throw new InputError(
      `Gating heads on one pair of ${longest} tokens needs about ${needed} MiB, and ${left} MiB are left for it; allow more (--memory).`,
    );
  }
  const count = Math.ceil(pairs.length / Math.min(batch, Math.floor(memory / bytes)));
  const cut = (i: number): number => Math.round((i * pairs.length) / count);
  return Array.from({ length: count }, (_, i) => pairs.slice(cut(i), cut(i + 1)));
}
