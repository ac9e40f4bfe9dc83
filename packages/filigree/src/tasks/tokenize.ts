import { InputError } from '../errors.js';
import type { Tokenizer } from '../nn/tokenizer.js';
import type { Pair, Part, Task, TextPair } from './task.js';

/** Why a text pair cannot be used with a tokenizer, in a sort (to count by) and a sentence about the one pair. */
export interface Misfit {
  sort: string;
  reason: string;
}

/** Pairs that fit a model, and how many were dropped by sort of misfit. */
export interface FittedPairs {
  pairs: Pair[];
  dropped: Record<string, number>;
}

/** How many pairs are wanted, from which seed and part, and how long a prompt may be in tokens. */
export interface PairsOptions {
  count: number;
  seed?: number;
  part?: Part;
  context?: number;
}

/** Generated texts looked at for each pair that is wanted, before settling for fewer. */
const PATIENCE = 40;

export const asList = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

/**
 * The answer as a token: the one by which the tokens of prompt + answer extend those of the prompt. A `Misfit` when it
 * takes several, none, or changes the tokens of the prompt. `before` are the prompt's tokens, where they are known.
 */
export function answerToken(
  tokenizer: Tokenizer,
  prompt: string,
  answer: string,
  before: readonly number[] = tokenizer.encode(prompt),
): number | Misfit {
  const after = tokenizer.encode(prompt + answer);
  if (!before.every((id, i) => after[i] === id)) {
    const reason = `${JSON.stringify(answer)} joins with the end of the prompt, so that it is no token of its own`;
    return { sort: 'answer joins the prompt', reason };
  }
  const added = after.slice(before.length);
  if (added.length === 1) return added[0];
  const pieces = added.map((id) => JSON.stringify(tokenizer.token(id))).join(', ');
  const reason = `${JSON.stringify(answer)} is ${added.length} tokens after this prompt${pieces && ` (${pieces})`}, not one`;
  return { sort: 'answer of several tokens', reason };
}

/**
 * The tokens of a text pair, or why it does not fit: clean and corrupted prompt must have equally many tokens; every answer
 * must be one token after the clean prompt, every wrong one after the corrupted prompt, and no token may be both.
 */
export function fitPair(text: TextPair, tokenizer: Tokenizer, context = Number.POSITIVE_INFINITY): Pair | Misfit {
  const clean = tokenizer.encode(text.clean);
  const corrupt = tokenizer.encode(text.corrupt);
  if (clean.length === 0) return { sort: 'empty prompt', reason: 'the clean prompt has no tokens' };
  if (clean.length !== corrupt.length) {
    const reason = `the clean prompt has ${clean.length} tokens and the corrupted one ${corrupt.length}; they must be equally long`;
    return { sort: 'unequal length', reason };
  }
  if (clean.length > context) {
    return {
      sort: 'too long',
      reason: `the prompts have ${clean.length} tokens, but the model's context is ${context}`,
    };
  }
  const answers: number[] = [];
  const wrongs: number[] = [];
  for (const [list, prompt, ids, values] of [
    [answers, text.clean, clean, text.answer],
    [wrongs, text.corrupt, corrupt, text.wrong],
  ] as const) {
    for (const value of asList(values)) {
      const token = answerToken(tokenizer, prompt, value, ids);
      if (typeof token !== 'number') return token;
      list.push(token);
    }
  }
  const both = answers.find((id) => wrongs.includes(id));
  if (both !== undefined) {
    return {
      sort: 'answer is also wrong',
      reason: `${JSON.stringify(tokenizer.token(both))} is both an answer and wrong`,
    };
  }
  return { clean, corrupt, answers, wrongs, text };
}

/** The pair, unless one prompt begins a word where the other goes on with one: then the two do not align token by token. */
function aligned(pair: Pair | Misfit, tokenizer: Tokenizer): Pair | Misfit {
  if ('sort' in pair) return pair;
  const { clean, corrupt } = pair;
  const begins = (id: number): boolean => /^\s/.test(tokenizer.token(id));
  const apart = clean.findIndex((id, i) => id !== corrupt[i] && begins(id) !== begins(corrupt[i]));
  if (apart < 0) return pair;
  const [a, b] = [clean, corrupt].map((ids) => JSON.stringify(tokenizer.token(ids[apart])));
  return { sort: 'words not aligned', reason: `token ${apart} is ${a} in one prompt and ${b} in the other` };
}

/**
 * Up to `count` different pairs of a task that fit the tokenizer and align token by token (words begin at the same
 * positions), and how many others were dropped and why. Fewer come back when the task has no more: at most 40 texts per
 * wanted pair are looked at.
 *
 * Throws `InputError` for a count that is not a positive whole number, without a tokenizer, and when no pair fits.
 */
export function taskPairs(task: Task, tokenizer: Tokenizer | undefined, options: PairsOptions): FittedPairs {
  const { count, seed = 0, part = 'discovery', context } = options;
  if (!Number.isInteger(count) || count < 1)
    throw new InputError(`The number of pairs must be 1 or more, not ${count}.`);
  if (!tokenizer) {
    throw new InputError(
      `The task "${task.name}" is text, but the model has no tokenizer.json; give a JSONL file of token ids instead.`,
    );
  }
  const pairs: Pair[] = [];
  const dropped: Record<string, number> = {};
  const seen = new Set<string>();
  let left = PATIENCE * count + 100;
  const continues = (prompt: string, answer: string): boolean =>
    typeof answerToken(tokenizer, prompt, answer) === 'number';
  // A word is asked about behind another one, because some tokenizers treat the beginning of a text differently.
  const oneToken = (word: string): boolean => continues('So', word);
  for (const text of task.texts({ seed, part, oneToken, continues })) {
    if (pairs.length >= count || left-- <= 0) break;
    const key = JSON.stringify([text.clean, text.corrupt]);
    if (seen.has(key)) continue;
    seen.add(key);
    const fitted = aligned(fitPair(text, tokenizer, context), tokenizer);
    if ('sort' in fitted) dropped[fitted.sort] = (dropped[fitted.sort] ?? 0) + 1;
    else pairs.push(fitted);
  }
  if (pairs.length > 0) return { pairs, dropped };
  const why = Object.entries(dropped)
    .map(([sort, times]) => `${sort}: ${times}`)
    .join(', ');
  throw new InputError(
    `No pair of the task "${task.name}" fits this model's tokenizer (${why}). Try another task or a JSONL file.`,
  );
}
