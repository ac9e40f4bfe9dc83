import { z } from 'zod';
import { InputError } from '../errors.js';
import type { Tokenizer } from '../nn/tokenizer.js';
import type { Pair } from './task.js';
import { asList, fitPair } from './tokenize.js';

const texts = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const id = z.number().int().nonnegative();
const ids = z.union([id, z.array(id).min(1)]);

const textRow = z.object({ clean: z.string().min(1), corrupt: z.string().min(1), answer: texts, wrong: texts });
const idRow = z.object({
  clean_ids: z.array(id).min(1),
  corrupt_ids: z.array(id).min(1),
  answer_id: ids,
  wrong_id: ids,
});

/** Names of the same fields in the files of "Sparse feature circuits" (arXiv 2403.19647), which also have a `case`. */
const otherNames = [
  ['clean_prefix', 'clean'],
  ['patch_prefix', 'corrupt'],
  ['clean_answer', 'answer'],
  ['patch_answer', 'wrong'],
] as const;

/** The model that the pairs are for. */
export interface PairFileOptions {
  /** The file's name, for messages. */
  file: string;
  /** Reads the rows that are text; without it only rows of ids can be read. */
  tokenizer?: Tokenizer;
  /** Number of tokens of the model: ids must be below it. */
  vocabulary: number;
  /** The longest prompt in tokens, the beginning-of-text token included. */
  context?: number;
}

/**
 * Reads pairs from JSON Lines. A row is `{"clean", "corrupt", "answer", "wrong"}` as text (or
 * `{"clean_prefix", "patch_prefix", "clean_answer", "patch_answer"}`) or `{"clean_ids", "corrupt_ids", "answer_id", "wrong_id"}` as
 * token ids; answers may be lists; other fields and empty lines
 * are ignored. Texts get the beginning-of-text token that the tokenizer adds; ids are taken as they are. The two prompts of
 * a row must have equally many tokens; different rows may differ in length.
 *
 * Throws `InputError`, naming file and line, for a row that is no JSON, lacks a field or has a wrong one, for ids out of the
 * vocabulary, prompts longer than the context or of unequal length, and answers that are not one token; and for a file
 * without rows.
 */
export function readPairs(content: string, options: PairFileOptions): Pair[] {
  const pairs: Pair[] = [];
  // Only line feeds part rows: JSON strings may hold the other line separators of Unicode.
  for (const [index, line] of content
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (line.trim() === '') continue;
    const fail = (what: string): never => {
      throw new InputError(`${options.file}, line ${index + 1}: ${what}.`);
    };
    pairs.push(readRow(line, options, fail));
  }
  if (pairs.length === 0) {
    throw new InputError(`${options.file} has no rows: each line is one {"clean", "corrupt", "answer", "wrong"}.`);
  }
  return pairs;
}

type Fail = (what: string) => never;

function readRow(line: string, options: PairFileOptions, fail: Fail): Pair {
  const row = renamed(parse(line, fail));
  const asText = ['clean', 'corrupt', 'answer', 'wrong'].some((key) => Object.hasOwn(row, key));
  const asIds = ['clean_ids', 'corrupt_ids', 'answer_id', 'wrong_id'].some((key) => Object.hasOwn(row, key));
  if (asText && asIds) return fail('mixes text and ids; give either "clean", "corrupt", "answer", "wrong" or the ids');
  return asIds ? fromIds(check(idRow, row, fail), options, fail) : fromText(check(textRow, row, fail), options, fail);
}

function parse(line: string, fail: Fail): object {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    return fail('is not valid JSON; write one object per line');
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return fail('is not a JSON object');
  return row;
}

/** The row with our names for the fields that others name differently; where it has both, ours count. */
function renamed(row: object): object {
  const extra = otherNames
    .filter(([theirs, ours]) => Object.hasOwn(row, theirs) && !Object.hasOwn(row, ours))
    .map(([theirs, ours]) => [ours, (row as Record<string, unknown>)[theirs]]);
  return { ...row, ...Object.fromEntries(extra) };
}

function check<T>(schema: z.ZodType<T>, row: object, fail: Fail): T {
  const result = schema.safeParse(row);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = String(issue.path[0]);
  if (!Object.hasOwn(row, field)) return fail(`lacks "${field}"`);
  const wanted: Record<string, string> = {
    clean: 'a text that is not empty',
    corrupt: 'a text that is not empty',
    answer: 'a text or a list of texts, none of them empty',
    wrong: 'a text or a list of texts, none of them empty',
    clean_ids: 'a list of token ids, whole numbers from 0',
    corrupt_ids: 'a list of token ids, whole numbers from 0',
  };
  return fail(`"${field}" must be ${wanted[field] ?? 'a token id or a list of token ids, whole numbers from 0'}`);
}

function fromText(row: z.infer<typeof textRow>, { tokenizer, context, vocabulary }: PairFileOptions, fail: Fail): Pair {
  if (!tokenizer) return fail('is text, but the model has no tokenizer; give the row as ids');
  const fitted = fitPair(row, tokenizer, context);
  if ('sort' in fitted) return fail(fitted.reason);
  return checkIds(fitted, vocabulary, fail);
}

function fromIds(row: z.infer<typeof idRow>, { vocabulary, context }: PairFileOptions, fail: Fail): Pair {
  const pair: Pair = {
    clean: row.clean_ids,
    corrupt: row.corrupt_ids,
    answers: asList(row.answer_id),
    wrongs: asList(row.wrong_id),
  };
  checkIds(pair, vocabulary, fail);
  const [a, b] = [pair.clean.length, pair.corrupt.length];
  if (a !== b) return fail(`"clean_ids" has ${a} tokens and "corrupt_ids" ${b}; they must be equally long`);
  if (context !== undefined && a > context)
    return fail(`the prompts have ${a} tokens, but the model's context is ${context}`);
  const both = pair.answers.find((token) => pair.wrongs.includes(token));
  if (both !== undefined) return fail(`token ${both} is both an answer and wrong`);
  return pair;
}

function checkIds(pair: Pair, vocabulary: number, fail: Fail): Pair {
  for (const list of [pair.clean, pair.corrupt, pair.answers, pair.wrongs]) {
    const out = list.find((token) => token >= vocabulary);
    if (out !== undefined) return fail(`token ${out} is outside the model's vocabulary of ${vocabulary} tokens`);
  }
  return pair;
}
