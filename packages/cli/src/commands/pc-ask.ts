import { type Command, Option } from 'commander';
import { classPosterior, moments } from 'filigree';
import type { TalkOptions } from '../options.js';
import { openCircuit, openTable } from '../pc-files.js';
import { circuitCommand, withEvidence, withRows } from '../pc-options.js';
import { type Asked, valueName, variableAsked, variableName } from '../pc-variables.js';
import type { Run, Session } from '../session.js';
import { count, figure, table } from '../table.js';

interface MomentOptions extends TalkOptions {
  vtree?: string;
  evidence: Asked<Map<number, number>>;
}

interface ClassifyOptions extends TalkOptions {
  vtree?: string;
  data: string;
  limit?: number;
  class: Asked<number>;
}

/** Commands that ask a circuit for more than one number. */
export function addPcAsk(group: Command, run: Run): void {
  withEvidence(
    circuitCommand(group, 'moments', 'mean and standard deviation of every variable, given evidence'),
  ).action((path: string, options: MomentOptions) =>
    run(async (session) => {
      const circuit = await openCircuit(path, options.vtree);
      const { mean, variance } = moments(circuit, options.evidence(circuit));
      if (session.json) return session.print({ mean: [...mean], variance: [...variance] });
      const rows = Array.from(mean, (m, v) => [
        variableName(circuit, v),
        figure(m, 6),
        figure(Math.sqrt(variance[v]), 6),
      ]);
      for (const line of table(['variable', 'mean', 'deviation'], rows)) session.say(line);
    }, options),
  );
  withRows(
    circuitCommand(
      group,
      'classify',
      'the most probable value of one variable for every row, given the rest of the row',
    ),
  )
    .addOption(
      new Option('--class <variable>', 'the variable, by its name or counted from 1')
        .argParser(variableAsked('--class'))
        .makeOptionMandatory(),
    )
    .action((path: string, options: ClassifyOptions) => run((session) => classify(path, options, session), options));
}

async function classify(path: string, options: ClassifyOptions, session: Session): Promise<void> {
  const circuit = await openCircuit(path, options.vtree);
  const rows = await openTable(options.data, options.limit, circuit);
  const variable = options.class(circuit);
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
    session.say(Array.from(best, (k) => valueName(circuit, variable, k)).join('\n'));
    if (accuracy !== null)
      session.warn(`right in ${count(right)} of ${count(known)} rows that say it (${figure(100 * accuracy)} %)`);
  }
}
