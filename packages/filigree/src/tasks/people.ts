import type { Random } from '../tensor/random.js';
import { colours, feelings, places, sizes, things } from './words.js';

const split = (words: string): readonly string[] => words.trim().split(/\s+/);

/** Names of people who give each other things in the training text. Many vocabularies have each as one token. */
export const trainPeople = split(`
  Mary John Peter Alice Grace Henry George Frank Jane Ruth Adam Eric Kevin Scott Thomas Joseph Emily Helen Susan Linda
  Karen Rachel Sarah Paul
`);

/** Names of people who never give or get anything in the training text; there they are somewhere, do something or stand in rows. */
export const heldPeople = split(`
  James David Daniel Andrew Michael Brian Jason Steven Claire Sophie Alex Mark Charles William Edward Anne Harry Amy
  Carol Nancy Louis Philip Ralph Walter
`);

export const people: readonly string[] = [...trainPeople, ...heldPeople];

/** How two people come together: none of these begins a prompt of the task `ioi`. */
export const meetings: readonly ((d: Random, a: string, b: string) => string)[] = [
  (d, a, b) => `${a} and ${b} were at the ${d.pick(places)}.`,
  (d, a, b) => `${a} and ${b} walked by the ${d.pick(places)}.`,
  (d, a, b) => `After lunch, ${a} and ${b} sat in the ${d.pick(places)}.`,
  (d, a, b) => `In the spring, ${a} and ${b} went to a ${d.pick(places)}.`,
  (d, a, b) => `Last night, ${a} met ${b} at the ${d.pick(places)} with a ${d.pick(things)}.`,
  (d, a, b) => `${a} and ${b} found a ${d.pick([...sizes, ...colours])} ${d.pick(things)}.`,
  (d, a, b) => `While ${a} and ${b} had a ${d.pick(things)} at the ${d.pick(places)},`,
  (d, a, b) => `As ${a} and ${b} played in the ${d.pick(places)},`,
];

/** What one does that takes the other one, and hands nothing over. */
const company = [
  'walked to',
  'ran to',
  'sang to',
  'talked to',
  'looked at',
  'waited for',
  'played with',
  'sat by',
  'was glad to see',
] as const;

/**
 * Two people of any name who meet and do something with each other, but give nothing: "Amy and David were at the lake. David ran to
 * Amy. Amy was happy."
 */
export function scene(d: Random): string {
  const [a, b] = d.shuffle(people);
  const sentences = Array.from({ length: 1 + d.integer(3) }, () => {
    const [one, other] = d.shuffle([a, b]);
    return d.uniform() < 0.8 ? `${one} ${d.pick(company)} ${other}.` : `${one} was ${d.pick(feelings)}.`;
  });
  return `${d.pick(meetings)(d, a, b)} ${sentences.join(' ')}`;
}
