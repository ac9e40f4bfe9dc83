import { type Command, Option } from 'commander';
import {
  type ChannelModel,
  channelCircuit,
  channelGradients,
  channelModel,
  circuitText,
  corpus,
  cutChannels,
  examineChannels,
  InputError,
  ingredientsOf,
  nodePruningDefaults,
  type PrunedChannels,
  type Question,
  questionsOf,
  Random,
  searchChannels,
  type Tokenizer,
  targetLoss,
  weightEdges,
} from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { loadModel } from '../engine.js';
import { openModel } from '../open.js';
import {
  addEngineOptions,
  addTalkOptions,
  type EngineOptions,
  numberFrom,
  type TalkOptions,
  wholeNumber,
} from '../options.js';
import { checkOutputs } from '../outputs.js';
import { openTask, splitPairs, splitText, taskLabel } from '../pairs.js';
import type { Run, Session } from '../session.js';
import { count, figure, table } from '../table.js';
import { readTexts } from '../texts.js';

interface Options extends TalkOptions, EngineOptions {
  task: string;
  text?: string[];
  limit: number;
  steps: number;
  searches: number;
  price: number;
  target: number;
  calibration: boolean;
  seed: number;
  out?: string;
}

export function addWeightSparse(program: Command, run: Run): void {
  const group = program
    .command('weight-sparse')
    .description(
      'circuits of single channels, as in weight-sparse transformers: few weights, few of them needed for a task',
    )
    .summary('circuits of single channels');
  const command = group
    .command('prune')
    .description('find the fewest channels that do a task of two answers, all others carrying their means')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .requiredOption('--task <task>', 'a built-in task (see filigree tasks) or a JSONL file of pairs')
    .option(
      '--text <paths...>',
      'what means are taken over: files or folders like what the model was trained on (default: generated programs)',
    )
    .addOption(
      new Option('--limit <n>', 'pairs to find the circuit on, and as many to judge it')
        .argParser(wholeNumber('--limit', 2))
        .default(64),
    )
    .addOption(
      new Option('--steps <n>', 'updates of the mask')
        .argParser(wholeNumber('--steps', 1))
        .default(nodePruningDefaults.steps),
    )
    .addOption(
      new Option('--searches <n>', 'masks to learn, each with its own settings; the one with the fewest edges is taken')
        .argParser(wholeNumber('--searches', 1, 256))
        .default(1),
    )
    .addOption(
      new Option('--price <x>', 'what keeping every channel costs, in nats')
        .argParser(numberFrom('--price', 0))
        .default(nodePruningDefaults.price),
    )
    .addOption(
      new Option('--target <loss>', 'task loss that the circuit must reach, in nats')
        .argParser(numberFrom('--target', 0))
        .default(targetLoss),
    )
    .addOption(
      new Option('--seed <n>', 'decides pairs, texts and masks').argParser(wholeNumber('--seed', 0)).default(0),
    )
    .option('--no-calibration', 'reach the target without fitting scale and shift of the logit difference first')
    .option('--out <file>', 'write the circuit, for example to x.circuit.json');
  addTalkOptions(addEngineOptions(command))
    .addHelpText(
      'after',
      `
Example:
  filigree weight-sparse prune my-model --task single_double_quote --searches 4 --out quote.circuit.json`,
    )
    .action((model: string, options: Options) => run((session) => prune(model, options, session), options));
}

async function prune(name: string, options: Options, session: Session): Promise<void> {
  const { seed, steps, searches, price, target, calibration: calibrated } = options;
  const behaviour = await openTask(options.task);
  await checkOutputs({ '--out': options.out });
  const opened = await openModel(name, session);
  const split = splitPairs(behaviour, undefined, opened, { limit: options.limit, seed, split: true });
  const questions = questionsOf(split.discovery.pairs);
  const others = questionsOf(split.evaluation.pairs);
  if (!opened.tokenizer) throw new InputError(`${opened.label} has no tokenizer.json, which the texts for means need.`);
  const texts = await sequencesOf(options.text, opened.tokenizer, opened.checkpoint.config.context, seed);
  const { model } = await loadModel(opened.checkpoint, options);
  const own = await session.during('taking means', (progress) => channelModel(model, texts, progress));
  const { best, tried } = await session.during('learning masks', (progress) =>
    searchChannels(own, questions, { ...progress, steps, searches, price, target, calibrated, seed }),
  );
  const baselines = await session.during('ranking by gradients and at random', (progress) =>
    rankedOtherwise(own, questions, { target, calibrated, seed, ...progress }),
  );
  const checks = await examineChannels(own, best, questions, others, { seed, signal: session.signal });
  const result = {
    model: opened.label,
    task: taskLabel(behaviour),
    channels: own.space.size,
    target,
    circuit: cutFigures(best, best.edges.length),
    settings: best.settings,
    tried: tried.map((each) => ({ ...each.settings, ...cutFigures(each, each.edges.length) })),
    baselines,
    checks,
  };
  if (options.out !== undefined) {
    const circuit = await channelCircuit(own, best.kept, best.tau, {
      model: opened.label,
      modelHash: await opened.checkpoint.hash(),
      task: result.task,
      method: 'weight-sparse pruning',
      options: {
        ...best.settings,
        steps,
        searches,
        target,
        calibrated,
        pairs: split.discovery.pairs.length,
        scores: 'weights',
      },
      seed,
      metrics: { ...result.circuit, ...checks },
      made: new Date().toISOString(),
    });
    session.signal.throwIfAborted();
    await writeFileAtomic(options.out, circuitText(circuit));
  }
  own.dispose();
  if (session.json) return session.print(result);
  session.say(`${result.task} in ${opened.label}: ${splitText(split)}`);
  say(result, session);
  if (options.out !== undefined) session.say(`wrote ${options.out}`);
}

type Figures = ReturnType<typeof cutFigures>;

const cutFigures = ({ size, reached, loss, plainLoss, right }: PrunedChannels, edges: number) => ({
  nodes: size,
  edges,
  reached,
  loss,
  plainLoss,
  right,
});

async function rankedOtherwise(
  own: ChannelModel,
  questions: readonly Question[],
  { target, calibrated, seed, signal }: { target: number; calibrated: boolean; seed: number; signal: AbortSignal },
): Promise<Record<'gradient' | 'random', Figures>> {
  const cut = async (scores: ArrayLike<number>): Promise<Figures> => {
    const found = await cutChannels(own, questions, scores, { target, calibrated, signal });
    return cutFigures(found, (await weightEdges(own, found.kept)).length);
  };
  const random = new Random(seed).fork('random channels');
  return {
    gradient: await cut(await channelGradients(own, questions, signal)),
    random: await cut(Float64Array.from({ length: own.space.size }, () => random.uniform())),
  };
}

/** Windows that means are taken over. */
const windows = 256;

/** Windows of text as the model was trained on, from files or generated. */
async function sequencesOf(
  paths: readonly string[] | undefined,
  tokenizer: Tokenizer,
  context: number,
  seed: number,
): Promise<number[][]> {
  const documents = paths
    ? (await readTexts(paths)).map((text) => text.slice(0, 200_000))
    : corpus({ seed: seed + 1_000_003, ingredients: ingredientsOf({ programs: 1 }) });
  const sequences: number[][] = [];
  for (const document of documents) {
    const ids = tokenizer.encode(document);
    for (let at = 0; at < ids.length && sequences.length < windows; at += context)
      sequences.push(ids.slice(at, at + context));
    if (sequences.length >= windows) break;
  }
  return sequences;
}

interface Result {
  readonly channels: number;
  readonly target: number;
  readonly circuit: Figures;
  readonly baselines: Readonly<Record<string, Figures>>;
  readonly checks: Awaited<ReturnType<typeof examineChannels>>;
}

function say({ channels, target, circuit, baselines, checks }: Result, session: Session): void {
  const row = (of: string, { nodes, edges, loss, plainLoss, right, reached }: Figures): string[] => [
    of,
    count(nodes),
    count(edges),
    figure(loss, 3),
    figure(plainLoss, 3),
    `${figure(100 * right, 1)} %`,
    reached ? '' : `above ${target}`,
  ];
  session.say(`${count(channels)} channels; the smallest circuits with a task loss of ${target} or less:`);
  const rows = [row('learned mask', circuit), ...Object.entries(baselines).map(([of, each]) => row(of, each))];
  for (const line of table(['ranked by', 'nodes', 'edges', 'loss', 'uncalibrated', 'right', ''], rows))
    session.say(line);
  session.say('the circuit of the learned mask:');
  const { full, heldOut, withoutCircuit, resampled, binarised } = checks;
  const tried: [string, number, number][] = [
    ['whole model, held-out templates', full.heldOut, full.heldOutRight],
    ['circuit, held-out templates', heldOut.loss, heldOut.right],
    ['model without the circuit', withoutCircuit.loss, withoutCircuit.right],
    ['circuit, the rest resampled', resampled.loss, resampled.right],
    ['circuit of two-level channels', binarised.loss, binarised.right],
  ];
  const lines = tried.map(([what, loss, right]) => [what, figure(loss, 3), `${figure(100 * right, 1)} %`]);
  for (const line of table(['', 'loss', 'right'], lines)) session.say(line);
}
