import { Random } from '../tensor/random.js';
import { clauseVerbs, heldClauseVerb, heldNouns, plural, type Verb, verbs } from './herds.js';
import { pairsOf, type Task, type TextPair, type TextRequest } from './task.js';
import { colours, sizes } from './words.js';

/** Openings of a prompt; but for the first, the training text never begins a sentence of this kind so. */
const openers = ['The', 'Then the', 'Today, the', 'One day, the'] as const;

const form = ({ one, many }: Verb, isMany: boolean): string => (isMany ? many : one);
const noun = (word: string, isMany: boolean): string => (isMany ? plural(word) : word);

/** What a prompt is made of: `lead` opens it, `a` is the noun whose number the verb takes, `b` another noun, `bMany` its number. */
interface Parts {
  lead: string;
  a: string;
  b: string;
  bMany: boolean;
}

interface Case {
  name: string;
  what: string;
  /** The prompt before the verb, with the controlling noun in one or many. */
  prompt(parts: Parts, aMany: boolean): string;
  verbs: readonly Verb[];
}

const cases: readonly Case[] = [
  {
    name: 'agreement-simple',
    what: 'after a noun, with the noun',
    prompt: ({ lead, a }, many) => `${lead} ${noun(a, many)}`,
    verbs,
  },
  {
    name: 'agreement-noun-pp',
    what: 'after two nouns, "The duck near the hens", with the first',
    prompt: ({ lead, a, b, bMany }, many) => `${lead} ${noun(a, many)} near the ${noun(b, bMany)}`,
    verbs,
  },
  {
    name: 'agreement-across-rc',
    what: 'after a relative clause, "The duck that the hens like", with the noun before it',
    prompt: ({ lead, a, b, bMany }, many) =>
      `${lead} ${noun(a, many)} that the ${noun(b, bMany)} ${form(heldClauseVerb, bMany)}`,
    verbs,
  },
  {
    name: 'agreement-within-rc',
    what: 'in a relative clause, "The hens that the duck", with the noun in the clause',
    prompt: ({ lead, a, b, bMany }, many) => `${lead} ${noun(b, bMany)} that the ${noun(a, many)}`,
    verbs: [...clauseVerbs, heldClauseVerb],
  },
];

/** What fits the vocabulary in both numbers, or all of it where too little does. */
function fitting<T>(
  items: readonly T[],
  forms: (item: T) => [string, string],
  { oneToken }: TextRequest,
): readonly T[] {
  const single = items.filter((item) => forms(item).every((word) => oneToken?.(` ${word}`) ?? true));
  return single.length >= 3 ? single : items;
}

function pair(d: Random, { prompt, ...choice }: Case, nouns: readonly string[]): TextPair {
  const [a, b] = d.shuffle(nouns);
  const adjectives = [...(d.uniform() < 0.5 ? [d.pick(sizes)] : []), ...(d.uniform() < 0.3 ? [d.pick(colours)] : [])];
  const parts = { lead: [d.pick(openers), ...adjectives].join(' '), a, b, bMany: d.uniform() < 0.5 };
  const verb = d.pick(choice.verbs);
  const many = d.uniform() < 0.5;
  return {
    clean: prompt(parts, many),
    corrupt: prompt(parts, !many),
    answer: ` ${form(verb, many)}`,
    wrong: ` ${form(verb, !many)}`,
  };
}

/**
 * Subject-verb agreement in four cases (Marks et al. 2025, "Sparse feature circuits", arXiv 2403.19647; after Linzen, Dupoux and Goldberg
 * 2016): "The duck near the hens" -> " sleeps" rather than " sleep". The corrupted prompt has the noun that controls the verb in the
 * other number. The second noun is of either number, so that the last one seen is a bad guess.
 */
export const agreement: readonly Task[] = cases.map((each) => ({
  name: each.name,
  description: `the form of the verb ${each.what}; corrupted: that noun in the other number`,
  metric: 'logit-diff',
  *texts(request) {
    const d = new Random(request.seed).fork(`${each.name} ${request.part}`);
    const nouns = fitting(heldNouns, (word) => [word, plural(word)], request);
    const choice = { ...each, verbs: fitting(each.verbs, ({ one, many }) => [one, many], request) };
    return yield* pairsOf(request.part, () => pair(d, choice, nouns));
  },
}));
