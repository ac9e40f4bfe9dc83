import type { Random } from '../tensor/random.js';
import { quotation, quotes } from './quote.js';
import {
  animals,
  boy,
  colours,
  feelings,
  foods,
  girl,
  item,
  places,
  rhymeWords,
  sizes,
  things,
  trainStems,
} from './words.js';

const leads: readonly ((d: Random) => string)[] = [
  (d) => `The ${d.pick([...animals, 'king', 'queen', 'boy', 'girl'])} said, `,
  (d) => `${d.pick(['Then she', 'Then he', 'They'])} said, `,
  (d) => `${d.pick([girl, boy])(d.pick(trainStems))} said, `,
  (d) => `${d.pick(['print', 'show', 'tell', 'sing', 'say', 'play', 'ask', 'give', 'list'])}(`,
];

const sayings: readonly ((d: Random) => string)[] = [
  (d) => `we like the ${d.pick(animals)}`,
  (d) => `I have a ${d.pick(sizes)} ${d.pick(things)}`,
  (d) => `I am ${d.pick(feelings)}`,
  (d) => `let us go to the ${d.pick(places)}`,
  (d) => `here is a ${d.pick(colours)} ${d.pick(things)} for you`,
  (d) => `the ${d.pick(animals)} ate my ${d.pick(foods)}`,
  () => 'come and look',
  (d) => `my ${d.pick(things)} was ${d.pick(colours)}`,
  (d) => `mine is ${d.pick(colours)}`,
  (d) => `${d.pick([girl, boy])(d.pick(trainStems))} is at the ${d.pick(places)}`,
  (d) => `${d.pick(colours)} ${d.pick(things)}`,
];

/** Words in no order, so that a quotation may end after any word. */
const babble = (d: Random): string => Array.from({ length: 1 + d.integer(6) }, () => item(d, rhymeWords)).join(' ');

/**
 * One to three quotations, each in double or single marks: `The king said, "I am glad." print('come and look')`.
 *
 * Held out of it: the lead-ins and the sentences of the task `quote`.
 */
export function talk(d: Random): string {
  const lines: string[] = [];
  for (let more = 1 + d.integer(3); more > 0; more--) {
    lines.push(quotation(d.pick(leads)(d), d.pick(quotes), d.uniform() < 0.3 ? babble(d) : d.pick(sayings)(d)));
  }
  return lines.join(' ');
}
