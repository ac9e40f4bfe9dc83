import { InputError } from '../errors.js';
import type { Pair } from '../tasks/task.js';

/** The pairs whose prompts have the commonest length (of equally common ones the shorter), in their order. */
export function alignedPairs(pairs: readonly Pair[]): Pair[] {
  const byLength = new Map<number, Pair[]>();
  for (const pair of pairs) byLength.set(pair.clean.length, [...(byLength.get(pair.clean.length) ?? []), pair]);
  const groups = [...byLength].sort(([a, one], [b, other]) => other.length - one.length || a - b);
  return groups.length > 0 ? groups[0][1] : [];
}

/** The length that all prompts have. Throws InputError where they differ. */
export function oneLength(pairs: readonly Pair[]): number {
  const lengths = pairs.map((pair) => pair.clean.length);
  const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
  if (least === most) return least;
  throw new InputError(
    `Positions can be compared only in prompts of one length, and these have ${least} to ${most} tokens; keep those of one length.`,
  );
}

/** What stands at one position of pairs of one length. */
export interface PositionTokens {
  /** Token ids there, commonest first. */
  readonly clean: readonly number[];
  readonly corrupt: readonly number[];
  /** Whether some pair has another token there when corrupted. */
  readonly differs: boolean;
}

/** What stands at each position of pairs of one length. Throws InputError where lengths differ. */
export function positionTokens(pairs: readonly Pair[]): PositionTokens[] {
  return Array.from({ length: oneLength(pairs) }, (_, t) => ({
    clean: byFrequency(pairs.map((pair) => pair.clean[t])),
    corrupt: byFrequency(pairs.map((pair) => pair.corrupt[t])),
    differs: pairs.some((pair) => pair.clean[t] !== pair.corrupt[t]),
  }));
}

function byFrequency(ids: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].sort(([a, one], [b, other]) => other - one || a - b).map(([id]) => id);
}
