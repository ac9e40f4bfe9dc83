import { Random } from '../tensor/random.js';
import { pairsOf, type Task, type TextPair } from './task.js';
import { animals, colours, foods, places, sizes, things } from './words.js';

/** The two kinds of quotation mark, each its own closer. */
export const quotes = ['"', "'"] as const;

/** What comes before the opening mark: the training text never quotes after one of these. */
const leads = ['Mom said, ', 'She said, ', 'write(', 'read('] as const;

/** What is quoted: the training text never quotes a sentence of this form. */
const sayings: readonly ((d: Random) => string)[] = [
  (d) => `look at the ${d.pick(animals)}`,
  (d) => `the ${d.pick(things)} is ${d.pick(colours)}`,
  (d) => `come to the ${d.pick(places)}`,
  (d) => `you have a ${d.pick(sizes)} ${d.pick(things)}`,
  (d) => `the ${d.pick(foods)} is for the ${d.pick(animals)}`,
];

function pair(d: Random): TextPair {
  const [mark, other] = d.shuffle(quotes);
  const lead = d.pick(leads);
  const closing = lead.endsWith('(') ? '' : '.';
  // An earlier quotation, already closed, makes the kind seen last or most often a bad guess.
  const earlier = d.uniform() < 0.5 ? quotation(lead, d.pick(quotes), d.pick(sayings)(d)) + ' ' : '';
  const said = d.pick(sayings)(d) + closing;
  const prompt = (kind: string): string => `${earlier}${lead}${kind}${said}`;
  return { clean: prompt(mark), corrupt: prompt(other), answer: mark, wrong: other };
}

/** A complete quotation: `Mom said, "come here."`, or `write("come here")` after a lead that ends with a bracket. */
export function quotation(lead: string, mark: string, said: string): string {
  return lead.endsWith('(') ? `${lead}${mark}${said}${mark})` : `${lead}${mark}${said}.${mark}`;
}

/**
 * Which mark ends a quotation: `write("the hat is red` -> `"`, with a single opening mark -> `'`. Half of the prompts hold
 * an earlier quotation that is already closed, with a mark of either kind.
 */
export const quote: Task = {
  name: 'quote',
  description: 'the mark that ends a quotation, double or single',
  metric: 'logit-diff',
  *texts(request) {
    const d = new Random(request.seed).fork('quote ' + request.part);
    return yield* pairsOf(request.part, () => pair(d));
  },
};
