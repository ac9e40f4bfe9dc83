import type { Random } from '../tensor/random.js';
import { people } from './people.js';
import { animals, rhymeWords } from './words.js';

const leads: readonly ((d: Random) => string)[] = [
  (d) => `The ${d.pick([...animals, 'king', 'queen', 'boy', 'girl'])} sang:`,
  (d) => `A song of ${d.pick(['rain', 'sun', 'snow', 'night'])}:`,
  () => 'Mom sang:',
  () => 'Sing:',
];

/**
 * A rhyme that repeats itself: a row of different words, then the row again from one of its words on,
 * then perhaps once more. What comes next after the first repeated word can only be told from the row. Rows of up to ten
 * words are what makes a small model learn to look: with five at most it does well enough by guessing among them.
 *
 * Held out of it: the lead-ins of the task `induction`. Its rows are new, too: there are more than a million of four words.
 */
export function rhyme(d: Random): string {
  return repeated(d, rhymeWords, 1);
}

/** The same with two to four repeats; in one of four rows half of the words are people, so that every name is one that can be copied. */
export function longRhyme(d: Random): string {
  const withPeople = d.uniform() < 0.25;
  const words = withPeople ? [...people, ...d.shuffle(rhymeWords).slice(0, people.length)] : rhymeWords;
  return repeated(d, words, 2);
}

/** A row of four to ten of the words, and from one of its words on again, `turns` to `turns + 2` times. */
function repeated(d: Random, choice: readonly string[], turns: number): string {
  const row = d.shuffle(choice).slice(0, 4 + d.integer(7));
  const words = [...row];
  for (let turn = turns + d.integer(3); turn > 0; turn--) words.push(...row.slice(d.integer(row.length - 1)));
  return `${d.pick(leads)(d)} ${words.join(' ')}.`;
}
