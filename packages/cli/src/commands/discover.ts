import { type Command, Option } from 'commander';
import { EdgeGraph, InputError, type IntegrationRule, type MetricName, makeAblation } from 'filigree';
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
import { addRankingOptions, askedRanking, type RankingOptions } from '../ranking.js';
import type { Run, Session } from '../session.js';
import { edgeUnits, type Level, levels, nodeUnits, type Units } from '../units.js';
import { checkSize, chooseCircuit, ownChoice, type Select, selections } from './choose.js';
import { circuitOf, type Found, tell, writeFound } from './found.js';
import {
  checkMethod,
  findsCircuit,
  type Method,
  methods,
  scoreEdges,
  scoreNodes,
  settingsOf,
  usualRule,
  usualSteps,
  usualTau,
  usualUpdates,
} from './methods.js';

export interface DiscoverOptions extends TaskOptions, TalkOptions, EngineOptions, AblationOption, RankingOptions {
  level: Level;
  evaluateOn?: string;
  split?: boolean;
  method: Method;
  rule?: IntegrationRule;
  steps?: number;
  select?: Select;
  size?: number;
  tau?: number;
  prune: boolean;
  scores?: string;
  out?: string;
  report?: string;
  figures: boolean;
}

export function addDiscover(program: Command, run: Run): void {
  const command = program
    .command('discover')
    .description('find the edges, nodes or neurons of a model that do a task, and say how faithful that circuit is')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('find the circuit of a task');
  addRankingOptions(
    addTaskOptions(command, 'pairs to find on, and as many to judge on (default: 40, or all rows of a file)'),
  )
    .option('--evaluate-on <file>', 'judge on these pairs, and find on all rows of --task')
    .option('--split', 'find on one half of a file and judge on the other, instead of on all rows both times')
    .addOption(
      new Option(
        '--level <name>',
        'what the circuit is made of: edge; node: heads and MLPs, all edges out of one cut together; neuron: single features of what they write',
      )
        .argParser(choice('--level', levels))
        .default('edge'),
    )
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
        'edges, nodes or neurons of the circuit (default: the fewest that are 0.85 faithful; a tenth of all with edge-pruning)',
      ).argParser(wholeNumber('--size', 1)),
    )
    .addOption(
      new Option(
        '--tau <x>',
        `least |score| of an edge; with acdc, least loss of kl (or of --metric) for which it keeps one (default: ${usualTau})`,
      ).argParser(numberFrom('--tau', 0)),
    )
    .option('--no-prune', 'keep edges that lie on no path from input to logits')
    .option('--out <file>', 'write the circuit, for example to x.circuit.json')
    .option('--scores <file>', 'write the scores of all edges, nodes or neurons as JSON')
    .option('--report <file>', 'write a page about the circuit, for example to x.html')
    .option(
      '--no-figures',
      'leave patching, lens and attention, which take many runs of a large model, out of the page',
    );
  addTalkOptions(addEngineOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  filigree discover models/mix4 --task pronoun
  filigree discover models/mix4 --task pronoun --size 20 --out pronoun.circuit.json --report pronoun.html
  filigree discover models/mix4 --task pronoun --level neuron --method relp --signed
  filigree discover gpt2-folder --task pairs.jsonl --method eap --scores scores.json --json

A row of a JSONL file is {"clean", "corrupt", "answer", "wrong"} as text or {"clean_ids", "corrupt_ids", "answer_id",
"wrong_id"} as token ids; both prompts need equally many tokens, answers may be lists.
Scores estimate how the metric changes when an edge, node or neuron is cut: helpful ones are negative.`,
    )
    .action((model: string, options: DiscoverOptions) => run((session) => discover(model, options, session), options));
}

/** Throws InputError for options that contradict each other. */
function checkOptions(options: DiscoverOptions, metric: MetricName): void {
  const { select, size, tau, level, prune } = options;
  if (level !== 'edge' && (select === 'greedy' || select === 'greedy-reverse')) {
    throw new InputError(`--select ${select} grows along edges; with --level ${level} use top or threshold.`);
  }
  if (level !== 'edge' && !prune) {
    throw new InputError(`--no-prune goes with --level edge: circuits of ${level}s are not pruned; leave it out.`);
  }
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
  const { method, seed, prune, level, select } = options;
  const behaviour = await openTask(options.task);
  const other = options.evaluateOn === undefined ? undefined : await openTask(options.evaluateOn);
  const metric = metricOf(behaviour, options.metric);
  const ranking = askedRanking(options) ?? 'abs';
  checkOptions(options, metric);
  await checkOutputs({ '--out': options.out, '--scores': options.scores, '--report': options.report });

  const opened = await openModel(name, session);
  const { config } = opened.checkpoint;
  const graph = new EdgeGraph(config);
  const total = { edge: graph.edges, node: graph.sources.length, neuron: graph.sources.length * config.width }[level];
  checkSize('--size', options.size, total, level, opened.label);
  const split = splitPairs(behaviour, other, opened, options);
  const { model, memory } = await loadModel(opened.checkpoint, options);

  const ablation = await session.during('preparing the ablation', (progress) =>
    makeAblation(options.ablation, model, split.discovery.pairs, { ...progress, seed, memory }),
  );
  const common = { metric, memory, seed, ablation };
  /** All that follows the scores, which is the same at every level. */
  const finish = async <C>(units: Units<C>, kept: C | undefined): Promise<void> => {
    const choice =
      kept !== undefined
        ? ownChoice(units, kept)
        : await session.during('choosing the size', (progress) =>
            chooseCircuit(units, split.discovery.pairs, { ...options, ...common, ranking, ...progress }),
          );
    const evaluation = await session.during('judging circuits', (progress) =>
      units.judgeRanking(split.evaluation.pairs, { ...common, ...progress, ranking }),
    );
    const own = await session.during('judging the circuit', (progress) =>
      units.judge(split.evaluation.pairs, choice.chosen, { ...common, ...progress }),
    );
    const settings = { ...settingsOf(options), metric, ablation: options.ablation, ...choice.settings, ranking };
    const result: Found<C> = {
      opened,
      task: taskLabel(behaviour),
      description: 'task' in behaviour ? behaviour.task.description : undefined,
      metric,
      method,
      settings: level === 'edge' ? { ...settings, prune } : { level, ...settings },
      seed,
      split,
      units,
      choice,
      evaluation,
      own,
      curve: curveOf(evaluation, own),
      made: new Date().toISOString(),
    };
    const circuit = await circuitOf(result);
    const written = await writeFound(result, circuit, model, memory, options, session);
    tell(result, { circuit, written }, session);
  };
  const { pairs } = split.discovery;
  if (level !== 'edge') {
    const found = await session.during(`scoring ${level}s by ${method}`, (progress) =>
      scoreNodes(model, pairs, level, options, { ...progress, metric, ablation, memory }),
    );
    return finish(nodeUnits(model, found), undefined);
  }
  const found = await session.during(`scoring by ${method}`, (progress) =>
    scoreEdges(model, pairs, options, { ...progress, metric, ablation, memory }),
  );
  const grown = select === 'threshold' ? 'top' : select;
  const kept = 'edges' in found && findsCircuit(options) ? found.edges : undefined;
  return finish(edgeUnits(model, found, { prune, select: grown }), kept);
}
