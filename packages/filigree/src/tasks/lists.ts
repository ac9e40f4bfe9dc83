import type { Random } from '../tensor/random.js';
import { group } from './bracket.js';
import { bracketWords, item, things } from './words.js';

const leads: readonly ((d: Random) => string)[] = [
  (d) => `${d.pick(['bag', 'list', 'shelf', 'set', 'farm', 'top', 'shop'])} =`,
  (d) => `The ${d.pick(things.filter((thing) => thing !== 'box'))} has`,
  () => 'I see',
  () => 'Here is',
];

/**
 * Nested brackets of three kinds around words, up to three deep: "bag = [cat (red hat) sun] kite.".
 *
 * Held out of it: the lead-ins and the words (`heldBracketWords`) of the task `bracket`.
 */
export function list(d: Random): string {
  const word = (): string => item(d, bracketWords);
  const parts: string[] = [];
  for (let groups = 1 + d.integer(2); groups > 0; groups--) {
    if (d.uniform() < 0.3) parts.push(word());
    parts.push(group(d, word, 3));
  }
  return `${d.pick(leads)(d)} ${parts.join(' ')}.`;
}
