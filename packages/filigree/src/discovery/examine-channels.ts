import { binarisedMargins, levelsOf, resampledMargins } from './channel-checks.js';
import type { ChannelModel } from './channels.js';
import { judgeChannels, type PrunedChannels } from './node-pruning.js';
import { calibrate, calibratedLoss, maskedMargins, type Question, shareRight } from './two-way.js';

/** Task losses, in nats, and shares of questions that are answered right, of one circuit under different conditions. */
export interface ChannelExamination {
  /** The whole model, on the questions that the circuit was found on and on others. */
  readonly full: { readonly loss: number; readonly heldOut: number; readonly heldOutRight: number };
  /** The circuit on other questions, with the scale and shift of those that it was found on. */
  readonly heldOut: { readonly loss: number; readonly plainLoss: number; readonly right: number };
  /** The model without the circuit: its channels carry their means, all others are themselves. */
  readonly withoutCircuit: { readonly loss: number; readonly right: number };
  /** The circuit where what is left out carries what it does on another prompt, scale and shift fitted anew. */
  readonly resampled: { readonly loss: number; readonly right: number };
  /** The circuit where each channel carries one of two levels, scale and shift fitted anew. */
  readonly binarised: { readonly loss: number; readonly right: number };
}

/** Tries a circuit on questions that it was not found on, and whether it is needed, enough, and made of switches. */
export async function examineChannels(
  own: ChannelModel,
  circuit: Pick<PrunedChannels, 'kept' | 'calibration'>,
  questions: readonly Question[],
  others: readonly Question[],
  options: { seed?: number; signal?: AbortSignal } = {},
): Promise<ChannelExamination> {
  const { signal } = options;
  const { kept, calibration } = circuit;
  const all = new Uint8Array(own.space.size).fill(1);
  const [whole, wholeOthers] = [
    await maskedMargins(own, questions, all, signal),
    await maskedMargins(own, others, all, signal),
  ];
  const heldOut = await judgeChannels(own, others, kept, { calibration, signal });
  const without = await maskedMargins(
    own,
    questions,
    kept.map((k) => 1 - k),
    signal,
  );
  const refitted = (margins: ArrayLike<number>): { loss: number; right: number } => {
    const fitted = calibrate(margins, questions);
    return {
      loss: calibratedLoss(margins, questions, fitted),
      right: shareRight(margins, questions, fitted),
    };
  };
  const resampled = await resampledMargins(own, questions, kept, options);
  const binarised = await binarisedMargins(own, questions, await levelsOf(own, questions, kept));
  return {
    full: {
      loss: calibratedLoss(whole, questions),
      heldOut: calibratedLoss(wholeOthers, others),
      heldOutRight: shareRight(wholeOthers, others),
    },
    heldOut: { loss: heldOut.loss, plainLoss: heldOut.plainLoss, right: heldOut.right },
    withoutCircuit: { loss: calibratedLoss(without, questions), right: shareRight(without, questions) },
    resampled: refitted(resampled),
    binarised: refitted(binarised),
  };
}
