import { Random } from '../tensor/random.js';
import { pairsOf, type Task, type TextPair, type TextRequest } from './task.js';
import { heldEvents, twoDigits } from './years.js';

const century = 17;
/** The year of the corrupted prompts: every later one is greater. */
const least = 1;
const last = 99;

const promptOf = (event: string, year: number): string =>
  `The ${event} lasted from the year ${century}${twoDigits(year)} to the year ${century}`;

/** The years that a vocabulary reads as the century and two digits more; all of them where nothing is known of it. */
function yearsFor({ continues }: TextRequest): readonly number[] {
  const years = Array.from({ length: last + 1 }, (_, year) => year);
  const readable = years.filter((year) => continues?.(promptOf(heldEvents[0], least), twoDigits(year)) ?? true);
  // With hardly any, the pairs are made all the same, so that whoever asked learns why they do not fit.
  return readable.length >= 20 ? readable : years;
}

function pair(d: Random, events: readonly string[], years: readonly number[]): TextPair {
  const event = d.pick(events);
  const year = d.pick(years.filter((y) => y > least && y < Math.max(...years)));
  return {
    clean: promptOf(event, year),
    corrupt: promptOf(event, least),
    answer: years.filter((y) => y > year).map(twoDigits),
    wrong: years.filter((y) => y <= year).map(twoDigits),
  };
}

/**
 * Which years may follow (Hanna, Liu and Variengien 2023, "How does GPT-2 compute greater-than?", arXiv 2305.00586): "The trip
 * lasted from the year 1732 to the year 17" -> any of 33 .. 99, measured by the probability of all greater years less that of the
 * others. The corrupted prompt begins in 1701, which says nothing about the end. A vocabulary must read a year as two tokens of
 * two digits; years that it reads otherwise are left out.
 */
export const greaterThan: Task = {
  name: 'greater-than',
  description: 'a year greater than the one before; corrupted: from 1701 on, which any year follows',
  metric: 'prob-diff',
  oneSided: true,
  *texts(request) {
    const d = new Random(request.seed).fork('greater-than ' + request.part);
    const years = yearsFor(request);
    const events = heldEvents.filter((event) => request.oneToken?.(' ' + event) ?? true);
    return yield* pairsOf(request.part, () => pair(d, events.length > 3 ? events : heldEvents, years));
  },
};
