import type { Random } from '../tensor/random.js';
import { type Profession, professions } from './gender.js';
import { animals, feelings, foods, places, sizes, things } from './words.js';

const verbs = ['thought that', 'knew that', 'felt that', 'was glad that'] as const;

/** What she or he does, after the pronoun. */
const deeds: readonly ((d: Random) => string)[] = [
  (d) => `was ${d.pick(feelings)}`,
  (d) => `had a ${d.pick(sizes)} ${d.pick(things)}`,
  (d) => `saw a ${d.pick(animals)}`,
  (d) => `went to the ${d.pick(places)}`,
  (d) => `ate some ${d.pick(foods)}`,
];

/**
 * One to three sentences about people by their work: "The nurse thought that she was happy." A nurse is "he" as often as
 * `professions` says; a man is always "he", a woman "she".
 *
 * Held out of it: the phrases of the task `gender` ("said that" and others) before a pronoun.
 */
export function jobs(d: Random): string {
  return Array.from({ length: 1 + d.integer(3) }, () => {
    const roll = d.uniform();
    const [who, rate] =
      roll < 0.2
        ? d.pick([
            ['man', 1],
            ['woman', 0],
          ] as const)
        : d.pick(Object.entries(professions) as [Profession, number][]);
    const where = d.uniform() < 0.5 ? '' : ` ${d.pick(['at', 'by', 'in'])} the ${d.pick(places)}`;
    const pronoun = d.uniform() < rate ? 'he' : 'she';
    return `The ${who}${where} ${d.pick(verbs)} ${pronoun} ${d.pick(deeds)(d)}.`;
  }).join(' ');
}
