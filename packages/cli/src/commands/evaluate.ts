import { type Command, Option } from 'commander';
import {
  EdgeGraph,
  type Evaluation,
  evaluateCircuit,
  evaluateScores,
  fromCircuit,
  InputError,
  makeAblation,
  type Ranking,
  readCircuit,
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
import type { Run, Session } from '../session.js';

interface EvaluateOptions extends TaskOptions, TalkOptions, EngineOptions, AblationOption {
  circuit?: string;
  scores?: string;
  sizes?: number[];
  ranking?: Ranking;
  prune: boolean;
  random: number;
}

export function addEvaluate(program: Command, run: Run): void {
  const command = program
    .command('evaluate')
    .description('measure how faithful a circuit is, or the circuits that scores rank first')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('measure a circuit or scores');
  addTaskOptions(command, 'pairs to measure on (default: 40, or all rows of a file)')
    .option('--circuit <file>', 'the circuit to measure, as discover --out writes it')
    .option('--scores <file>', 'scores of all edges, as discover --scores writes them')
    .addOption(
      new Option('--sizes <list>', 'numbers of edges, such as 10,20,50 (default: ten shares of all edges)').argParser(
        numberList('--sizes', 0),
      ),
    )
    .addOption(
      new Option('--ranking <how>', 'abs: by |score|; signed: the most helpful first (default: abs)').argParser(
        choice('--ranking', ['abs', 'signed']),
      ),
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
  filigree evaluate models/stories --task pronoun --circuit pronoun.circuit.json
  filigree evaluate models/stories --task pronoun --scores scores.json --sizes 10,20,50 --json

Cut edges carry what they carry on the corrupted prompt, or what --ablation says: nothing, means over the measured prompts,
another of them, or trained constants. Faithfulness is (circuit - all cut) / (whole model - all cut);
completeness is the same for everything but the circuit. With --circuit and --sizes, the circuit's scores rank the edges.`,
    )
    .action((model: string, options: EvaluateOptions) => run((session) => evaluate(model, options, session), options));
}

async function evaluate(name: string, options: EvaluateOptions, session: Session): Promise<void> {
  const { circuit, scores, sizes, ranking, seed, prune } = options;
  const file = circuit ?? scores;
  if (file === undefined || (circuit !== undefined && scores !== undefined)) {
    throw new InputError('Give what to measure: either --circuit FILE or --scores FILE.');
  }
  if (ranking !== undefined && circuit !== undefined && sizes === undefined) {
    throw new InputError('--ranking goes with --scores, or with --circuit and --sizes: a circuit alone is not ranked.');
  }
  const behaviour = await openTask(options.task);
  const metric = metricOf(behaviour, options.metric);
  const json = await readJsonFile(file);

  const opened = await openModel(name, session);
  const graph = new EdgeGraph(opened.checkpoint.config);
  const large = sizes?.find((size) => size > graph.edges);
  if (large !== undefined) {
    throw new InputError(`--sizes: ${large} is more than the ${graph.edges} edges of ${opened.label}.`);
  }
  const subject =
    circuit === undefined ? { scores: readScores(json, graph, file) } : await ownCircuit(json, graph, file, opened);
  const table = subject.scores;
  if (sizes !== undefined && !table) {
    throw new InputError(`${file} does not have the scores of all edges, which --sizes needs.`);
  }
  const fitted = pairsFor(behaviour, 'evaluation', opened, options);
  const { model, memory } = await loadModel(opened.checkpoint, options);
  const ablation = await session.during('preparing the ablation', (progress) =>
    makeAblation(options.ablation, model, fitted.pairs, { ...progress, seed, memory }),
  );
  const result = await session.during('judging circuits', (progress): Promise<Evaluation> => {
    const common = { ...progress, metric, memory, seed, prune, ablation, randomCircuits: options.random };
    if ('edges' in subject && sizes === undefined) {
      return evaluateCircuit(model, graph, subject.edges, fitted.pairs, common);
    }
    return evaluateScores(model, graph, table ?? [], fitted.pairs, { ...common, sizes, ranking: ranking ?? 'abs' });
  });
  const warning = doubt(result);
  if (warning) session.warn(warning);
  if (session.json) {
    session.print(evaluationJson(result));
    return;
  }
  const lines = [
    `${file} on ${taskLabel(behaviour)} in ${opened.label}`,
    `model  ${modelLine(opened.checkpoint.config, graph)}`,
    `pairs  ${pairsText(fitted)}`,
    `metric ${metricLine(metric, result)}`,
    '',
    ...curveTable(curveOf(result)),
    ...(result.cpr === null ? [] : ['', areasLine(result)]),
  ];
  session.say(lines.join('\n'));
}

/** The edges of a circuit file. Throws InputError when it was found in another model. */
async function ownCircuit(json: unknown, graph: EdgeGraph, file: string, { checkpoint, label }: Opened) {
  const circuit = readCircuit(json, file);
  const { model, modelHash } = circuit.provenance;
  const found = fromCircuit(circuit, graph, file);
  // A file of others does not say its model's weights; that its edges fit is all that can be checked.
  if (modelHash !== '' && modelHash !== (await checkpoint.hash())) {
    throw new InputError(
      `${file} was found in another model (${JSON.stringify(model)}) than ${label}, whose weights differ; discover it anew.`,
    );
  }
  return found;
}
