import { Random } from '../tensor/random.js';
import { pairsOf, type Task, type TextPair, type TextRequest } from './task.js';
import { rowWords } from './words.js';

/** Lead-ins that the training text never puts before a rhyme. */
const leads = ['They sang:', 'She sang:', 'He sang:', 'Mom said:'] as const;

function pair(d: Random, words: readonly string[]): TextPair {
  const row = d.shuffle(words).slice(0, 4 + d.integer(Math.min(8, words.length) - 3));
  // The last word of the row has no successor to ask for, and the one before it would follow at once.
  const [asked, other] = d.shuffle([...row.keys()].slice(0, -1));
  const prompt = `${d.pick(leads)} ${row.join(' ')} `;
  return {
    clean: prompt + row[asked],
    corrupt: prompt + row[other],
    answer: ' ' + row[asked + 1],
    wrong: ' ' + row[other + 1],
  };
}

function wordsFor({ oneToken }: TextRequest): readonly string[] {
  const single = rowWords.filter((word) => oneToken?.(' ' + word) ?? true);
  // A row needs at least four different words; a vocabulary without them is asked in words of several tokens.
  return single.length >= 6 ? single : rowWords;
}

/**
 * What followed a word when it came before: "They sang: owl fox bell cow fox" -> " bell". A row of different words, then
 * one of them again; the corrupted prompt ends with another word of the row (olsson2022, "In-context learning and induction
 * heads"). Rows are drawn afresh, so that what follows a word cannot be known from the training text, only from the prompt.
 */
export const induction: Task = {
  name: 'induction',
  description: 'the word that followed the last word when it came before',
  metric: 'logit-diff',
  *texts(request) {
    const d = new Random(request.seed).fork('induction ' + request.part);
    const words = wordsFor(request);
    return yield* pairsOf(request.part, () => pair(d, words));
  },
};
