import type { Random } from '../tensor/random.js';
import { animals, item, rhymeWords } from './words.js';

const leads: readonly ((d: Random) => string)[] = [
  (d) => `The ${d.pick([...animals, 'king', 'queen', 'boy', 'girl'])} sang:`,
  (d) => `A song of ${d.pick(['rain', 'sun', 'snow', 'night'])}:`,
  () => 'Mom sang:',
  () => 'Sing:',
];

/**
 * A rhyme that repeats itself: a row of different words, then the row again from one of its words on,
 * then perhaps once more. What comes next after the first repeated word can only be told from the row.
 *
 * Held out of it: the lead-ins and the words (`heldRhymeWords`) of the task `induction`.
 */
export function rhyme(d: Random): string {
  const length = 3 + d.integer(8);
  const row = [...new Set(Array.from({ length }, () => item(d, rhymeWords)))];
  const words = [...row];
  for (let turn = 1 + d.integer(3); turn > 0; turn--) words.push(...row.slice(d.integer(Math.max(1, row.length - 1))));
  return `${d.pick(leads)(d)} ${words.join(' ')}.`;
}
