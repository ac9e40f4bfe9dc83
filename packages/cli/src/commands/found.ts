import { type ReportExample, type ReportFigure, report } from '@filigree/view';
import { type Circuit, circuitText, type MetricName, measureCircuits, type Transformer } from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import {
  areasLine,
  type Curve,
  curveOf,
  curveTable,
  doubt,
  evaluationJson,
  finite,
  metricLine,
  modelLine,
  strongestUnits,
  unitLines,
} from '../measured.js';
import type { Opened } from '../open.js';
import { type Split, splitText } from '../pairs.js';
import type { Session } from '../session.js';
import { count, figure } from '../table.js';
import { type Judged, type Units, unitsText } from '../units.js';
import type { Choice } from './choose.js';
import { meaningOf } from './methods.js';
import { reportFigures } from './report-figures.js';

/** All that a discovery has found. */
export interface Found<C> {
  readonly opened: Opened;
  readonly task: string;
  readonly description: string | undefined;
  readonly metric: MetricName;
  readonly method: string;
  readonly settings: Record<string, unknown>;
  readonly seed: number;
  readonly split: Split;
  readonly units: Units<C>;
  readonly choice: Choice<C>;
  /** The curve over all sizes, and the chosen circuit, both on the evaluation pairs. */
  readonly evaluation: Judged;
  readonly own: Judged;
  readonly curve: Curve;
  /** ISO date. */
  readonly made: string;
}

/** Files that were written, by what they hold. */
export type Written = Readonly<Record<string, string>>;

const listedUnits = 10;
const exampleCount = 8;

/** The circuit with where it came from. */
export async function circuitOf<C>(found: Found<C>): Promise<Circuit> {
  const { opened, own, evaluation, choice, units } = found;
  const metrics = finite({
    metric: own.metric[0],
    faithfulness: own.faithfulness[0],
    interval: [own.interval.low[0], own.interval.high[0]],
    completeness: own.completeness[0],
    random: own.random?.mean[0] ?? null,
    clean: own.clean,
    corrupt: own.corrupt,
    empty: own.empty,
    cpr: evaluation.cpr,
    cmd: evaluation.cmd,
    curve: found.curve,
  }) as Record<string, unknown>;
  return units.circuit(choice.circuit, {
    model: opened.label,
    modelHash: await opened.checkpoint.hash(),
    task: found.task,
    method: found.method,
    options: { ...found.settings, pairs: found.split.discovery.pairs.length },
    seed: found.seed,
    metrics,
    made: found.made,
  });
}

/** Writes what was asked for, each file whole or not at all, and nothing once the user has interrupted. */
export async function writeFound<C>(
  found: Found<C>,
  circuit: Circuit,
  model: Transformer,
  memory: number,
  paths: { out?: string; scores?: string; report?: string; figures: boolean },
  session: Session,
): Promise<Written> {
  const written: Record<string, string> = {};
  const write = async (what: string, path: string, text: string): Promise<void> => {
    session.signal.throwIfAborted();
    await writeFileAtomic(path, text);
    written[what] = path;
  };
  const texts: [what: string, path: string, text: string][] = [];
  if (paths.out !== undefined) texts.push(['circuit', paths.out, circuitText(circuit)]);
  if (paths.report !== undefined) {
    const examples = await examplesOf(found, model, memory);
    const { pairs } = found.split.evaluation;
    const { metric, seed, opened } = found;
    const settings = { metric, seed, memory, tokenizer: opened.tokenizer };
    const figures = paths.figures ? await reportFigures(model, circuit, pairs, settings, session) : [];
    texts.push(['report', paths.report, reportText(found, circuit, examples, figures)]);
  }
  if (paths.scores !== undefined) {
    texts.push(['scores', paths.scores, `${JSON.stringify(found.units.file(found.method))}\n`]);
  }
  // One turn of the host, so that an interruption during the last computation still counts.
  await new Promise((resolve) => setImmediate(resolve));
  for (const [what, path, text] of texts) await write(what, path, text);
  return written;
}

function reportText<C>(
  found: Found<C>,
  circuit: Circuit,
  examples: readonly ReportExample[],
  figures: readonly ReportFigure[],
): string {
  const { evaluation, own } = found;
  return report({
    circuit,
    // The page marks the circuit by the edges that it has left.
    curve: curveOf(evaluation, 'kept' in own ? { ...own, sizes: own.kept } : own),
    examples,
    figures,
    command: ['filigree', ...process.argv.slice(2)].map(shellWord).join(' '),
    ranking: found.settings['ranking'] === 'signed' ? 'signed' : 'abs',
    totalEdges: found.units.graph.edges,
    faithfulness: own.faithfulness[0],
    interval: [own.interval.low[0], own.interval.high[0]],
  });
}

/** Some evaluation pairs and what the whole model makes of them, in logits. */
async function examplesOf<C>(found: Found<C>, model: Transformer, memory: number): Promise<ReportExample[]> {
  const pairs = found.split.evaluation.pairs.slice(0, exampleCount);
  const { tokenizer } = found.opened;
  const measured = await measureCircuits(model, found.units.graph, pairs, [], { metric: 'logit-diff', memory });
  const text = (ids: readonly number[]): string => (tokenizer ? tokenizer.decode(ids) : ids.join(' '));
  const words = (ids: readonly number[]): string =>
    ids.map((id) => (tokenizer ? tokenizer.token(id).trim() : String(id))).join(' / ');
  return pairs.map((pair, i) => ({
    clean: pair.text?.clean ?? text(pair.clean),
    corrupt: pair.text?.corrupt ?? text(pair.corrupt),
    answer: words(pair.answers),
    wrong: words(pair.wrongs),
    cleanDifference: measured.clean[i],
    corruptDifference: measured.corrupt[i],
  }));
}

const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Says what was found: JSON for machines, a table for people. */
export function tell<C>(
  found: Found<C>,
  { circuit, written }: { circuit: Circuit; written: Written },
  session: Session,
): void {
  const { opened, units, split, evaluation, own, choice, curve } = found;
  const { graph, level } = units;
  const best = strongestUnits(circuit, listedUnits);
  const warning = doubt(own);
  if (warning) session.warn(warning);
  if (split.note !== undefined) session.warn(split.note);
  if (session.json) {
    session.print({
      model: opened.label,
      task: found.task,
      level,
      method: found.method,
      options: found.settings,
      seed: found.seed,
      pairs: { discovery: sizes(split.discovery), evaluation: sizes(split.evaluation) },
      circuit: { size: choice.size, [`${level}s`]: best, ...evaluationJson(own) },
      evaluation: evaluationJson(evaluation),
      written,
    });
    return;
  }
  const [faith, low, high] = [own.faithfulness[0], own.interval.low[0], own.interval.high[0]];
  const left = 'kept' in own ? own.kept[0] : choice.size;
  const kept = left === choice.size ? '' : `, ${count(left)} on a path from input to logits`;
  const lines = [
    `${found.task} in ${opened.label}${found.description === undefined ? '' : `: ${found.description}`}`,
    `model  ${modelLine(opened.checkpoint.config, graph)}`,
    `pairs  ${splitText(split)}`,
    `metric ${metricLine(found.metric, evaluation)}`,
    '',
    ...curveTable(curve, choice.size),
    '',
    areasLine(evaluation),
    '',
    `* the circuit: ${count(choice.size)} of ${unitsText(units.total, level)} (${choice.how})${kept}`,
    `  faithfulness ${figure(faith)} (${figure(low)} to ${figure(high)}), random circuits of its size ${figure(own.random?.mean[0] ?? null)}`,
    `  its strongest ${level}s, and ${meaningOf(found.method)}:`,
    ...unitLines(best).map((line) => `  ${line}`),
    ...Object.entries(written).map(([what, path], i) => `${i === 0 ? '\n' : ''}wrote the ${what} to ${path}`),
  ];
  session.say(lines.join('\n'));
}

const sizes = ({ pairs, dropped }: Split['discovery']): object => ({ count: pairs.length, dropped });
