import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import type { ChannelModel } from './channels.js';
import {
  cutChannels,
  learnChannelMask,
  type NodePruningOptions,
  nodePruningDefaults,
  type PrunedChannels,
  targetLoss,
} from './node-pruning.js';
import type { Question } from './two-way.js';
import { type WeightEdge, weightEdges } from './weight-edges.js';

export interface ChannelSearchOptions extends NodePruningOptions {
  /** Masks that are learned, each with settings of its own. */
  searches?: number;
  /** Task loss that the circuit must reach. */
  target?: number;
  /** Whether scale and shift of the margins are fitted before (default true). */
  calibrated?: boolean;
}

/** The settings that are searched. */
export interface MaskSettings {
  readonly price: number;
  readonly lr: number;
  readonly bias: number;
}

/** One learned mask, cut at the target loss. */
export interface FoundChannels extends PrunedChannels {
  readonly edges: readonly WeightEdge[];
  /** What was learned, `[channels]`. */
  readonly tau: Float64Array<ArrayBuffer>;
  readonly settings: MaskSettings;
  /** The same mask cut where the loss is reached without scale and shift. */
  readonly plain: PrunedChannels & { readonly edges: readonly WeightEdge[] };
}

export interface ChannelSearch {
  /** The mask whose circuit has the fewest edges at the target loss; where none reaches it, the one with the smallest loss. */
  readonly best: FoundChannels;
  readonly tried: readonly FoundChannels[];
}

/**
 * Learns masks with several settings, cuts each at the target loss, and takes the circuit with the fewest edges. The first has the settings
 * that are given; those of the others are drawn: the price over a decade around it, the learning rate over half of one, the start
 * between 0.03 and 0.3, all evenly in their logarithm.
 *
 * @throws InputError for settings that make no sense, and for questions that the model cannot read
 */
export async function searchChannels(
  own: ChannelModel,
  questions: readonly Question[],
  options: ChannelSearchOptions = {},
): Promise<ChannelSearch> {
  const { searches = 1, target = targetLoss, calibrated = true, signal, onProgress, ...given } = options;
  if (!(Number.isInteger(searches) && searches > 0)) {
    throw new InputError(`searches must be a whole number, not ${searches}.`);
  }
  const { price, lr, bias, steps, seed } = { ...nodePruningDefaults, ...given };
  const random = new Random(seed).fork('mask settings');
  const between = (low: number, high: number): number => low * (high / low) ** random.uniform();
  const tried: FoundChannels[] = [];
  for (let search = 0; search < searches; search++) {
    const settings =
      search === 0
        ? { price, lr, bias }
        : {
            price: price * between(10 ** -0.5, 10 ** 0.5),
            lr: lr * between(10 ** -0.25, 10 ** 0.25),
            bias: between(0.03, 0.3),
          };
    const tau = await learnChannelMask(own, questions, {
      ...given,
      ...settings,
      seed: seed + search,
      signal,
      onProgress: ({ done }) => onProgress?.({ done: search * steps + done, total: searches * steps, unit: 'steps' }),
    });
    const cut = await cutChannels(own, questions, tau, { target, calibrated, signal });
    const plain = await cutChannels(own, questions, tau, { target, calibrated: false, signal });
    tried.push({
      ...cut,
      edges: await weightEdges(own, cut.kept),
      tau,
      settings,
      plain: { ...plain, edges: await weightEdges(own, plain.kept) },
    });
  }
  const better = (a: FoundChannels, b: FoundChannels): number =>
    Number(b.reached) - Number(a.reached) || (a.reached ? a.edges.length - b.edges.length : a.loss - b.loss);
  return { best: [...tried].sort(better)[0], tried };
}
