import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import {
  findTask,
  InputError,
  type MetricName,
  metricNames,
  type Pair,
  type Part,
  Random,
  readPairs,
  type Task,
  taskPairs,
  tasks,
} from 'filigree';
import { type Opened, readTextFile } from './open.js';
import { choice, wholeNumber } from './options.js';

/** Pairs of a generated task where the user does not say how many. */
export const usualPairs = 40;

/** What a command runs on. */
export interface TaskOptions {
  task: string;
  metric?: MetricName;
  limit?: number;
  seed: number;
}

export function addTaskOptions(command: Command, limit: string): Command {
  return command
    .requiredOption('--task <task>', 'a built-in task (see filigree tasks) or a JSONL file of pairs')
    .addOption(
      new Option(
        '--metric <name>',
        `${metricNames.join(', ')} (default: the task's own, logit-diff for files)`,
      ).argParser(choice('--metric', metricNames)),
    )
    .addOption(new Option('--limit <n>', limit).argParser(wholeNumber('--limit', 1)))
    .addOption(
      new Option('--seed <n>', 'decides which pairs, random circuits and resamples')
        .argParser(wholeNumber('--seed', 0))
        .default(0),
    );
}

/** A behaviour to explain: a built-in task, or rows that were read from a file. */
export type Behaviour = { readonly task: Task } | { readonly file: string; readonly rows: string };

/** Finds the task or reads the file, before anything slow is done. Throws InputError when there is neither. */
export async function openTask(nameOrPath: string): Promise<Behaviour> {
  const task = tasks.find(({ name }) => name === nameOrPath);
  if (task) return { task };
  const isPath = /[/\\]|\.jsonl?$/i.test(nameOrPath) || (await stat(nameOrPath).catch(() => undefined))?.isFile();
  // Where it looks like neither, it was meant as a name: the message then suggests the nearest.
  if (!isPath) return { task: findTask(nameOrPath) };
  return { file: nameOrPath, rows: await readTextFile(nameOrPath) };
}

/** What to call a behaviour. */
export const taskLabel = (of: Behaviour): string => ('task' in of ? of.task.name : basename(of.file));

export const metricOf = (of: Behaviour, asked: MetricName | undefined): MetricName =>
  asked ?? ('task' in of ? of.task.metric : 'logit-diff');

/** Pairs, and how many texts were dropped by reason (files have none: a row that does not fit is an error). */
export interface Fitted {
  readonly pairs: readonly Pair[];
  readonly dropped: Readonly<Record<string, number>>;
}

/** Pairs of one part of a built-in task, or all rows of a file, at most `limit`. */
export function pairsFor(
  of: Behaviour,
  part: Part,
  opened: Opened,
  options: Pick<TaskOptions, 'limit' | 'seed'>,
): Fitted {
  const { config } = opened.checkpoint;
  const { limit, seed } = options;
  if ('task' in of) {
    return taskPairs(of.task, opened.tokenizer, { count: limit ?? usualPairs, seed, part, context: config.context });
  }
  const pairs = readPairs(of.rows, {
    file: of.file,
    tokenizer: opened.tokenizer,
    vocabulary: config.vocabulary,
    context: config.context,
  });
  return { pairs: pairs.slice(0, limit), dropped: {} };
}

/** Pairs to find a circuit on, and others to judge it on. */
export interface Split {
  readonly discovery: Fitted;
  readonly evaluation: Fitted;
  /** How the two came about, in a sentence, where it is not plain. */
  readonly note?: string;
}

/**
 * The two sets of a discovery. They share no pair where the task is built in, where a second file is given, or where a file is
 * split in halves by seed; otherwise, and where nothing is left to judge on, the same pairs do both, and the note says so.
 */
export function splitPairs(
  of: Behaviour,
  other: Behaviour | undefined,
  opened: Opened,
  options: Pick<TaskOptions, 'limit' | 'seed'> & { split?: boolean },
): Split {
  if (other || 'task' in of) {
    const discovery = pairsFor(of, 'discovery', opened, options);
    const evaluation = pairsFor(other ?? of, 'evaluation', opened, options);
    const rest = without(evaluation.pairs, discovery.pairs);
    if (rest.length === 0) throw new InputError('--evaluate-on has only pairs that --task has too; give it others.');
    const shared = evaluation.pairs.length - rest.length;
    const note = shared > 0 ? `${shared} pairs of --evaluate-on are left out: --task has them too.` : undefined;
    return { discovery, evaluation: { pairs: rest, dropped: evaluation.dropped }, note };
  }
  if (!options.split) {
    const all = pairsFor(of, 'discovery', opened, options);
    return {
      discovery: all,
      evaluation: all,
      note: 'The circuit is judged on the pairs it was found on; --split or --evaluate-on FILE keeps the two apart.',
    };
  }
  const { pairs } = pairsFor(of, 'discovery', opened, { seed: options.seed });
  const order = new Random(options.seed).fork('halves').shuffle(pairs);
  const half = Math.ceil(pairs.length / 2);
  const found = order.slice(0, half).slice(0, options.limit);
  const rest = without(order.slice(half), found).slice(0, options.limit);
  const rows = pairs.length === 1 ? 'one row' : `${pairs.length} rows`;
  const note =
    rest.length === 0
      ? `${of.file} has ${rows} and no second pair: the circuit is judged on what it was found on.`
      : `${of.file} has ${rows}: by seed ${options.seed}, one half finds the circuit, the other judges it.`;
  return {
    discovery: { pairs: found, dropped: {} },
    evaluation: { pairs: rest.length === 0 ? found : rest, dropped: {} },
    note,
  };
}

/** The pairs that are not among `others`. */
function without(pairs: readonly Pair[], others: readonly Pair[]): readonly Pair[] {
  const key = (pair: Pair): string => JSON.stringify([pair.clean, pair.corrupt]);
  const known = new Set(others.map(key));
  return pairs.filter((pair) => !known.has(key(pair)));
}

/** "20 pairs", and how many texts were dropped on the way, by reason. */
export function pairsText({ pairs, dropped }: Fitted): string {
  return `${pairs.length} ${pairs.length === 1 ? 'pair' : 'pairs'}${droppedText(dropped)}`;
}

/** Both sets in one line. */
export function splitText({ discovery, evaluation }: Split): string {
  const dropped = { ...discovery.dropped };
  for (const [sort, count] of Object.entries(evaluation.dropped)) dropped[sort] = (dropped[sort] ?? 0) + count;
  const judging = evaluation.pairs === discovery.pairs ? 'the same' : `${evaluation.pairs.length} others`;
  return `${discovery.pairs.length} to find the circuit, ${judging} to judge it${droppedText(dropped)}`;
}

function droppedText(dropped: Fitted['dropped']): string {
  const reasons = Object.entries(dropped).map(([sort, count]) => `${count} for ${sort}`);
  return reasons.length > 0 ? ` (dropped: ${reasons.join(', ')})` : '';
}
