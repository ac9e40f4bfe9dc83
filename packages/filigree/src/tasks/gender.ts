import { Random } from '../tensor/random.js';
import { pairsOf, type Task, type TextPair } from './task.js';
import { places } from './words.js';

/**
 * How often a professional is "he" in the training text of our own model, P(he | profession). The model's conditional probabilities
 * can be held against these. Each leans the way that text at large is known to.
 */
export const professions = {
  nurse: 0.05,
  secretary: 0.05,
  teacher: 0.1,
  clerk: 0.1,
  cleaner: 0.15,
  designer: 0.15,
  writer: 0.2,
  baker: 0.2,
  editor: 0.25,
  tailor: 0.25,
  guard: 0.75,
  lawyer: 0.75,
  manager: 0.8,
  sailor: 0.8,
  doctor: 0.85,
  chief: 0.85,
  farmer: 0.9,
  driver: 0.9,
  captain: 0.95,
  soldier: 0.95,
} as const;

export type Profession = keyof typeof professions;

const known = Object.keys(professions) as Profession[];

/** What comes between the person and the pronoun: the training text has none of these. */
const verbs = ['said that', 'saw that', 'found that'] as const;

function pair(d: Random, pool: readonly Profession[]): TextPair {
  const profession = d.pick(pool);
  const he = professions[profession] > 0.5;
  const verb = d.pick(verbs);
  const where = d.uniform() < 0.2 ? '' : ` at the ${d.pick(places)}`;
  const prompt = (who: string): string => `The ${who}${where} ${verb}`;
  const [answer, wrong] = he ? [' he', ' she'] : [' she', ' he'];
  return { clean: prompt(profession), corrupt: prompt(he ? 'woman' : 'man'), answer, wrong };
}

/**
 * The pronoun that a profession suggests (after Vig et al. 2020, "Investigating gender bias in language models using causal
 * mediation analysis", arXiv 2004.12265): "The nurse said that" -> " she", "The captain at the farm saw that" -> " he". In the
 * corrupted prompt a man or a woman of the other pronoun stands in the profession's place.
 */
export const gender: Task = {
  name: 'gender',
  description: 'the pronoun that a profession suggests; corrupted: "man" or "woman", which turns the answer around',
  metric: 'logit-diff',
  *texts(request) {
    const d = new Random(request.seed).fork('gender ' + request.part);
    const single = known.filter((name) => request.oneToken?.(' ' + name) ?? true);
    return yield* pairsOf(request.part, () => pair(d, single.length > 3 ? single : known));
  },
};
