import { InputError } from '../errors.js';
import type { Pair } from '../tasks/task.js';
import { crossEntropy, noGrad, pick, scope, stack, sub, type Tensor, tensor, zeros } from '../tensor/index.js';
import { type ChannelModel, constantValues, type LeftOut, masked, runChannels } from './channels.js';

/** A prompt with the token that is right after it and the one that is right after its partner. */
export interface Question {
  readonly tokens: readonly number[];
  readonly right: number;
  readonly wrong: number;
}

/**
 * Both prompts of each pair, one after the other, as questions with two answers.
 * @throws InputError where there are no pairs, or one has several answers
 */
export function questionsOf(pairs: readonly Pair[]): Question[] {
  if (pairs.length === 0) throw new InputError('There are no pairs to run on.');
  return pairs.flatMap(({ clean, corrupt, answers, wrongs }) => {
    if (answers.length !== 1 || wrongs.length !== 1) {
      throw new InputError('A question with two answers needs pairs with one answer each; this task has several.');
    }
    const [[a], [b]] = [answers, wrongs];
    return [
      { tokens: clean, right: a, wrong: b },
      { tokens: corrupt, right: b, wrong: a },
    ];
  });
}

/** Logit of the right answer minus that of the wrong one after each prompt, `[questions]`. */
export function marginsOf(logits: Tensor, questions: readonly Question[]): Tensor {
  const vocabulary = logits.shape[1];
  const of = (which: 'right' | 'wrong'): Tensor =>
    pick(
      logits,
      questions.map((question, row) => row * vocabulary + question[which]),
    );
  return sub(of('right'), of('wrong'));
}

/** Mean of -log p(right) in a softmax over the two answers alone, a scalar: the loss of a pair is the mean of its two prompts'. */
export function twoWayLoss(margins: Tensor): Tensor {
  const rows = margins.shape[0];
  return crossEntropy(stack([margins, zeros([rows], margins.device)], 1), new Int32Array(rows));
}

export const promptsOf = (questions: readonly Question[]) => ({
  tokens: questions.map(({ tokens }) => tokens),
  at: questions.map(({ tokens }) => tokens.length - 1),
});

/** Questions that are run at once without gradients. */
const atOnce = 64;

/** Margins of all questions under a mask of whole channels, what is left out taking the means. */
export async function maskedMargins(
  own: ChannelModel,
  questions: readonly Question[],
  mask: ArrayLike<number>,
  signal?: AbortSignal,
): Promise<Float64Array<ArrayBuffer>> {
  const { size } = own.space;
  const margins = new Float64Array(questions.length);
  for (let start = 0; start < questions.length; start += atOnce) {
    signal?.throwIfAborted();
    const part = questions.slice(start, start + atOnce);
    const values = scope(() =>
      noGrad(() => marginsUnder(own, part, tensor(mask, [size]), constantValues(tensor(own.means, [size])))),
    );
    margins.set(await values.data(), start);
    values.dispose();
  }
  return margins;
}

export function marginsUnder(
  own: ChannelModel,
  questions: readonly Question[],
  mask: Tensor,
  leftOut: LeftOut,
): Tensor {
  return marginsOf(runChannels(own, promptsOf(questions), masked(mask, leftOut)), questions);
}

/** How margins become log-odds: `scale * margin`, and `shift` for the answer with the smaller number. */
export interface Calibration {
  readonly scale: number;
  readonly shift: number;
}

export const uncalibrated: Calibration = { scale: 1, shift: 0 };

const side = ({ right, wrong }: Question): number => (right < wrong ? 1 : -1);
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Mean -log p(right), p from the calibrated margins. */
export function calibratedLoss(
  margins: ArrayLike<number>,
  questions: readonly Question[],
  { scale, shift }: Calibration = uncalibrated,
): number {
  let total = 0;
  for (const [i, question] of questions.entries()) total += softplus(-(scale * margins[i] + shift * side(question)));
  return total / questions.length;
}

/** Share of the questions whose right answer has the larger calibrated log-odds. */
export function shareRight(
  margins: ArrayLike<number>,
  questions: readonly Question[],
  { scale, shift }: Calibration = uncalibrated,
): number {
  return questions.filter((question, i) => scale * margins[i] + shift * side(question) > 0).length / questions.length;
}

/**
 * Largest scale of a calibration. Margins a tenth as large as the whole model's may still be a circuit whose norms have changed; where they
 * are a hundredth, what parts the answers is what these prompts happen to have, and does not carry over to others.
 */
const largestScale = 10;
const newtonSteps = 16;

/**
 * The scale, from 0 to 10, and the shift that make the loss of these margins smallest: logistic regression on two numbers, by at most 16
 * steps of Newton's method, each halved until the loss falls. Where the best scale lies outside, the shift is fitted at the bound.
 */
export function calibrate(margins: ArrayLike<number>, questions: readonly Question[]): Calibration {
  const free = newton(margins, questions, uncalibrated, true);
  const scale = Math.min(largestScale, Math.max(0, free.scale));
  return scale === free.scale ? free : newton(margins, questions, { scale, shift: 0 }, false);
}

function newton(
  margins: ArrayLike<number>,
  questions: readonly Question[],
  start: Calibration,
  scaled: boolean,
): Calibration {
  let best = start;
  let loss = calibratedLoss(margins, questions, best);
  for (let step = 0; step < newtonSteps; step++) {
    let [gs, gc, hss, hsc, hcc] = [0, 0, 1e-9, 0, 1e-9];
    for (const [i, question] of questions.entries()) {
      const [z, c] = [margins[i], side(question)];
      const p = 1 / (1 + Math.exp(-(best.scale * z + best.shift * c)));
      const w = p * (1 - p);
      gs -= (1 - p) * z;
      gc -= (1 - p) * c;
      hss += w * z * z;
      hsc += w * z * c;
      hcc += w;
    }
    const det = hss * hcc - hsc * hsc;
    let move = [0, gc / hcc];
    if (scaled) {
      move = det > 1e-12 * hss * hcc ? [(hcc * gs - hsc * gc) / det, (hss * gc - hsc * gs) / det] : [gs / hss, 0];
    }
    let found = false;
    for (let halving = 0; halving < 20 && !found; halving++, move = move.map((m) => m / 2)) {
      const next = { scale: best.scale - move[0], shift: best.shift - move[1] };
      const nextLoss = calibratedLoss(margins, questions, next);
      if (!(nextLoss < loss)) continue;
      [best, loss, found] = [next, nextLoss, true];
    }
    if (!found) break;
  }
  return best;
}
