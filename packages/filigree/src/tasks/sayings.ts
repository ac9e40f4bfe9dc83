import type { Random } from '../tensor/random.js';
import { quotation, quotes } from './quote.js';
import { animals, colours, feelings, foods, places, sizes, things } from './words.js';

const leads = [
  'The king said, ',
  'The bird said, ',
  'The boy said, ',
  'The girl said, ',
  'Then she said, ',
  'print(',
  'show(',
] as const;

const sayings: readonly ((d: Random) => string)[] = [
  (d) => `we like the ${d.pick(animals)}`,
  (d) => `I have a ${d.pick(sizes)} ${d.pick(things)}`,
  (d) => `I am ${d.pick(feelings)}`,
  (d) => `let us go to the ${d.pick(places)}`,
  (d) => `here is a ${d.pick(colours)} ${d.pick(things)} for you`,
  (d) => `the ${d.pick(animals)} ate my ${d.pick(foods)}`,
  () => 'come and look',
];

/**
 * One to three quotations, each in double or single marks: `The king said, "I am glad." print('come and look')`.
 *
 * Held out of it: the lead-ins and the sentences of the task `quote`.
 */
export function talk(d: Random): string {
  const lines: string[] = [];
  for (let more = 1 + d.integer(3); more > 0; more--) {
    lines.push(quotation(d.pick(leads), d.pick(quotes), d.pick(sayings)(d)));
  }
  return lines.join(' ');
}
