import { checkPositive, checkSizes, type DecoyOptions, decoysOf, type Planted, plant } from './planted.js';
import { checkRows, drawRows, writeInduction } from './planted-induction.js';

export interface PlantedGatesOptions extends DecoyOptions {
  /** Logit by which an attention score of a match exceeds one of no match. */
  beta?: number;
  /** Logits by which each of the two copies raises what it copies. */
  scale?: number;
  /** Logits by which the saboteur lowers it. */
  sabotage?: number;
  /** Number of tokens. */
  vocabulary?: number;
  /** Tokens in a prompt; at most `vocabulary`. */
  length?: number;
}

/** A planted model with heads of known roles. */
export interface PlantedGates extends Planted {
  readonly roles: {
    /** Without it nothing is right. */
    readonly needed: readonly string[];
    /** One of them does; which one does not matter. */
    readonly redundant: readonly string[];
    /** The model is better without it. */
    readonly interfering: readonly string[];
    readonly irrelevant: readonly string[];
  };
}

/** The copies and the saboteur. */
const inductionHeads = 3;

/**
 * Heads that help, that are redundant, that hurt, and that do not matter, in an induction circuit of two attention-only layers (see
 * `plantedInduction`), on which to try what learns a gate for each head:
 *
 *     a0.h0          previous token
 *     a1.h0, a1.h1   two equal induction heads, W_O = scale I into out
 *     a1.h2          the saboteur: the same with W_O = -sabotage I
 *
 * Without decoys, attention being saturated, the right logit is 2 scale - sabotage. Decoys follow: `decoys` heads in layer 1, and in layer 0
 * two more, since both layers have equally many heads (four in all for the default of one; none at all for 0). At the default scale of 4 each copy can be
 * missed; at a scale of 12, knocking out either one changes hardly anything. The first token of a row is never asked for.
 *
 * @throws InputError for sizes that are not whole numbers or leave no room for a prompt
 */
export function plantedGates(options: PlantedGatesOptions = {}): PlantedGates {
  const { beta = 8, scale = 4, sabotage = 2.5, vocabulary: v = 12, length = 10 } = options;
  const decoys = decoysOf({ ...options, decoys: options.decoys ?? 1 }, 0.3);
  checkRows(v, length);
  checkSizes([['length', length, 4]]);
  checkPositive({ beta, scale, sabotage });
  const heads = inductionHeads + decoys.decoys;
  const planted = plant({
    name: 'gates',
    config: {
      layers: 2,
      heads,
      width: 4 * v,
      headWidth: v,
      mlpWidth: 0,
      vocabulary: v,
      context: length,
    },
    truth: [
      'input->a0.h0<v>',
      ...['a1.h0', 'a1.h1', 'a1.h2'].flatMap((head) => [
        `a0.h0->${head}<k>`,
        `input->${head}<q>`,
        `input->${head}<v>`,
        `${head}->logits`,
      ]),
    ],
    decoys,
    real: (layer) => ({ heads: layer === 0 ? 1 : inductionHeads, features: 0 }),
    write: (weights) => writeInduction(weights, { vocabulary: v, length, beta, copies: [scale, scale, -sabotage] }),
    // Never the first token: it counts as its own successor, so that half of the answer goes there and sabotage may help.
    draw: (random) => drawRows(random, v, length, 1),
  });
  const names = (layer: number, first: number): string[] =>
    Array.from({ length: heads - first }, (_, i) => `a${layer}.h${first + i}`);
  return {
    ...planted,
    roles: {
      needed: ['a0.h0'],
      redundant: ['a1.h0', 'a1.h1'],
      interfering: ['a1.h2'],
      irrelevant: [...names(0, 1), ...names(1, inductionHeads)],
    },
  };
}
