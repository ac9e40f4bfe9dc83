import { InputError } from '../errors.js';
import { minimise } from '../nn/fit.js';
import {
  add,
  apply,
  assign,
  backward,
  custom,
  less,
  maximum,
  minimum,
  mul,
  noGrad,
  ones,
  Random,
  reshape,
  scope,
  sum,
  type Tensor,
  tensor,
  track,
} from '../tensor/index.js';
import type { Progress } from './batches.js';
import { type ChannelModel, constantValues } from './channels.js';
import {
  type Calibration,
  calibrate,
  calibratedLoss,
  marginsUnder,
  maskedMargins,
  type Question,
  shareRight,
  twoWayLoss,
} from './two-way.js';

export interface NodePruningOptions extends Progress {
  /** Updates of the masks. */
  steps?: number;
  /** Questions of one step, taken two by two as pairs give them. */
  batch?: number;
  /** Learning rate of AdamW at the first step; falls linearly to 0. */
  lr?: number;
  weightDecay?: number;
  /** What keeping every channel costs, in nats: the price of one is this over their number. */
  price?: number;
  /** Where the parameters start, but for noise of deviation 0.01. */
  bias?: number;
  /** Width of the slope that stands in for that of the step. */
  temperature?: number;
  /** Largest norm of a gradient. */
  clip?: number;
  seed?: number;
}

/** The settings that are used where none are given. */
export const nodePruningDefaults = {
  steps: 300,
  batch: 32,
  lr: 1e-2,
  weightDecay: 1e-3,
  price: 5,
  bias: 0.1,
  temperature: 1,
  clip: 1,
  seed: 0,
} as const;

/** 1 where tau > 0, else 0; the gradient is that of sigmoid(tau / temperature). */
function step(tau: Tensor, temperature: number): Tensor {
  return custom({
    name: 'heaviside',
    inputs: [tau],
    forward: () => less(0, tau),
    backward: (g) => [mul(apply('sigmoidGrad', mul(tau, 1 / temperature), g), 1 / temperature)],
  });
}

/**
 * Learned masks on single channels (Gao et al. 2025, "Weight-sparse transformers have interpretable circuits"): one parameter tau in
 * [-1, 1] per channel, tau ~ N(bias, 0.01^2), is learned by AdamW (beta2 0.95) on
 *
 *     -(log p(a | x) + log p(b | x')) / 2 + price * (kept channels / channels)
 *
 * p over the two answers alone. A channel is kept where tau > 0, and else carries its mean over the training text; the gradient
 * passes the step as that of sigmoid(tau / temperature). The weights stay as they are. The same seed gives the same parameters.
 *
 * @returns tau, `[channels]`: the larger, the more a channel is needed
 * @throws InputError for settings that make no sense, and for questions that the model cannot read
 */
export async function learnChannelMask(
  own: ChannelModel,
  questions: readonly Question[],
  options: NodePruningOptions = {},
): Promise<Float64Array<ArrayBuffer>> {
  const { space } = own;
  const settings = { ...nodePruningDefaults, ...options };
  const { steps, batch, lr, weightDecay, price, bias, temperature, clip, seed } = settings;
  for (const [name, value] of Object.entries({ steps, batch })) {
    if (!(Number.isInteger(value) && value > 0)) throw new InputError(`${name} must be a whole number, not ${value}.`);
  }
  for (const [name, value] of Object.entries({ lr, temperature, clip })) {
    if (!(value > 0 && Number.isFinite(value)))
      throw new InputError(`${name} must be a positive number, not ${value}.`);
  }
  if (!(price >= 0 && Number.isFinite(price))) throw new InputError(`price must be at least 0, not ${price}.`);
  const random = new Random(seed).fork('channel masks');
  const start = random.normals(space.size, 0.01).map((x) => x + bias);
  // A column, because the optimiser lets only matrices decay.
  const tau = tensor(start, [space.size, 1]);
  const other = tensor(own.means, [space.size]);
  const draws = batchesOf(questions, batch, random.fork('batches'));
  const loss = (): Tensor => {
    // The update before may have led out of the range.
    noGrad(() => assign(tau, minimum(maximum(tau, -1), 1)));
    const mask = reshape(step(tau, temperature), [space.size]);
    const part = draws.next().value;
    const task = twoWayLoss(marginsUnder(own, part, mask, constantValues(other)));
    return add(task, mul(sum(mask), price / space.size));
  };
  try {
    await minimise(new Map([['tau', tau]]), loss, {
      steps,
      lr,
      schedule: (t) => 1 - t,
      optimiser: { kind: 'adamw', beta2: 0.95, weightDecay },
      clip,
      signal: options.signal,
      onProgress: ({ step: done }) => options.onProgress?.({ done, total: steps, unit: 'steps' }),
    });
    return Float64Array.from(await tau.data(), (x) => Math.min(1, Math.max(-1, x)));
  } finally {
    tau.dispose();
    other.dispose();
  }
}

/** Parts of the questions for ever, both prompts of a pair in the same one, in a new order each time round. */
function* batchesOf(
  questions: readonly Question[],
  size: number,
  random: Random,
): Generator<readonly Question[], never> {
  const pairs = Array.from({ length: Math.ceil(questions.length / 2) }, (_, i) => questions.slice(2 * i, 2 * i + 2));
  const each = Math.max(1, Math.floor(size / 2));
  for (;;) {
    const order = random.shuffle(pairs);
    for (let i = 0; i + Math.min(each, order.length) <= order.length; i += each) yield order.slice(i, i + each).flat();
  }
}

/**
 * The baseline by gradients: |sum over prompts and positions of dL/dx (x - mean)| of each channel, in the full model, L the task loss.
 *
 * @throws InputError for questions that the model cannot read
 */
export async function channelGradients(
  own: ChannelModel,
  questions: readonly Question[],
  signal?: AbortSignal,
): Promise<Float64Array<ArrayBuffer>> {
  const { space } = own;
  const total = new Float64Array(space.size);
  const size = 32;
  for (let i = 0; i < questions.length; i += size) {
    signal?.throwIfAborted();
    const part = questions.slice(i, i + size);
    const slopes = scope(() => {
      // The slope by a mask that is 1 is the product that is asked for.
      const mask = track(ones([space.size]));
      const loss = twoWayLoss(marginsUnder(own, part, mask, constantValues(tensor(own.means, [space.size]))));
      return backward([{ tensor: loss, seed: ones([]) }], [mask])[0] as Tensor;
    });
    (await slopes.data()).forEach((slope, channel) => {
      total[channel] += (slope * part.length) / questions.length;
    });
    slopes.dispose();
  }
  return total.map(Math.abs);
}

/** A circuit cut out of a ranking of channels. */
export interface PrunedChannels {
  /** 1 for the channels that are kept. */
  readonly kept: Uint8Array<ArrayBuffer>;
  readonly size: number;
  /** Whether the loss that was asked for is reached; where not even all channels reach it, all are kept. */
  readonly reached: boolean;
  /** Task loss with the fitted scale and shift, and without. */
  readonly loss: number;
  readonly plainLoss: number;
  readonly calibration: Calibration;
  readonly right: number;
}

/** Task loss at which circuits are compared. */
export const targetLoss = 0.15;

/**
 * The smallest circuit, by bisection, whose task loss is at most `target` when channels are kept in order of their scores, the largest
 * first, and the others carry their means. Scale and shift of the margins are fitted anew for each size, unless `calibrated` is false.
 *
 * @throws InputError for questions that the model cannot read
 */
export async function cutChannels(
  own: ChannelModel,
  questions: readonly Question[],
  scores: ArrayLike<number>,
  options: Progress & { target?: number; calibrated?: boolean } = {},
): Promise<PrunedChannels> {
  const { space } = own;
  const { target = targetLoss, calibrated = true, signal } = options;
  const order = Uint32Array.from({ length: space.size }, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
  const tried = new Map<number, PrunedChannels>();
  const at = async (size: number): Promise<PrunedChannels> => {
    const known = tried.get(size);
    if (known) return known;
    const kept = new Uint8Array(space.size);
    for (const channel of order.subarray(0, size)) kept[channel] = 1;
    const found = await judgeChannels(own, questions, kept, { target, calibrated, signal });
    tried.set(size, found);
    options.onProgress?.({ done: tried.size, total: Math.ceil(Math.log2(space.size)) + 1, unit: 'sizes' });
    return found;
  };
  let [none, some] = [0, space.size];
  if (!(await at(some)).reached) return at(some);
  while (some - none > 1) {
    const middle = Math.floor((none + some) / 2);
    if ((await at(middle)).reached) some = middle;
    else none = middle;
  }
  return at(some);
}

/** Measures one circuit; with `calibration` its scale and shift are taken instead of fitted, as on questions that it was not found on. */
export async function judgeChannels(
  own: ChannelModel,
  questions: readonly Question[],
  kept: Uint8Array<ArrayBuffer>,
  options: { target?: number; calibrated?: boolean; calibration?: Calibration; signal?: AbortSignal } = {},
): Promise<PrunedChannels> {
  const { target = targetLoss, calibrated = true, signal } = options;
  const margins = await maskedMargins(own, questions, kept, signal);
  const plainLoss = calibratedLoss(margins, questions);
  const calibration = options.calibration ?? (calibrated ? calibrate(margins, questions) : { scale: 1, shift: 0 });
  const loss = calibratedLoss(margins, questions, calibration);
  const right = shareRight(margins, questions, calibration);
  const size = kept.reduce((a, b) => a + b, 0);
  return { kept, size, reached: loss <= target, loss, plainLoss, calibration, right };
}
