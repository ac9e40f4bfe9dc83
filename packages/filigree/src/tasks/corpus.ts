import { Random } from '../tensor/random.js';
import { code } from './code.js';
import { gifts } from './gifts.js';
import { herd } from './herds.js';
import { jobs } from './jobs.js';
import { list } from './lists.js';
import { program } from './programs.js';
import { longRhyme, rhyme } from './rhymes.js';
import { talk } from './sayings.js';
import { type NameKind, story } from './stories.js';
import { years } from './years.js';

/** One kind of passage in the training text and how often it is drawn, relative to the others. */
export interface Ingredient {
  name: string;
  weight: number;
  passage(d: Random, names: NameKind): string;
}

/** What training text can be made of; each ingredient teaches one behaviour. */
const passages = {
  stories: story,
  rhymes: rhyme,
  'long rhymes': longRhyme,
  lists: list,
  sayings: talk,
  gifts,
  years,
  code,
  jobs,
  herds: herd,
  programs: program,
} as const satisfies Record<string, Ingredient['passage']>;

/** Names of ingredients with their weights. */
export type Mixture = Readonly<Partial<Record<keyof typeof passages, number>>>;

/** The ingredients of a mixture, in the mixture's order. */
export function ingredientsOf(mixture: Mixture): Ingredient[] {
  return Object.entries(mixture).map(([name, weight]) => ({
    name,
    weight,
    passage: passages[name as keyof typeof passages],
  }));
}

/** What text to write. */
export interface CorpusOptions {
  seed?: number;
  /**
   * `paired` leaves the familiar names (Lily, Tim) out. The tokenizer of our own model is trained on such text, so that
   * it reads every name by its pieces and has an ending to tell the gender by.
   */
  names?: NameKind;
  ingredients: readonly Ingredient[];
}

/**
 * Passages of plain text without end, one document each: the training text of our own model. The same seed gives the same
 * text. What the tasks ask about is held out of it: each ingredient says what.
 */
export function* corpus({ seed = 0, names = 'all', ingredients }: CorpusOptions): Generator<string, never> {
  const d = new Random(seed).fork('corpus');
  const total = ingredients.reduce((sum, { weight }) => sum + weight, 0);
  for (;;) {
    let left = d.uniform() * total;
    for (const { weight, passage } of ingredients) {
      left -= weight;
      if (left >= 0) continue;
      yield passage(d, names);
      break;
    }
  }
}
