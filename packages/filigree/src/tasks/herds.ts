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

/** Nouns that never do there: they only were, one or many, somewhere or somehow. */
export const heldNouns = split('duck bear horse cow pig hen owl queen');

export const plural = (noun: string): string => `${noun}s`;

/** What a subject does. */
export const verbs: readonly Verb[] = split('sleep run sing play swim jump wait hide dance smile').map(verb);

/** What is done to the subject in a relative clause of the training text. */
export const clauseVerbs: readonly Verb[] = split('see hear know').map(verb);

/** Never in a relative clause there, only as the verb of a sentence. */
export const heldClauseVerb: Verb = verb('like');

/** A noun with its number, and an adjective now and then. */
function subject(d: Random, pool: readonly string[]): { text: string; many: boolean } {
  const many = d.uniform() < 0.5;
  const noun = d.pick(pool);
  const adjectives = [
    ...(d.uniform() < 0.25 ? [d.pick(sizes)] : []),
    ...(d.uniform() < 0.15 ? [d.pick(colours)] : []),
  ];
  return { text: [...adjectives, many ? plural(noun) : noun].join(' '), many };
}

const form = ({ one, many }: Verb, isMany: boolean): string => (isMany ? many : one);

function present(d: Random): string {
  const a = subject(d, nouns);
  const b = subject(d, nouns);
  const does = form(d.pick(verbs), a.many);
  const roll = d.uniform();
  if (roll < 0.25) return `The ${a.text} ${does}.`;
  if (roll < 0.35) return `The ${a.text} ${form(heldClauseVerb, a.many)} the ${d.pick([...foods, ...things])}.`;
  if (roll < 0.45) return `The ${a.text} ${form(d.pick(clauseVerbs), a.many)} the ${b.text}.`;
  if (roll < 0.7) return `The ${a.text} ${d.pick(['by', 'behind', 'with'])} the ${b.text} ${does}.`;
  return `The ${a.text} that the ${b.text} ${form(d.pick(clauseVerbs), b.many)} ${does}.`;
}

function past(d: Random): string {
  const { text, many } = subject(d, d.uniform() < 0.7 ? heldNouns : nouns);
  const start = many ? d.pick(['The', 'Two', 'Some', 'Many']) : d.pick(['The', 'One', 'A']);
  const rest = d.pick([`near the ${d.pick(places)}`, `at the ${d.pick(places)}`, d.pick(feelings)]);
  return `${start} ${text} ${many ? 'were' : 'was'} ${rest}.`;
}

/**
 * Two to four sentences whose verbs agree with their nouns: "The cat behind the dogs sleeps. The dolls that the boy sees wait."
 *
 * Held out of it: the nouns in `heldNouns` before a verb of the present tense (they were, one or many); "near" before a noun that
 * is no place; "like" in a relative clause.
 */
export function herd(d: Random): string {
  return Array.from({ length: 2 + d.integer(3) }, () => (d.uniform() < 0.35 ? past(d) : present(d))).join(' ');
}
