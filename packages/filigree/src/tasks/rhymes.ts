import type { Random } from '../tensor/random.js';
import { rhymeWords } from './words.js';

const leads = ['The bird sang:', 'The king sang:', 'A song:', 'Mom sang:', 'The queen said:'] as const;

/**
 * A rhyme that repeats itself: a row of different words in random order, then the row again from one of its words on,
 * then perhaps once more. What comes next after the first repeated word can only be told from the row.
 *
 * Held out of it: the lead-ins and the words (`heldRhymeWords`) of the task `induction`.
 */
export function rhyme(d: Random): string {
  const row = d.shuffle(rhymeWords).slice(0, 3 + d.integer(8));
  const words = [...row];
  for (let turn = 1 + d.integer(3); turn > 0; turn--) words.push(...row.slice(d.integer(row.length - 1)));
  return `${d.pick(leads)} ${words.join(' ')}.`;
}
