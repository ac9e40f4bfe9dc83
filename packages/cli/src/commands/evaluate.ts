import { type Command, Option } from 'commander';
import {
  type Circuit,
  EdgeGraph,
  type EdgeSet,
  evaluateCircuit,
  evaluateNodeScores,
  evaluateNodes,
  evaluateScores,
  fromCircuit,
  InputError,
  makeAblation,
  type NodeSet,
  nodesFromCircuit,
  readCircuit,
  readNodeScores,
  readScores,
} from 'filigree';
import { type AblationOption, ablationOption } from '../ablation.js';
import { loadModel } from '../engine.js';
import { areasLine, curveOf, curveTable, doubt, evaluationJson, metricLine, modelLine } from '../measured.js';
import { type Opened, openModel, readJsonFile } from '../open.js';
import {
  addEngineOptions,
  addTalkOptions,
  choice,
  type EngineOptions,
  numberList,
  type TalkOptions,
  wholeNumber,
} from '../options.js';
import { addTaskOptions, metricOf, openTask, pairsFor, pairsText, type TaskOptions, taskLabel } from '../pairs.js';
import { addRankingOptions, askedRanking, type RankingOptions } from '../ranking.js';
import type { Run, Session } from '../session.js';
import { type Judged, type Level, levels } from '../units.js';
import { checkSize } from './choose.js';

interface EvaluateOptions extends TaskOptions, TalkOptions, EngineOptions, AblationOption, RankingOptions {
  level?: Level;
  circuit?: string;
  scores?: string;
  sizes?: number[];
  prune: boolean;
  random: number;
}

export function addEvaluate(program: Command, run: Run): void {
  const command = program
    .command('evaluate')
    .description('measure how faithful a circuit is, or the circuits that scores rank first')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('measure a circuit or scores');
  addRankingOptions(addTaskOptions(command, 'pairs to measure on (default: 40, or all rows of a file)'))
    .option('--circuit <file>', 'the circuit to measure, as discover --out writes it')
    .option('--scores <file>', 'scores of all edges, nodes or neurons, as discover --scores writes them')
    .addOption(
      new Option(
        '--level <name>',
        "measure a circuit's edges, its nodes or its neurons (default: what the file is of)",
      ).argParser(choice('--level', levels)),
    )
    .addOption(
      new Option(
        '--sizes <list>',
        'numbers of edges, nodes or neurons, such as 10,20,50 (default: ten shares of all)',
      ).argParser(numberList('--sizes', 0)),
    )
    .addOption(ablationOption())
    .option('--no-prune', 'run exactly the top edges, also those on no path from input to logits')
    .addOption(
      new Option('--random <n>', 'random circuits of each size to compare with')
        .argParser(wholeNumber('--random', 0, 1000))
        .default(3),
    );
  addTalkOptions(addEngineOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  filigree evaluate models/mix4 --task pronoun --circuit pronoun.circuit.json
  filigree evaluate models/mix4 --task pronoun --scores scores.json --sizes 10,20,50 --json

Cut edges carry what they carry on the corrupted prompt, or what --ablation says: nothing, means over the measured prompts,
another of them, or trained constants. Faithfulness is (circuit - all cut) / (whole model - all cut);
completeness is the same for everything but the circuit. With --circuit and --sizes, the circuit's scores rank the edges.`,
    )
    .action((model: string, options: EvaluateOptions) => run((session) => evaluate(model, options, session), options));
}

/** What is measured: a circuit, scores that rank, or a circuit with scores. */
type Subject =
  | { readonly level: 'edge'; readonly circuit?: EdgeSet; readonly scores?: Float64Array }
  | { readonly level: 'node' | 'neuron'; readonly circuit?: NodeSet; readonly scores?: Float64Array };

async function evaluate(name: string, options: EvaluateOptions, session: Session): Promise<void> {
  const { circuit, scores, sizes, seed, prune } = options;
  const file = circuit ?? scores;
  if (file === undefined || (circuit !== undefined && scores !== undefined)) {
    throw new InputError('Give what to measure: either --circuit FILE or --scores FILE.');
  }
  const ranking = askedRanking(options);
  if (ranking !== undefined && circuit !== undefined && sizes === undefined) {
    const flag = options.signed ? '--signed' : '--ranking';
    throw new InputError(`${flag} goes with --scores, or with --circuit and --sizes: a circuit alone is not ranked.`);
  }
  const behaviour = await openTask(options.task);
  const metric = metricOf(behaviour, options.metric);
  const json = await readJsonFile(file);
  checkKind(json, file, circuit !== undefined);

  const opened = await openModel(name, session);
  const { config } = opened.checkpoint;
  const graph = new EdgeGraph(config);
  const subject =
    circuit === undefined
      ? scoresIn(json, graph, config.width, file, options.level)
      : await circuitInFile(json, graph, file, opened, options.level);
  const { level } = subject;
  const total = { edge: graph.edges, node: graph.sources.length, neuron: graph.sources.length * config.width }[level];
  for (const size of sizes ?? []) checkSize('--sizes:', size, total, level, opened.label);
  if (level !== 'edge' && !prune) {
    throw new InputError(`--no-prune goes with circuits of edges: those of ${level}s are not pruned; leave it out.`);
  }
  if (sizes !== undefined && !subject.scores) {
    throw new InputError(`${file} does not have the scores of all ${level}s, which --sizes needs.`);
  }
  const fitted = pairsFor(behaviour, 'evaluation', opened, options);
  const { model, memory } = await loadModel(opened.checkpoint, options);
  const ablation = await session.during('preparing the ablation', (progress) =>
    makeAblation(options.ablation, model, fitted.pairs, { ...progress, seed, memory }),
  );
  const result = await session.during('judging circuits', (progress): Promise<Judged> => {
    const common = { ...progress, metric, memory, seed, ablation, randomCircuits: options.random };
    const ranked = { ...common, sizes, ranking: ranking ?? 'abs' };
    const { pairs } = fitted;
    const table = subject.scores ?? new Float64Array();
    if (subject.level === 'edge') {
      return subject.circuit && sizes === undefined
        ? evaluateCircuit(model, graph, subject.circuit, pairs, { ...common, prune })
        : evaluateScores(model, graph, table, pairs, { ...ranked, prune });
    }
    return subject.circuit && sizes === undefined
      ? evaluateNodes(model, graph, subject.level, subject.circuit, pairs, common)
      : evaluateNodeScores(model, { graph, level: subject.level, scores: table }, pairs, ranked);
  });
  const warning = doubt(result);
  if (warning) session.warn(warning);
  if (session.json) {
    session.print(evaluationJson(result));
    return;
  }
  const lines = [
    `${file} on ${taskLabel(behaviour)} in ${opened.label}${level === 'edge' ? '' : `, by ${level}s`}`,
    `model  ${modelLine(opened.checkpoint.config, graph)}`,
    `pairs  ${pairsText(fitted)}`,
    `metric ${metricLine(metric, result)}`,
    '',
    ...curveTable(curveOf(result)),
    ...(result.cpr === null ? [] : ['', areasLine(result)]),
  ];
  session.say(lines.join('\n'));
}

/** Says when a file of scores was given for a circuit, or the other way round. */
function checkKind(json: unknown, file: string, asCircuit: boolean): void {
  const fields = typeof json === 'object' && json !== null ? json : {};
  if (asCircuit && 'scores' in fields) {
    throw new InputError(`${file} has scores, not a circuit: give it with --scores.`);
  }
  if (!asCircuit && 'format' in fields) {
    throw new InputError(
      `${file} is a circuit, not scores: give it with --circuit, and --sizes to rank by its scores.`,
    );
  }
}

/** The scores of a file, of edges, nodes or neurons. Throws InputError when they are of another level than asked for. */
function scoresIn(json: unknown, graph: EdgeGraph, width: number, file: string, asked: Level | undefined): Subject {
  const ofNodes = typeof json === 'object' && json !== null && 'nodes' in json && 'level' in json;
  const { level, scores } = ofNodes
    ? readNodeScores(json, graph, width, file)
    : { level: 'edge' as const, scores: readScores(json, graph, file) };
  if (asked !== undefined && asked !== level) {
    throw new InputError(
      `${file} has scores of ${level}s, not of ${asked}s: leave --level out, or discover --level ${asked}.`,
    );
  }
  return { level, scores };
}

/** The circuit of a file. Throws InputError when it was found in another model. */
async function circuitInFile(
  json: unknown,
  graph: EdgeGraph,
  file: string,
  { checkpoint, label }: Opened,
  asked: Level | undefined,
): Promise<Subject> {
  const circuit = readCircuit(json, file);
  const { model, modelHash } = circuit.provenance;
  const level = asked ?? levelOf(circuit, file);
  const found = ((): Subject => {
    if (level === 'edge') {
      const { edges, scores } = fromCircuit(circuit, graph, file);
      return { level, circuit: edges, scores };
    }
    const { nodes, scores } = nodesFromCircuit(circuit, graph, level, checkpoint.config.width, file);
    return { level, circuit: nodes, scores };
  })();
  // A file of others does not say its model's weights; that its edges fit is all that can be checked.
  if (modelHash !== '' && modelHash !== (await checkpoint.hash())) {
    throw new InputError(
      `${file} was found in another model (${JSON.stringify(model)}) than ${label}, whose weights differ; discover it anew.`,
    );
  }
  return found;
}

function levelOf({ level }: Circuit, file: string): Level {
  const known = levels.find((name) => name === level);
  if (known) return known;
  throw new InputError(`${file} is a circuit of level ${JSON.stringify(level)}; ${levels.join(', ')} can be measured.`);
}
