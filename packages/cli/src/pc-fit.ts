import { type Command, Option } from 'commander';
import {
  type CircuitNotes,
  em,
  InputError,
  type Learned,
  type LearnState,
  meanLogLikelihood,
  type ProbabilisticCircuit,
  type Table,
  trainByGradient,
} from 'filigree';
import { startEngine } from 'filigree/node';
import { allowRelaxedSimd } from './engine.js';
import { choice, numberFrom, type TalkOptions, wholeNumber } from './options.js';
import { checkOutputs } from './outputs.js';
import { checkCircuitName, notesOf, openTable, saveCircuit } from './pc-files.js';
import { ResumeFile } from './pc-resume.js';
import { type Asked, variableAsked } from './pc-variables.js';
import type { Session } from './session.js';
import { count } from './table.js';

/** How weights are learned: shared by the commands that do. */
export interface FitOptions extends TalkOptions {
  valid?: string;
  test?: string;
  limit?: number;
  method: 'em' | 'adam';
  epochs: number;
  batch: number;
  step: [number, number];
  lr: number;
  pseudocount: number;
  momentum: number;
  softness: number;
  patience: number;
  seed: number;
  threads?: number;
  out?: string;
  resume?: boolean;
  class?: Asked<number>;
  dropout: number;
}

/** A parser of two numbers parted by a comma. */
function pair(flag: string): (text: string) => [number, number] {
  const each = numberFrom(flag, 0);
  return (text) => {
    const parts = text.split(',').map(each);
    if (parts.length === 1) return [parts[0], parts[0]];
    if (parts.length === 2 && parts.every((x) => x <= 1)) return [parts[0], parts[1]];
    throw new InputError(`${flag} must be two numbers up to 1, such as 1,0.05.`);
  };
}

/** @param step how far EM goes at the first and the last epoch */
export function addFitOptions(command: Command, epochs: number, step: [number, number] = [1, 0.05]): Command {
  const whole = (flag: string, text: string, least: number, value?: number): Option => {
    const option = new Option(`${flag} <n>`, text).argParser(wholeNumber(flag, least));
    return value === undefined ? option : option.default(value);
  };
  const real = (flag: string, text: string, value: number): Option =>
    new Option(`${flag} <x>`, text).argParser(numberFrom(flag, 0)).default(value);
  return command
    .option('--valid <file>', 'rows that decide when to stop')
    .option('--test <file>', 'rows to measure on')
    .addOption(whole('--limit', 'use the first rows of the training table only', 1))
    .addOption(
      new Option('--method <name>', 'em, or adam on the gradients')
        .argParser(choice('--method', ['em', 'adam']))
        .default('em'),
    )
    .addOption(whole('--epochs', 'passes over the rows', 0, epochs))
    .addOption(whole('--batch', 'rows per step', 1, 512))
    .addOption(
      new Option('--step <first,last>', 'step size of EM at the first and the last epoch')
        .argParser(pair('--step'))
        .default(step, step.join()),
    )
    .addOption(real('--lr', 'learning rate of adam', 0.05))
    .addOption(
      new Option(
        '--class <variable>',
        'with adam: learn to tell this variable from the others, by name or counted from 1',
      ).argParser(variableAsked('--class')),
    )
    .addOption(real('--dropout', 'with adam: chance that an edge is dropped from a step', 0))
    .addOption(real('--pseudocount', 'added to the counts of each sum', 0.05))
    .addOption(real('--momentum', 'share of the counts that EM keeps from step to step', 0))
    .addOption(real('--softness', 'chance that a training cell is another value than it says', 0))
    .addOption(whole('--patience', 'epochs without gain on --valid before stopping', 1, 5))
    .addOption(whole('--seed', 'decides first weights and the order of rows', 0, 0))
    .addOption(new Option('--threads <n>', 'threads (default: all cores)').argParser(wholeNumber('--threads', 1, 256)))
    .option('--out <file>', 'where to write the circuit: .jpc or .fpc; also while learning, so that nothing is lost')
    .option('--resume', 'go on with a learning into --out that was interrupted, as if it had not been');
}

export interface FitTables {
  readonly train: Table;
  readonly valid: Table | undefined;
  readonly test: Table | undefined;
  readonly all: readonly Table[];
}

/**
 * Opens the tables and checks that they belong together.
 * @param like the circuit whose words they have to share
 */
export async function openTables(path: string, options: FitOptions, like?: CircuitNotes): Promise<FitTables> {
  const train = await openTable(path, options.limit, like);
  const valid = options.valid === undefined ? undefined : await openTable(options.valid, undefined, train);
  const test = options.test === undefined ? undefined : await openTable(options.test, undefined, train);
  const all = [train, valid, test].filter((table) => table !== undefined);
  if (all.some((table) => table.columns !== train.columns)) {
    throw new InputError('the training, validation and test rows do not have equally many columns.');
  }
  return { train, valid, test, all };
}

/** Checks where the circuit is to be written, and starts the engine. */
export async function beginFit({ out, threads }: FitOptions): Promise<void> {
  checkCircuitName('--out', out);
  await checkOutputs({ '--out': out });
  allowRelaxedSimd();
  startEngine({ threads });
}

/** Milliseconds between two writings of the circuit so far. */
const keepEvery = 10_000;

/** Learns the weights, keeping the best circuit so far in `--out`, and what is needed to go on beside it. */
export async function fit(
  start: ProbabilisticCircuit,
  { train, valid }: FitTables,
  options: FitOptions,
  session: Session,
  what = 'learning',
): Promise<ProbabilisticCircuit> {
  const { method, out, epochs, batch, pseudocount, step, momentum, softness, patience, seed, lr } = options;
  if (options.resume && out === undefined)
    throw new InputError('--resume goes with --out, the file that was being written.');
  if (epochs === 0) return start;
  const { dropout } = options;
  const variable = options.class?.({ ...start, names: train.names });
  if (method === 'em' && (variable !== undefined || dropout > 0)) {
    throw new InputError('--class and --dropout go with --method adam; EM learns all variables alike.');
  }
  const classes = variable === undefined ? undefined : { variable, share: 1 };
  const rule = method === 'adam' ? { lr, classes, dropout } : { step, pseudocount, momentum, softness };
  const schedule = { method, epochs, batchRows: batch, patience, seed };
  const kept =
    out === undefined
      ? undefined
      : await ResumeFile.open(out, start, [train, valid], { ...schedule, ...rule }, options.resume === true);
  const resume = await kept?.read();
  let last: { learned: Learned; state: LearnState } | undefined;
  let written = performance.now();
  const write = async (): Promise<void> => {
    if (!last || !kept || out === undefined) return;
    await saveCircuit(out, last.learned.circuit, notesOf(train), () => {});
    await kept.write(last.state);
    written = performance.now();
  };
  const onEpoch = async (learned: Learned, state: () => Promise<LearnState>): Promise<void> => {
    if (!kept) return;
    last = { learned, state: await state() };
    if (performance.now() - written > keepEvery) await write();
  };
  try {
    const learned = await session.during(what, (progress) => {
      const common = { ...progress, ...schedule, valid, onEpoch, resume };
      return method === 'adam'
        ? trainByGradient(start, train, { ...common, lr, classes, dropout })
        : em(start, train, { ...common, step, pseudocount, momentum, softness });
    });
    await kept?.remove();
    return learned.circuit;
  } catch (error) {
    if (session.signal.aborted && kept && (resume || last)) {
      // The epoch that was being learned is lost, no other.
      await write();
      session.warn(`stopped; ${out} has the circuit so far, and the same command with --resume goes on with it`);
    }
    throw error;
  }
}

/** Mean log-likelihood of each table that there is. */
export async function measure(
  circuit: ProbabilisticCircuit,
  { train, valid, test }: FitTables,
  session: Session,
): Promise<{ train: number; valid: number | null; test: number | null }> {
  const mean = (table: Table): Promise<number> =>
    session.during('measuring', ({ signal }) => meanLogLikelihood(circuit, table, { signal }));
  return { train: await mean(train), valid: valid ? await mean(valid) : null, test: test ? await mean(test) : null };
}

/** Says a result to people. */
export function sayMeasured(
  result: { train: number; valid: number | null; test: number | null },
  columns: number,
  session: Session,
): void {
  for (const part of ['train', 'valid', 'test'] as const) {
    const nats = result[part];
    if (nats === null) continue;
    session.say(
      `${part.padEnd(6)}${nats.toFixed(4)} nats a row, ${(-nats / columns / Math.LN2).toFixed(4)} bits a column`,
    );
  }
}

export const edgeCount = (circuit: ProbabilisticCircuit): string => count(circuit.child.length);
