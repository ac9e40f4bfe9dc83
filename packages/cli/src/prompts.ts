import { type Command, Option } from 'commander';
import { answerToken, InputError, type Pair, type Tokenizer } from 'filigree';
import type { Opened } from './open.js';
import { numberList, wholeNumber } from './options.js';
import { openTask, pairsFor, usualPairs } from './pairs.js';

/** What a command that looks at prompts looks at: one of a text, token ids, or a task. */
export interface PromptOptions {
  prompt?: string;
  ids?: number[];
  task?: string;
  limit?: number;
  seed: number;
}

export function addPromptOptions(command: Command, task: string): Command {
  return command
    .option('--prompt <text>', 'the text to look at')
    .addOption(new Option('--ids <list>', 'or its token ids, such as 1,403,407').argParser(numberList('--ids', 0)))
    .option('--task <task>', `or a built-in task or a JSONL file of pairs: ${task}`)
    .addOption(
      new Option('--limit <n>', `pairs of the task (default: ${usualPairs}, or all rows of a file)`).argParser(
        wholeNumber('--limit', 1),
      ),
    )
    .addOption(
      new Option('--seed <n>', 'decides which pairs and random tokens').argParser(wholeNumber('--seed', 0)).default(0),
    );
}

/** Throws InputError unless one of the three is given, and no option that goes with another. */
export function checkPrompt({ prompt, ids, task, limit }: PromptOptions): void {
  const given = [prompt, ids, task].filter((value) => value !== undefined).length;
  if (given !== 1) throw new InputError('Give what to look at: one of --prompt TEXT, --ids LIST and --task TASK.');
  if (limit !== undefined && task === undefined) throw new InputError('--limit goes with --task: a prompt is one.');
}

/** The tokens of the prompt, or the pairs of the task. */
export async function openPrompt(
  options: PromptOptions,
  opened: Opened,
): Promise<{ readonly tokens: readonly number[] } | { readonly pairs: readonly Pair[] }> {
  const { prompt, ids, task } = options;
  if (task !== undefined) return { pairs: pairsFor(await openTask(task), 'discovery', opened, options).pairs };
  if (ids !== undefined) return { tokens: ids };
  return { tokens: tokenizerOf(opened).encode(prompt ?? '') };
}

/** A token that the user named: by text behind the prompt, or by id behind ids. Throws InputError when it is not one token. */
export function namedAnswer(flag: string, answer: string, { prompt }: PromptOptions, opened: Opened): number {
  if (prompt === undefined) return wholeNumber(flag, 0, opened.checkpoint.config.vocabulary - 1)(answer);
  const token = answerToken(tokenizerOf(opened), prompt, answer);
  if (typeof token === 'number') return token;
  throw new InputError(`${flag}: ${token.reason}.`);
}

function tokenizerOf({ tokenizer, label }: Opened): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new InputError(`${label} has no tokenizer.json, so text cannot be turned into tokens; use --ids.`);
}
