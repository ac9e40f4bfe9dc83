import { type Command, Option } from 'commander';
import {
  chowLiuCircuit,
  chowLiuTree,
  em,
  hclt,
  InputError,
  logLikelihood,
  type ProbabilisticCircuit,
  type Table,
  writeJpc,
} from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { addTalkOptions, choice, numberFrom, type TalkOptions, wholeNumber } from '../options.js';
import { checkOutputs } from '../outputs.js';
import { openTable } from '../pc-files.js';
import type { Run, Session } from '../session.js';
import { count } from '../table.js';

interface LearnOptions extends TalkOptions {
  valid?: string;
  test?: string;
  structure: 'hclt' | 'clt';
  latents: number;
  epochs: number;
  batch: number;
  pseudocount: number;
  seed: number;
  out?: string;
}

export function addPcLearn(group: Command, run: Run): void {
  const command = group
    .command('learn')
    .description('learn a circuit from a table of whole numbers: structure by Chow-Liu, weights by mini-batch EM')
    .summary('learn a circuit from a table')
    .argument('<train>', 'rows of values from 0, parted by commas or spaces; empty cells are missing')
    .option('--valid <file>', 'rows that decide when to stop')
    .option('--test <file>', 'rows to measure on')
    .addOption(
      new Option('--structure <name>', 'hclt: hidden Chow-Liu tree; clt: Chow-Liu tree')
        .argParser(choice('--structure', ['hclt', 'clt']))
        .default('hclt'),
    );
  const whole = (flag: string, name: string, text: string, least: number, value: number): Option =>
    new Option(`${flag} <${name}>`, text).argParser(wholeNumber(flag, least)).default(value);
  addTalkOptions(
    command
      .addOption(whole('--latents', 'n', 'states of each hidden variable', 1, 16))
      .addOption(whole('--epochs', 'n', 'passes over the rows', 1, 30))
      .addOption(whole('--batch', 'n', 'rows per step of EM', 1, 512))
      .addOption(
        new Option('--pseudocount <x>', 'added to the counts of each sum')
          .argParser(numberFrom('--pseudocount', 0))
          .default(0.05),
      )
      .addOption(whole('--seed', 'n', 'decides first weights and the order of rows', 0, 0))
      .option('--out <file>', 'where to write the circuit, as .jpc'),
  )
    .addHelpText(
      'after',
      `
Example:
  filigree pc learn nltcs.train.data --valid nltcs.valid.data --test nltcs.test.data --latents 16 --out nltcs.jpc`,
    )
    .action((train: string, options: LearnOptions) => run((session) => learn(train, options, session), options));
}

async function learn(path: string, options: LearnOptions, session: Session): Promise<void> {
  const { out } = options;
  if (out !== undefined && !out.endsWith('.jpc')) throw new InputError(`--out ${out}: the name must end in .jpc.`);
  await checkOutputs({ '--out': out });
  const train = await openTable(path);
  const valid = options.valid === undefined ? undefined : await openTable(options.valid);
  const test = options.test === undefined ? undefined : await openTable(options.test);
  const tables = [train, valid, test].filter((table) => table !== undefined);
  if (tables.some((table) => table.columns !== train.columns)) {
    throw new InputError('the training, validation and test rows do not have equally many columns.');
  }
  const states = statesOf(tables);
  const started = performance.now();
  const circuit = await session.during('learning', (progress) =>
    options.structure === 'clt'
      ? Promise.resolve(chowLiuCircuit(chowLiuTree(train, states), train, states))
      : learnHclt(train, valid, states, options, progress),
  );
  const seconds = (performance.now() - started) / 1000;
  const mean = async (table: Table | undefined): Promise<number | null> => {
    if (!table) return null;
    const logs = await session.during('measuring', (progress) => logLikelihood(circuit, table, progress));
    return logs.reduce((a, b) => a + b, 0) / logs.length;
  };
  const result = {
    train: await mean(train),
    valid: await mean(valid),
    test: await mean(test),
    edges: circuit.child.length,
    seconds,
  };
  if (out !== undefined) await writeFileAtomic(out, writeJpc(circuit));
  if (session.json) return session.print(result);
  for (const part of ['train', 'valid', 'test'] as const) {
    if (result[part] !== null) session.say(`${part.padEnd(6)}${result[part].toFixed(4)} nats a row`);
  }
  session.say(`edges ${count(result.edges)}, learned in ${seconds.toFixed(1)} s`);
  if (out !== undefined) session.say(`wrote ${out}`);
}

async function learnHclt(
  train: Table,
  valid: Table | undefined,
  states: readonly number[],
  options: LearnOptions,
  progress: { signal: AbortSignal; onProgress: (state: { done: number; total: number; unit: string }) => void },
): Promise<ProbabilisticCircuit> {
  const { latents, seed, epochs, batch, pseudocount } = options;
  const start = hclt(train, states, { latents, seed });
  const learned = await em(start, train, {
    ...progress,
    epochs,
    batchRows: batch,
    step: [1, 0.05],
    pseudocount,
    valid,
    seed,
  });
  return learned.circuit;
}

/** Number of values of each column in all tables, at least two. Throws InputError for cells that are no whole numbers from 0. */
function statesOf(tables: readonly Table[]): number[] {
  const states = new Array<number>(tables[0].columns).fill(2);
  for (const { values, columns } of tables) {
    values.forEach((x, i) => {
      if (Number.isNaN(x)) return;
      if (!(Number.isInteger(x) && x >= 0 && x < 2 ** 16)) {
        const place = `row ${Math.floor(i / columns) + 1}, column ${(i % columns) + 1}`;
        throw new InputError(`${place} is ${x}; these structures need whole numbers from 0 to 65535.`);
      }
      states[i % columns] = Math.max(states[i % columns], x + 1);
    });
  }
  return states;
}
