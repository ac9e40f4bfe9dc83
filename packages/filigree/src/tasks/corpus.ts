import { Random } from '../tensor/random.js';
import { code } from './code.js';
import { gifts } from './gifts.js';
import { herd } from './herds.js';
import { jobs } from './jobs.js';
import { list } from './lists.js';
import { rhyme } from './rhymes.js';
import { talk } from './sayings.js';
import { type NameKind, story } from './stories.js';
import { years } from './years.js';

/** One kind of passage in the training text and how often it is drawn, relative to the others. */
export interface Ingredient {
  name: string;
  weight: number;
  passage(d: Random, names: NameKind): string;
}

/** What the training text of our own model is made of; each ingredient teaches one behaviour. */
export const mixture: readonly Ingredient[] = [
  { name: 'stories', weight: 4, passage: story },
  { name: 'rhymes', weight: 8, passage: rhyme },
  { name: 'lists', weight: 2, passage: list },
  { name: 'sayings', weight: 2, passage: talk },
  { name: 'gifts', weight: 6, passage: gifts },
  { name: 'years', weight: 1.5, passage: years },
  { name: 'code', weight: 2, passage: code },
  { name: 'jobs', weight: 1.5, passage: jobs },
  { name: 'herds', weight: 5, passage: herd },
];

/** What text to write. */
export interface CorpusOptions {
  seed?: number;
  /**
   * `paired` leaves the familiar names (Lily, Tim) out. The tokenizer of our own model is trained on such text, so that
   * it reads every name by its pieces and has an ending to tell the gender by.
   */
  names?: NameKind;
  ingredients?: readonly Ingredient[];
}

/**
 * Passages of plain text without end, one document each: the training text of our own model. The same seed gives the same
 * text. What the tasks ask about is held out of it: each ingredient says what.
 */
export function* corpus({
  seed = 0,
  names = 'all',
  ingredients = mixture,
}: CorpusOptions = {}): Generator<string, never> {
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

/** Passages for training the tokenizer of our own model: every ingredient equally often, so that the words of the rare ones are tokens too. */
export function tokenizerText(seed: number): Generator<string, never> {
  return corpus({ seed, names: 'paired', ingredients: mixture.map((ingredient) => ({ ...ingredient, weight: 1 })) });
}
