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

/** What two people do, or one of them: nothing that hands something over. */
const scenes: readonly ((d: Random, a: string, b: string) => string)[] = [
  (d, a, b) => `${a} and ${b} sat by the ${d.pick(places)}. ${d.pick([a, b])} was ${d.pick(feelings)}.`,
  (d, a, b) => `${a} saw ${b} at the ${d.pick(places)}. ${b} had a ${d.pick(colours)} ${d.pick(things)}.`,
  (d, a, b) => `${a} walked with ${b}. ${a} found a ${d.pick(sizes)} ${d.pick(things)}.`,
  (d, a, b) => `${a} met ${b} and ${a} was ${d.pick(feelings)}.`,
];

/** One or two scenes between two people of any name. */
export function scene(d: Random): string {
  return Array.from({ length: 1 + d.integer(2) }, () => {
    const [a, b] = d.shuffle(people);
    return d.pick(scenes)(d, a, b);
  }).join(' ');
}
