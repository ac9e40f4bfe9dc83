import { Random } from '../tensor/random.js';
import { half, pairsOf, type Task, type TextPair, type TextRequest } from './task.js';
import { animals, boy, colours, familiar, girl, heldStems, places, sizes, things } from './words.js';

/**
 * How prompts open: with words that the training text never puts before a name, or with the name itself, where a name is one
 * token wherever it stands.
 */
const openers = { familiar: ['', '', 'One day, '], paired: ['One day, '] } as const;

/** What the named child does: in the training text these are never said of a name, only of "she", "he" or "they". */
const deeds: readonly ((d: Random) => string)[] = [
  (d) => `went to the ${d.pick(places)}`,
  (d) => `saw a ${d.pick(sizes)} ${d.pick(animals)}`,
  (d) => `saw a ${d.pick(colours)} ${d.pick(things)}`,
  (d) => `wanted to play at the ${d.pick(places)}`,
  (d) => `found a ${d.pick(sizes)} ${d.pick(things)} at the ${d.pick(places)}`,
  (d) => `played with a ${d.pick(sizes)} ${d.pick(things)}`,
];

interface Names {
  girls: readonly string[];
  boys: readonly string[];
  /** Whether the girl and the boy at one index share a stem and belong together. */
  paired: boolean;
}

/**
 * Familiar names that are one token each, where the vocabulary has one of each gender: then one position carries the
 * gender. Otherwise the paired names, half of the stems for discovery and the other half for evaluation.
 */
function namesFor({ part, oneToken }: TextRequest): Names {
  const single = (name: string): boolean => oneToken?.(' ' + name) ?? true;
  const girls = familiar.girls.filter(single);
  const boys = familiar.boys.filter(single);
  if (girls.length > 0 && boys.length > 0) return { girls: half(girls, part), boys: half(boys, part), paired: false };
  const stems = half(heldStems, part);
  return { girls: stems.map(girl), boys: stems.map(boy), paired: true };
}

function pair(d: Random, { girls, boys, paired }: Names): TextPair {
  const index = d.integer(girls.length);
  const her = girls[index];
  const his = paired ? boys[index] : d.pick(boys);
  const [opener, deed] = [d.pick(paired ? openers.paired : openers.familiar), d.pick(deeds)(d)];
  const [clean, corrupt] = [`${opener}${her} ${deed}.`, `${opener}${his} ${deed}.`];
  return d.uniform() < 0.5
    ? { clean, corrupt, answer: ' She', wrong: ' He' }
    : { clean: corrupt, corrupt: clean, answer: ' He', wrong: ' She' };
}

/**
 * Which pronoun begins the sentence after a named child's: "One day, Lily went to the park." -> " She", with Tim -> " He".
 * Discovery and evaluation use different names wherever the vocabulary has at least four of each gender to choose from.
 */
export const pronoun: Task = {
  name: 'pronoun',
  description: 'She or He, after a sentence about a named girl or boy',
  metric: 'logit-diff',
  *texts(request) {
    const d = new Random(request.seed).fork('pronoun ' + request.part);
    const names = namesFor(request);
    return yield* pairsOf(request.part, () => pair(d, names));
  },
};
