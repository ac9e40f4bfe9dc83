import { type Command, Option } from 'commander';
import { InputError } from 'filigree';
import { addTalkOptions, choice, wholeNumber } from '../options.js';
import { notesOf, openCircuit, saveCircuit } from '../pc-files.js';
import {
  addFitOptions,
  beginFit,
  edgeCount,
  type FitOptions,
  fit,
  measure,
  openTables,
  sayMeasured,
} from '../pc-fit.js';
import { type StructureOptions, shapeParser, statesOf, structures } from '../pc-structures.js';
import type { Run, Session } from '../session.js';

type LearnOptions = FitOptions & StructureOptions & { structure: string; from?: string; vtree?: string };

export function addPcLearn(group: Command, run: Run): void {
  const names = Object.keys(structures);
  const list = names.map((name) => `${name}: ${structures[name].what}`).join('; ');
  const whole = (flag: string, text: string, value?: number): Option => {
    const option = new Option(`${flag} <n>`, text).argParser(wholeNumber(flag, 1));
    return value === undefined ? option : option.default(value);
  };
  const command = group
    .command('learn')
    .description('learn a circuit from a table of whole numbers: a structure, and its weights by mini-batch EM')
    .summary('learn a circuit from a table')
    .argument('<train>', 'rows of values from 0, parted by commas or spaces, empty cells missing; or IDX images')
    .addOption(new Option('--structure <name>', list).argParser(choice('--structure', names)).default('hclt'))
    .option('--from <circuit>', 'go on with the weights of this circuit instead of a new structure')
    .option('--vtree <file>', 'the .vtree of the circuit that --from names, to check it against')
    .addOption(whole('--latents', 'states of each hidden variable, units of each region', 16))
    .addOption(new Option('--shape <HxW>', 'of images, for pd and quad (default: square)').argParser(shapeParser))
    .addOption(whole('--split-step', 'pixels between cuts, for pd'))
    .addOption(whole('--depth', 'halvings, for rat'))
    .addOption(whole('--repetitions', 'random trees that rat mixes', 8));
  addTalkOptions(addFitOptions(command, 30))
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
  if (options.vtree !== undefined && options.from === undefined) {
    throw new InputError('--vtree goes with --from: new structures choose their own.');
  }
  await beginFit(options);
  const from = options.from === undefined ? undefined : await openCircuit(options.from, options.vtree);
  const tables = await openTables(path, options, from);
  const structure = structures[options.structure];
  const started = performance.now();
  let circuit =
    from ?? structure.make(tables.train, statesOf(tables.all, options.structure === 'hclt'), options, session.signal);
  if (circuit.variables !== tables.train.columns) {
    throw new InputError(
      `${options.from} has ${circuit.variables} variables, but the rows have ${tables.train.columns} columns.`,
    );
  }
  if (from || !structure.done) circuit = await fit(circuit, tables, options, session);
  const seconds = (performance.now() - started) / 1000;
  const result = { ...(await measure(circuit, tables, session)), edges: circuit.child.length, seconds };
  if (out !== undefined) await saveCircuit(out, circuit, notesOf(tables.train), (text) => session.warn(text));
  if (session.json) return session.print(result);
  sayMeasured(result, tables.train.columns, session);
  session.say(`edges ${edgeCount(circuit)}, learned in ${seconds.toFixed(1)} s`);
  if (out !== undefined) session.say(`wrote ${out}`);
}
