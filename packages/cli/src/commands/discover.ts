import { type Command, Option } from 'commander';
import {
  EdgeGraph,
  evaluateCircuit,
  evaluateScores,
  InputError,
  type IntegrationRule,
  type MetricName,
  makeAblation,
  type Ranking,
} from 'filigree';
import { type AblationOption, ablationOption } from '../ablation.js';
import { loadModel } from '../engine.js';
import { curveOf } from '../measured.js';
import { openModel } from '../open.js';
import {
  addEngineOptions,
  addTalkOptions,
  choice,
  type EngineOptions,
  numberFrom,
  type TalkOptions,
  wholeNumber,
} from '../options.js';
import { checkOutputs } from '../outputs.js';
import { addTaskOptions, metricOf, openTask, splitPairs, type TaskOptions, taskLabel } from '../pairs.js';
import type { Run, Session } from '../session.js';
import { chooseCircuit, ownChoice, type Select, selections } from './choose.js';
import { circuitOf, type Found, tell, writeFound } from './found.js';
import {
  checkMethod,
  findsCircuit,
  type Method,
  methods,
  scoreEdges,
  settingsOf,
  usualRule,
  usualSteps,
  usualTau,
  usualUpdates,
} from './methods.js';

export interface DiscoverOptions extends TaskOptions, TalkOptions, EngineOptions, AblationOption {
  evaluateOn?: string;
  split?: boolean;
  method: Method;
  rule?: IntegrationRule;
  steps?: number;
  select?: Select;
  size?: number;
  tau?: number;
  ranking: Ranking;
  prune: boolean;
  scores?: string;
  out?: string;
  report?: string;
}

export function addDiscover(program: Command, run: Run): void {
  const command = program
    .command('discover')
    .description('find the edges of a model that do a task, and say how faithful that circuit is')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('find the circuit of a task');
  addTaskOptions(command, 'pairs to find on, and as many to judge on (default: 40, or all rows of a file)')
    .option('--evaluate-on <file>', 'judge on these pairs, and find on all rows of --task')
    .option('--split', 'find on one half of a file and judge on the other, instead of on all rows both times')
    .addOption(
      new Option('--method <name>', methods.join(', ')).argParser(choice('--method', methods)).default('eap-ig'),
    )
    .addOption(
      new Option(
        '--steps <n>',
        `points of the integral of eap-ig and eap-ig-activations (default: ${usualSteps}); updates of edge-pruning and ugs (default: ${usualUpdates})`,
      ).argParser(wholeNumber('--steps', 1, 1_000_000)),
    )
    .addOption(
      new Option('--rule <name>', `where they lie: right, left, mid (default: ${usualRule})`).argParser(
        choice('--rule', ['right', 'left', 'mid']),
      ),
    )
    .addOption(ablationOption())
    .addOption(
      new Option(
        '--select <how>',
        'top: the best edges; greedy: grown from the logits; greedy-reverse: from the input; threshold: those of at least --tau (default: top)',
      ).argParser(choice('--select', selections)),
    )
    .addOption(
      new Option(
        '--size <n>',
        'edges of the circuit (default: the fewest that are 0.85 faithful; a tenth of all with edge-pruning)',
      ).argParser(wholeNumber('--size', 1)),
    )
    .addOption(
      new Option(
        '--tau <x>',
        `least |score| of an edge; with acdc, least loss of kl (or of --metric) for which it keeps one (default: ${usualTau})`,
      ).argParser(numberFrom('--tau', 0)),
    )
    .addOption(
      new Option('--ranking <how>', 'abs: by |score|; signed: the most helpful first')
        .argParser(choice('--ranking', ['abs', 'signed']))
        .default('abs'),
    )
    .option('--no-prune', 'keep edges that lie on no path from input to logits')
    .option('--out <file>', 'write the circuit, for example to x.circuit.json')
    .option('--scores <file>', 'write the scores of all edges as JSON')
    .option('--report <file>', 'write a page about the circuit, for example to x.html');
  addTalkOptions(addEngineOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  filigree discover models/stories --task pronoun
  filigree discover models/stories --task pronoun --size 20 --out pronoun.circuit.json --report pronoun.html
  filigree discover gpt2-folder --task pairs.jsonl --method eap --scores scores.json --json

A row of a JSONL file is {"clean", "corrupt", "answer", "wrong"} as text or {"clean_ids", "corrupt_ids", "answer_id",
"wrong_id"} as token ids; both prompts need equally many tokens, answers may be lists.
Scores estimate how the metric changes when an edge is cut: helpful edges are negative.`,
    )
    .action((model: string, options: DiscoverOptions) => run((session) => discover(model, options, session), options));
}

/** Throws InputError for options that contradict each other. */
function checkOptions(options: DiscoverOptions, metric: MetricName): void {
  const { select, size, tau } = options;
  checkMethod(options, metric, options.ablation);
  if (select === 'threshold' && tau === undefined) throw new InputError('--select threshold needs --tau.');
  if (select !== undefined && select !== 'threshold' && tau !== undefined) {
    throw new InputError(`--tau goes with --select threshold, not with ${select}.`);
  }
  if (size !== undefined && (select === 'threshold' || tau !== undefined)) {
    throw new InputError('--size goes with --select top, greedy or greedy-reverse; a threshold is set by --tau.');
  }
}

async function discover(name: string, options: DiscoverOptions, session: Session): Promise<void> {
  const { method, ranking, seed, prune } = options;
  const behaviour = await openTask(options.task);
  const other = options.evaluateOn === undefined ? undefined : await openTask(options.evaluateOn);
  const metric = metricOf(behaviour, options.metric);
  checkOptions(options, metric);
  await checkOutputs({ '--out': options.out, '--scores': options.scores, '--report': options.report });

  const opened = await openModel(name, session);
  const graph = new EdgeGraph(opened.checkpoint.config);
  if (options.size !== undefined && options.size > graph.edges) {
    throw new InputError(`--size ${options.size} is more than the ${graph.edges} edges of ${opened.label}.`);
  }
  const split = splitPairs(behaviour, other, opened, options);
  const { model, memory } = await loadModel(opened.checkpoint, options);

  const ablation = await session.during('preparing the ablation', (progress) =>
    makeAblation(options.ablation, model, split.discovery.pairs, { ...progress, seed, memory }),
  );
  const found = await session.during(`scoring by ${method}`, (progress) =>
    scoreEdges(model, split.discovery.pairs, options, { ...progress, metric, ablation, memory }),
  );
  const common = { metric, memory, seed, prune, ablation };
  const choice =
    'edges' in found && findsCircuit(options)
      ? ownChoice(found)
      : await session.during('choosing the size', (progress) =>
          chooseCircuit(model, found, split.discovery.pairs, { ...options, ...common, ...progress }),
        );
  const evaluation = await session.during('judging circuits', (progress) =>
    evaluateScores(model, graph, found.scores, split.evaluation.pairs, { ...common, ...progress, ranking }),
  );
  const own = await session.during('judging the circuit', (progress) =>
    evaluateCircuit(model, graph, choice.chosen, split.evaluation.pairs, { ...common, ...progress }),
  );
  const result: Found = {
    opened,
    task: taskLabel(behaviour),
    description: 'task' in behaviour ? behaviour.task.description : undefined,
    metric,
    method,
    settings: { ...settingsOf(options), metric, ablation: options.ablation, ...choice.settings, ranking, prune },
    seed,
    split,
    scores: found,
    choice,
    evaluation,
    own,
    curve: curveOf(evaluation, own),
    made: new Date().toISOString(),
  };
  const circuit = await circuitOf(result);
  const written = await writeFound(result, circuit, model, memory, options, session);
  tell(result, { circuit, written }, session);
}
