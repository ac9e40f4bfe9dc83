import { type Draw, draw } from './draw.js';
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

function filler(d: Draw, words: readonly string[]): string[] {
  return d.sample(words, d.between(1, 2));
}

/** A closed group, at most `depth` deep: "[egg (bell)]". */
export function group(d: Draw, words: readonly string[], depth: number): string {
  const [open, close] = d.pick(brackets);
  const inner = filler(d, words);
  if (depth > 1 && d.chance(0.5)) inner.push(group(d, words, depth - 1));
  if (inner.length > 1 && d.chance(0.5)) inner.push(...filler(d, words));
  return open + inner.join(' ') + close;
}

/**
 * The beginning of nested groups: perhaps an outer opener that stays open, the opener in question, then words and perhaps a
 * closed group. The opener in question is the innermost open one, so the answer is its closer.
 */
function pair(d: Draw): TextPair {
  const outer = d.chance(0.5) ? d.pick(brackets)[0] + filler(d, heldBracketWords).join(' ') + ' ' : '';
  const inside = filler(d, heldBracketWords);
  if (d.chance(0.6)) inside.push(group(d, heldBracketWords, 1), ...filler(d, heldBracketWords));
  const [kind, other] = d.sample(brackets, 2);
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
    const d = draw(request.seed, 'bracket ' + request.part);
    return yield* pairsOf(request.part, () => pair(d));
  },
};
