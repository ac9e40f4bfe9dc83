import type { Draw } from './draw.js';
import { rhymeWords } from './words.js';

const leads = ['The bird sang:', 'The king sang:', 'A song:', 'Mom sang:', 'The queen said:'] as const;

/**
 * A rhyme that repeats itself: a row of different words in random order, then the row again from one of its words on,
 * then perhaps once more. What comes next after the first repeated word can only be told from the row.
 *
 * Held out of it: the lead-ins and the words (`heldRhymeWords`) of the task `induction`.
 */
export function rhyme(d: Draw): string {
  const row = d.sample(rhymeWords, d.between(3, 10));
  const words = [...row];
  for (let turn = d.between(1, 3); turn > 0; turn--) words.push(...row.slice(d.between(0, row.length - 2)));
  return `${d.pick(leads)} ${words.join(' ')}.`;
}
