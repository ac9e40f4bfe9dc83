import type { Random } from '../tensor/random.js';
import { colours, feelings, foods, places, sizes, things } from './words.js';

const split = (words: string): readonly string[] => words.trim().split(/\s+/);

/** A verb in the forms that agree with one and with many. */
export interface Verb {
  readonly one: string;
  readonly many: string;
}

const verb = (many: string): Verb => ({ one: `${many}s`, many });

/** Nouns that do something in the training text, in the present tense. */
const nouns = split('cat dog bird frog boy girl king friend doll boat');

/** Nouns that never do there: they only were, somewhere or somehow. */
export const heldNouns = split('duck bear horse cow pig hen owl queen');

export const plural = (noun: string): string => `${noun}s`;

/** What a subject does. */
export const verbs: readonly Verb[] = split('sleep run sing play swim jump wait hide dance smile').map(verb);

/** What is done to the subject in a relative clause of the training text. */
export const clauseVerbs: readonly Verb[] = split('see hear know want find').map(verb);

/** Never in a relative clause there, only as the verb of a sentence. */
export const heldClauseVerb: Verb = verb('like');

/** Before a noun that is no place; the training text says "near" of places only. */
const prepositions = ['by', 'behind', 'with', 'at', 'after', 'in'] as const;

const form = ({ one, many }: Verb, isMany: boolean): string => (isMany ? many : one);

/** A noun with its number, and an adjective now and then. */
function subject(d: Random, pool: readonly string[]): { text: string; many: boolean } {
  const many = d.uniform() < 0.5;
  const noun = d.pick(pool);
  const adjectives = [...(d.uniform() < 0.25 ? [d.pick(sizes)] : []), ...(d.uniform() < 0.15 ? [d.pick(colours)] : [])];
  return { text: [...adjectives, many ? plural(noun) : noun].join(' '), many };
}

/** What stands between a subject and its verb, with a noun of either number: " behind the dogs", " that the dogs see", or nothing. */
function aside(d: Random, pool: readonly string[], clause: (many: boolean) => string): string {
  const roll = d.uniform();
  if (roll < 0.3) return '';
  const { text, many } = subject(d, pool);
  if (roll < 0.65) return ` ${d.pick(prepositions)} the ${text}`;
  return ` that the ${text} ${clause(many)}`;
}

function present(d: Random): string {
  const { text, many } = subject(d, nouns);
  const does = d.pick([
    () => form(d.pick(verbs), many),
    () => form(d.pick(verbs), many),
    () => form(d.pick(verbs), many),
    () =>
      `${form(d.pick([...clauseVerbs, heldClauseVerb, heldClauseVerb]), many)} the ${d.pick([...foods, ...things])}`,
  ])();
  const start = d.pick(['The', 'The', 'The', 'Now the', 'Here the', 'In the spring, the']);
  return `${start} ${text}${aside(d, nouns, (isMany) => form(d.pick(clauseVerbs), isMany))} ${does}.`;
}

function past(d: Random): string {
  const all = d.uniform() < 0.7 ? heldNouns : nouns;
  const { text, many } = subject(d, all);
  const start = d.pick(['The', 'The', 'Last night, the', ...(many ? ['Two', 'Some', 'Many'] : ['One', 'A'])]);
  const rest = d.pick([`near the ${d.pick(places)}`, `at the ${d.pick(places)}`, d.pick(feelings)]);
  // In the past tense only "was" and "were" tell one from many.
  const between = aside(d, all, (isMany) =>
    d.pick(['saw', 'found', 'liked', 'had', `${isMany ? 'were' : 'was'} ${d.pick(['by', 'near', 'with'])}`]),
  );
  return `${start} ${text}${between} ${many ? 'were' : 'was'} ${rest}.`;
}

/**
 * Two to four sentences whose verbs agree with their nouns: "The cat behind the dogs sleeps. The hens that the duck saw were sad."
 *
 * Held out of it: the nouns in `heldNouns` as subjects of a verb in the present tense; "near" before a noun that is no place; "like" in a relative clause.
 */
export function herd(d: Random): string {
  return Array.from({ length: 2 + d.integer(3) }, () => (d.uniform() < 0.35 ? past(d) : present(d))).join(' ');
}
