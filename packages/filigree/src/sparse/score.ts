import type { RewireContext } from './rewire.js';

/** One place of a weight. */
export interface Place {
  /** 0 where there is no weight. */
  readonly value: number;
  /** Of the loss; 0 where the score does not ask for it. */
  readonly gradient: number;
  /** Rounds in which the place was active. */
  readonly visits: number;
  readonly round: number;
}

/** How important a place is; larger = keep. */
export interface Score {
  readonly name: string;
  /** Whether `gradient` is read. */
  readonly gradient: boolean;
  /** Whether `visits` is read. */
  readonly visits?: boolean;
  of(place: Place): number;
}

/** |w| */
export const magnitude: Score = { name: 'magnitude', gradient: false, of: ({ value }) => Math.abs(value) };

/** |dL/dw| (Evci et al. 2020) */
export const gradientSize: Score = { name: 'gradient', gradient: true, of: ({ gradient }) => Math.abs(gradient) };

/**
 * Exploration and exploitation (Huang et al. 2023): `|dL/dw| + c ln(1 + t) / (N + eps)` in round `t` = 1, 2, …, where `N` counts
 * the rounds in which the place was active.
 */
export const explore = (c: number, eps = 1): Score => ({
  name: 'explore',
  gradient: true,
  visits: true,
  of: ({ gradient, visits, round }) => Math.abs(gradient) + (c * Math.log(1 + round)) / (visits + eps),
});

/** Scores of the weights by slot. Throws TypeError for a score that needs more than their values. */
export function scoreSlots(score: Score, { values, round }: RewireContext): Float64Array {
  if (score.gradient || score.visits) throw new TypeError(`weights cannot be dropped by ${score.name}`);
  return Float64Array.from(values, (value) => score.of({ value, gradient: 0, visits: 0, round }));
}
