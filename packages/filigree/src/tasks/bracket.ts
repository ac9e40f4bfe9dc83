import { Random } from '../tensor/random.js';
import { pairsOf, type Task, type TextPair } from './task.js';
import { heldBracketWords } from './words.js';

/** The kinds of brackets: opener and closer. */
export const brackets = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
] as const;

/** Lead-ins that the training text never puts before brackets. */
const leads = ['The box has', 'room =', 'We see'] as const;

const filler = (d: Random, word: () => string): string[] => Array.from({ length: 1 + d.integer(2) }, word);

/** A closed group of words, at most `depth` deep: "[egg (bell)]". */
export function group(d: Random, word: () => string, depth: number): string {
  const [open, close] = d.pick(brackets);
  const inner = filler(d, word);
  if (depth > 1 && d.uniform() < 0.5) inner.push(group(d, word, depth - 1));
  if (inner.length > 1 && d.uniform() < 0.5) inner.push(...filler(d, word));
  return open + inner.join(' ') + close;
}

/**
 * The beginning of nested groups: perhaps an outer opener that stays open, the opener in question, then words and perhaps a
 * closed group. The opener in question is the innermost open one, so the answer is its closer.
 */
function pair(d: Random): TextPair {
  const word = (): string => d.pick(heldBracketWords);
  const outer = d.uniform() < 0.5 ? d.pick(brackets)[0] + filler(d, word).join(' ') + ' ' : '';
  const inside = filler(d, word);
  if (d.uniform() < 0.6) inside.push(group(d, word, 1), ...filler(d, word));
  const [kind, other] = d.shuffle(brackets);
  const lead = d.pick(leads);
  const prompt = (open: string): string => `${lead} ${outer}${open}${inside.join(' ')}`;
  return { clean: prompt(kind[0]), corrupt: prompt(other[0]), answer: kind[1], wrong: other[1] };
}

/**
 * Which bracket closes: "room = (egg [bell] key" -> ")". The prompts of a pair differ in the innermost bracket that is
 * still open; in three of five a closed group stands between it and the end, so the nearest opener is not the answer.
 */
export const bracket: Task = {
  name: 'bracket',
  description: 'the closer of the innermost open bracket, of three kinds',
  metric: 'logit-diff',
  *texts(request) {
    const d = new Random(request.seed).fork('bracket ' + request.part);
    return yield* pairsOf(request.part, () => pair(d));
  },
};
