import { type Command, Option } from 'commander';
import {
  checkProperties,
  entropy,
  InputError,
  klDivergence,
  logLikelihood,
  logProbability,
  mostProbable,
  type PropertyName,
  readCnf,
  sampledEntropy,
  sampleRows,
  softEvidence,
  sumKind,
  weighted,
} from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { readTextFile } from '../open.js';
import { type TalkOptions, wholeNumber } from '../options.js';
import { checkOutputs } from '../outputs.js';
import { openCircuit, openTable } from '../pc-files.js';
import { circuitCommand, withEvidence, withRows } from '../pc-options.js';
import {
  type Asked,
  csvRows,
  evidenceList,
  likelihoodList,
  nothing,
  valueName,
  variableList,
  variableName,
} from '../pc-variables.js';
import type { Run, Session } from '../session.js';
import { count } from '../table.js';
import { addPcAsk } from './pc-ask.js';
import { addPcDraw } from './pc-draw.js';
import { addPcLearn } from './pc-learn.js';
import { addPcPrune } from './pc-prune.js';

interface CircuitOptions extends TalkOptions {
  vtree?: string;
}

type Evidence = Asked<Map<number, number>>;

/** The group of commands about probabilistic circuits. Variables count from 1, values from 0, logarithms are natural. */
export function addPc(program: Command, run: Run): void {
  const group = program
    .command('pc')
    .description('probabilistic circuits: learn them from tables, and ask them exact questions')
    .summary('probabilistic circuits')
    .addHelpText(
      'after',
      `
Circuits are .psdd, .jpc, .sdd, .nnf or .fpc files, which --vtree checks; they and data may be .gz. Variables count from 1, values from 0;
of CSV with names and words they may be given by those, in double quotes where they hold a comma.

Examples:
  filigree pc learn train.data --valid valid.data --latents 16 --out model.jpc
  filigree pc loglik model.jpc --data test.data --marginalise 1,3,5
  filigree pc query model.jpc --query 1=1 --evidence 3=1,7=0
  filigree pc sample people.fpc --rows 100 --evidence 'colour=red,age=30' --out people.csv`,
    );
  const about = (name: string, description: string): Command => circuitCommand(group, name, description);
  withRows(about('loglik', 'log-likelihood of rows, in nats'))
    .addOption(
      new Option('--marginalise <list>', 'variables to sum out, such as 1,3,5 or colour,age').argParser(
        variableList('--marginalise'),
      ),
    )
    .action((path: string, options: LoglikOptions) => run((session) => loglik(path, options, session), options));
  about('entropy', 'entropy in nats: exact of a deterministic circuit, from samples of others')
    .addOption(
      new Option('--samples <n>', 'estimate it from that many samples').argParser(
        wholeNumber('--samples', 2, 10_000_000),
      ),
    )
    .addOption(new Option('--seed <n>', 'decides the samples').argParser(wholeNumber('--seed', 0)).default(0))
    .action((path: string, options: EntropyOptions) => run((session) => sayEntropy(path, options, session), options));
  withEvidence(about('map', 'the most probable state; of circuits that are not deterministic, a likely one')).action(
    (path: string, options: CircuitOptions & { evidence: Evidence }) =>
      run((session) => map(path, options, session), options),
  );
  about('kl', 'divergence of the first circuit from the second, in nats; both deterministic, over one vtree')
    .argument('<other>', 'the second circuit')
    .option('--vtree-other <file>', 'the .vtree of the second circuit (default: the same)')
    .action((path: string, other: string, options: CircuitOptions & { vtreeOther?: string }) =>
      run((session) => kl(path, other, options, session), options),
    );
  withEvidence(about('query', 'log-probability of values: log p(query | evidence), or of the evidence alone'))
    .addOption(
      new Option('--query <list>', 'values to ask for, such as 1=1,2=0')
        .argParser(evidenceList('--query'))
        .default(nothing, 'none'),
    )
    .addOption(
      new Option('--soft <list>', 'how likely what was seen is at each value, such as 3=0.2:0.8')
        .argParser(likelihoodList('--soft'))
        .default(nothing, 'none'),
    )
    .option('--weights <file>', 'a DIMACS file whose "c p weight" lines weigh the literals: the weighted model count')
    .action((path: string, options: QueryOptions) => run((session) => query(path, options, session), options));
  withEvidence(about('sample', 'draw rows, given evidence'))
    .addOption(new Option('--rows <n>', 'how many').argParser(wholeNumber('--rows', 1, 10_000_000)).default(10))
    .addOption(new Option('--seed <n>', 'decides the rows').argParser(wholeNumber('--seed', 0)).default(0))
    .option('--out <file>', 'where to write them (default: stdout)')
    .action((path: string, options: SampleOptions) => run((session) => sample(path, options, session), options));
  about('properties', 'what the structure of a circuit allows to ask of it').action(
    (path: string, options: CircuitOptions) => run((session) => properties(path, options, session), options),
  );
  about('info', 'how large a circuit is').action((path: string, options: CircuitOptions) =>
    run((session) => probabilisticInfo(path, options, session), options),
  );
  addPcAsk(group, run);
  addPcDraw(group, run);
  addPcLearn(group, run);
  addPcPrune(group, run);
}

interface LoglikOptions extends CircuitOptions {
  data: string;
  limit?: number;
  marginalise?: Asked<number[]>;
}

async function loglik(path: string, options: LoglikOptions, session: Session): Promise<void> {
  const circuit = await openCircuit(path, options.vtree);
  const table = await openTable(options.data, options.limit, circuit);
  const logs = await session.during('computing rows', (progress) =>
    logLikelihood(circuit, table, { ...progress, marginalise: options.marginalise?.(circuit) }),
  );
  const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
  // JSON has no infinity: a row of probability 0 makes the mean null.
  if (session.json) session.print({ rows: logs.length, mean, first: logs[0] });
  else
    session.say(
      `${count(logs.length)} rows, mean ${mean.toFixed(6)}, first ${logs[0].toFixed(6)} (natural logarithms)`,
    );
}

interface EntropyOptions extends CircuitOptions {
  samples?: number;
  seed: number;
}

async function sayEntropy(path: string, options: EntropyOptions, session: Session): Promise<void> {
  const circuit = await openCircuit(path, options.vtree);
  const { samples, seed } = options;
  if (samples !== undefined) {
    const found = await session.during('sampling', (progress) =>
      sampledEntropy(circuit, samples, { ...progress, seed }),
    );
    if (session.json) session.print(found);
    else session.say(`entropy ${found.entropy.toFixed(6)} nats, standard error ${found.error.toFixed(6)}`);
    return;
  }
  const { smooth, decomposable, deterministic } = checkProperties(circuit);
  if (smooth && decomposable && deterministic !== true) {
    const why = checkProperties(circuit).why.find(({ property }) => property === 'deterministic')?.why;
    throw new InputError(
      `The entropy is exact only of deterministic circuits, and ${why}; --samples 10000 estimates it.`,
    );
  }
  const value = entropy(circuit);
  if (session.json) session.print({ entropy: value });
  else session.say(`entropy ${value.toFixed(6)} nats`);
}

async function map(path: string, options: CircuitOptions & { evidence: Evidence }, session: Session): Promise<void> {
  const circuit = await openCircuit(path, options.vtree);
  const { log, state, exact } = mostProbable(circuit, options.evidence(circuit));
  if (session.json) return session.print({ log, state: [...state], exact });
  session.say(
    `log p ${log.toFixed(6)}${exact ? '' : ' (a lower bound: the circuit is not known to be deterministic)'}`,
  );
  if (!circuit.names && !circuit.categories) return session.say([...state].join(','));
  const shown = [...state].map((x, v) => `${variableName(circuit, v)}=${valueName(circuit, v, x)}`);
  session.say(shown.join(', '));
}

async function kl(
  path: string,
  other: string,
  options: CircuitOptions & { vtreeOther?: string },
  session: Session,
): Promise<void> {
  const p = await openCircuit(path, options.vtree);
  const q = await openCircuit(other, options.vtreeOther ?? options.vtree);
  const value = klDivergence(p, q);
  if (session.json) session.print({ kl: value });
  else session.say(`divergence ${value.toFixed(6)} nats`);
}

interface QueryOptions extends CircuitOptions {
  query: Evidence;
  evidence: Evidence;
  soft: Asked<Map<number, number[]>>;
  weights?: string;
}

async function query(path: string, options: QueryOptions, session: Session): Promise<void> {
  const { weights } = options;
  const plain = await openCircuit(path, options.vtree);
  const [soft, evidence, asked] = [options.soft(plain), options.evidence(plain), options.query(plain)];
  const literals = weights === undefined ? undefined : readCnf(await readTextFile(weights), weights).weights;
  const circuit = softEvidence(literals ? weighted(plain, literals) : plain, soft);
  let log = asked.size > 0 ? logProbability(circuit, asked, evidence) : logProbability(circuit, evidence);
  // Soft evidence is given too: without other evidence, its own probability has not been divided by yet.
  if (asked.size > 0 && soft.size > 0 && evidence.size === 0) log -= logProbability(circuit, new Map());
  if (session.json) session.print({ log });
  else session.say(`log p ${log.toFixed(6)}, p ${Math.exp(log).toPrecision(6)}`);
}

interface SampleOptions extends CircuitOptions {
  evidence: Evidence;
  rows: number;
  seed: number;
  out?: string;
}

async function sample(path: string, options: SampleOptions, session: Session): Promise<void> {
  const { rows, seed, out } = options;
  await checkOutputs({ '--out': out });
  const circuit = await openCircuit(path, options.vtree);
  const evidence = options.evidence(circuit);
  const table = await session.during('sampling', (progress) =>
    sampleRows(circuit, rows, { ...progress, seed, evidence }),
  );
  const drawn = Array.from({ length: rows }, (_, r) => [
    ...table.values.subarray(r * table.columns, (r + 1) * table.columns),
  ]);
  const text = csvRows(circuit, drawn);
  if (out !== undefined) await writeFileAtomic(out, `${text}\n`);
  if (session.json) session.print(out === undefined ? { rows: drawn } : { rows: rows, out });
  else session.say(out === undefined ? text : `wrote ${count(rows)} rows to ${out}`);
}

const propertyNames: Readonly<Record<PropertyName, string>> = {
  smooth: 'smooth',
  decomposable: 'decomposable',
  structuredDecomposable: 'structured-decomposable',
  deterministic: 'deterministic',
};

async function properties(path: string, options: CircuitOptions, session: Session): Promise<void> {
  const found = checkProperties(await openCircuit(path, options.vtree));
  if (session.json) return session.print(found);
  for (const [property, name] of Object.entries(propertyNames)) {
    const value = found[property as PropertyName];
    const why = found.why.find((violation) => violation.property === property)?.why;
    const word = value === 'unknown' ? 'unknown' : value ? 'yes' : 'no';
    session.say(`${name.padEnd(24)}${word}${why === undefined ? '' : `: ${why}`}`);
  }
}

/** Says how large a probabilistic circuit is. */
export async function probabilisticInfo(path: string, options: { vtree?: string }, session: Session): Promise<void> {
  const circuit = await openCircuit(path, options.vtree);
  const sums = circuit.kind.filter((kind) => kind === sumKind).length;
  const facts = {
    variables: circuit.variables,
    units: circuit.kind.length,
    inputs: circuit.inputs.length,
    products: circuit.kind.length - circuit.inputs.length - sums,
    sums,
    edges: circuit.child.length,
  };
  if (session.json) return session.print(facts);
  for (const [name, value] of Object.entries(facts)) session.say(`${name.padEnd(10)}${count(value)}`);
}
