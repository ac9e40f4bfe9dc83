import { type Command, Option } from 'commander';
import { classPosterior, InputError, moments } from 'filigree';
import { addTalkOptions, type TalkOptions, wholeNumber } from '../options.js';
import { circuitFormats, evidenceList, openCircuit, openTable } from '../pc-files.js';
import type { Run, Session } from '../session.js';
import { count, figure, table } from '../table.js';

interface MomentOptions extends TalkOptions {
  vtree?: string;
  evidence: Map<number, number>;
}

interface ClassifyOptions extends TalkOptions {
  vtree?: string;
  data: string;
  limit?: number;
  class: number;
}

/** Commands that ask a circuit for more than one number. */
export function addPcAsk(group: Command, run: Run): void {
  addTalkOptions(
    group
      .command('moments')
      .description('mean and standard deviation of every variable, given evidence')
      .argument('<circuit>', circuitFormats)
      .option('--vtree <file>', "the circuit's .vtree")
      .addOption(
        new Option('--evidence <list>', 'known values, such as 3=1,7=0')
          .argParser(evidenceList('--evidence'))
          .default(new Map(), 'none'),
      ),
  ).action((path: string, options: MomentOptions) =>
    run(async (session) => {
      const circuit = await openCircuit(path, options.vtree);
      const { mean, variance } = moments(circuit, options.evidence);
      if (session.json) return session.print({ mean: [...mean], variance: [...variance] });
      const rows = Array.from(mean, (m, v) => [
        circuit.names?.[v] ?? `x${v + 1}`,
        figure(m, 6),
        figure(Math.sqrt(variance[v]), 6),
      ]);
      for (const line of table(['variable', 'mean', 'deviation'], rows)) session.say(line);
    }, options),
  );
  addTalkOptions(
    group
      .command('classify')
      .description('the most probable value of one variable for every row, given the rest of the row')
      .argument('<circuit>', circuitFormats)
      .option('--vtree <file>', "the circuit's .vtree")
      .requiredOption('--data <file>', 'rows of values; empty cells are summed out')
      .addOption(new Option('--limit <n>', 'use the first rows only').argParser(wholeNumber('--limit', 1)))
      .addOption(
        new Option('--class <n>', 'the variable, counted from 1')
          .argParser(wholeNumber('--class', 1))
          .makeOptionMandatory(),
      ),
  ).action((path: string, options: ClassifyOptions) => run((session) => classify(path, options, session), options));
}

async function classify(path: string, options: ClassifyOptions, session: Session): Promise<void> {
  const circuit = await openCircuit(path, options.vtree);
  const rows = await openTable(options.data, options.limit, circuit);
  const variable = options.class - 1;
  if (variable >= circuit.variables) {
    throw new InputError(`--class ${options.class}: the circuit's variables are 1 to ${circuit.variables}.`);
  }
  const { best } = await session.during('classifying', (progress) => classPosterior(circuit, rows, variable, progress));
  let [known, right] = [0, 0];
  best.forEach((k, row) => {
    const truth = rows.values[row * rows.columns + variable];
    if (Number.isNaN(truth)) return;
    known++;
    if (truth === k) right++;
  });
  const accuracy = known > 0 ? right / known : null;
  if (session.json) session.print({ rows: rows.rows, accuracy, classes: [...best] });
  else {
    session.say([...best].join('\n'));
    if (accuracy !== null)
      session.warn(`right in ${count(right)} of ${count(known)} rows that say it (${figure(100 * accuracy)} %)`);
  }
}
