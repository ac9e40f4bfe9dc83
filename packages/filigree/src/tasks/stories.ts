import type { Random } from '../tensor/random.js';
import { animals, boy, colours, familiar, feelings, foods, girl, places, sizes, things, trainStems } from './words.js';

/** Which names a story may use. */
export type NameKind = 'all' | 'paired';

interface Child {
  name: string;
  she: string;
  her: string;
  noun: string;
}

const openers = ['Once upon a time, ', 'Last night, ', 'In the spring, ', 'After lunch, ', ''] as const;

/** First sentences: what a named child does. None of these is in a prompt of the task. */
const beginnings: readonly ((d: Random) => string)[] = [
  (d) => `walked to the ${d.pick(places)}`,
  (d) => `had a ${d.pick(sizes)} ${d.pick(colours)} ${d.pick(things)}`,
  (d) => `met a ${d.pick(sizes)} ${d.pick(animals)}`,
  (d) => `lost a ${d.pick(colours)} ${d.pick(things)}`,
  (d) => `made some ${d.pick(foods)}`,
  (d) => `was ${d.pick(feelings)}`,
  (d) => `was at the ${d.pick(places)} with a ${d.pick(animals)}`,
  (d) => `sat by the ${d.pick(places)} and ate some ${d.pick(foods)}`,
  (d) => `liked the ${d.pick(animals)} at the ${d.pick(places)}`,
];

/** Later sentences, said of "she", "he" or "they" only. */
const deeds: readonly ((d: Random) => string)[] = [
  (d) => `went to the ${d.pick(places)}`,
  (d) => `saw a ${d.pick(sizes)} ${d.pick(animals)}`,
  (d) => `saw a ${d.pick(colours)} ${d.pick(things)}`,
  (d) => `wanted to play at the ${d.pick(places)}`,
  (d) => `found a ${d.pick(sizes)} ${d.pick(things)} at the ${d.pick(places)}`,
  (d) => `played with a ${d.pick(sizes)} ${d.pick(things)}`,
  (d) => `gave the ${d.pick(things)} to the ${d.pick(animals)}`,
  (d) => `was very ${d.pick(feelings)}`,
  (d) => `ate the ${d.pick(foods)}`,
];

const taskOpeners = ['One day, ', 'Today, ', 'One morning, ', 'Then, '] as const;

const endings = [
  'It was a good day.',
  'They lived happily.',
  'Then it was time to sleep.',
  'The family was happy.',
] as const;

function child(d: Random, kind: NameKind): Child {
  const known = kind === 'all' && d.uniform() < 0.4;
  return d.uniform() < 0.5
    ? { name: known ? d.pick(familiar.girls) : girl(d.pick(trainStems)), she: 'She', her: 'Her', noun: 'girl' }
    : { name: known ? d.pick(familiar.boys) : boy(d.pick(trainStems)), she: 'He', her: 'His', noun: 'boy' };
}

function later(d: Random, { name, she, her }: Child): string {
  const roll = d.uniform();
  if (roll < 0.65) return `${she} ${d.pick(deeds)(d)}.`;
  if (roll < 0.75) return `${her} ${d.pick(['mom', 'family'])} was ${d.pick(feelings)}.`;
  if (roll < 0.85) return `${d.pick(taskOpeners)}${she.toLowerCase()} ${d.pick(deeds)(d)}.`;
  if (roll < 0.92) return `The ${d.pick(animals)} was ${d.pick(feelings)} and ${d.pick(['ran', 'sang', 'sat'])}.`;
  if (roll < 0.96) return `The ${d.pick(things)} was ${d.pick(colours)}.`;
  return `${name} was ${d.pick(feelings)}.`;
}

/**
 * A story of three to five sentences about one named child, or about two. Its first sentence names the child and the
 * second, three times of four, begins with the child's pronoun.
 *
 * Held out of it: the stems in `heldStems`; every prompt of the task (its openers come before "she", "he" or "they" here,
 * its deeds are said of those only). With `names: 'paired'` familiar names are left out too.
 */
export function story(d: Random, names: NameKind): string {
  const one = child(d, names);
  const opener = d.pick(openers);
  const sentences: string[] = [];
  if (d.uniform() < 0.12) {
    let two = child(d, names);
    while (two.name === one.name) two = child(d, names);
    sentences.push(`${opener}${one.name} met ${two.name}.`, `They ${d.pick(deeds)(d).replace(/^was /, 'were ')}.`);
  } else if (d.uniform() < 0.15) {
    sentences.push(`${opener || 'Once '}there was a ${d.pick(sizes)} ${one.noun} named ${one.name}.`);
  } else {
    sentences.push(`${opener}${one.name} ${d.pick(beginnings)(d)}.`);
  }
  if (sentences.length === 1 && d.uniform() < 0.5) sentences.push(`${one.she} ${d.pick(deeds)(d)}.`);
  for (let more = 1 + d.integer(2); more > 0; more--) sentences.push(later(d, one));
  if (d.uniform() < 0.5) sentences.push(d.pick(endings));
  return sentences.join(' ');
}
