import type { Random } from '../tensor/random.js';

const split = (words: string): readonly string[] => words.trim().split(/\s+/);

/** What lasts from one year to another in the training text. */
const events = split('war rule work storm search dance talk fight sale drought');

/** What never does so there; it is said to be long or short, early or late. */
export const heldEvents = split('trip feast visit march siege strike meeting journey');

/** A number below 100 in two digits. */
export const twoDigits = (n: number): string => String(n).padStart(2, '0');

/** Templates over centuries 11 to 19; the second year is uniform over the later years of the same century. */
const spans: readonly ((event: string, from: string, century: string, to: string) => string)[] = [
  (event, from, century, to) => `The ${event} lasted from ${from} to ${century}${to}.`,
  (event, from, century, to) => `The ${event} went on from ${from} to the year ${century}${to}.`,
  (event, from, century, to) => `From the year ${from} to the year ${century}${to} there was a ${event}.`,
  (event, from, century, to) => `The ${event} was from the year ${from} to ${century}${to}.`,
  (event, from, century, to) => `The ${event} lasted from the year ${from} until the year ${century}${to}.`,
];

const remarks: readonly ((d: Random, event: string) => string)[] = [
  (d, event) => `The ${event} was ${d.pick(['long', 'short', 'good', 'sad'])}.`,
  (_, event) => `It was a long ${event}.`,
  (d, event) => `They liked the ${event} of ${1 + d.integer(9)} days.`,
];

/**
 * Two or three sentences about when things began and ended: "The war lasted from 1432 to 1478." The end is uniform over the
 * later years of the century.
 *
 * Held out of it: the task's template, and its events as what lasts (`heldEvents`).
 */
export function years(d: Random): string {
  return Array.from({ length: 2 + d.integer(2) }, () => {
    if (d.uniform() < 0.2) return d.pick(remarks)(d, d.pick([...events, ...heldEvents]));
    const century = String(11 + d.integer(9));
    const from = d.integer(99);
    const to = from + 1 + d.integer(99 - from);
    return d.pick(spans)(d.pick(events), century + twoDigits(from), century, twoDigits(to));
  }).join(' ');
}
