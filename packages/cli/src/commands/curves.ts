import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { curvesSvg } from '@filigree/view';
import { type Command, Option } from 'commander';
import {
  EdgeGraph,
  evaluateCircuit,
  evaluateScores,
  findTask,
  InputError,
  type MetricName,
  measureCircuits,
  type Pair,
  type Progress,
  type Task,
  type Transformer,
  taskPairs,
} from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { type Cell, type CellKey, CellStore, type Setting } from '../curve-cells.js';
import { bestFirst, curvesPage, labelOf, linesOf } from '../curves-page.js';
import { loadModel } from '../engine.js';
import { type Opened, openModel } from '../open.js';
import {
  addEngineOptions,
  addTalkOptions,
  choice,
  type EngineOptions,
  type TalkOptions,
  wholeNumber,
} from '../options.js';
import { checkOutputs } from '../outputs.js';
import { usualPairs } from '../pairs.js';
import type { Run, Session } from '../session.js';
import { figure, table } from '../table.js';
import { type Method, methods, scoreEdges } from './methods.js';

interface Options extends TalkOptions, EngineOptions {
  tasks: string[];
  methods: Method[];
  seeds: number;
  seed: number;
  limit: number;
  out: string;
  results?: string;
  again?: boolean;
}

const usualTasks = ['pronoun', 'induction', 'bracket'];
/** Share of the pairs on which a model must prefer the right answer for its circuits to be judged. */
const leastRight = 0.6;

export function addCurves(program: Command, run: Run): void {
  const command = program
    .command('curves')
    .description('compare methods on tasks: how faithful the circuits are that each finds, at every size')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('compare methods on tasks')
    .addOption(
      new Option('--tasks <list>', 'built-in tasks')
        .argParser((text) => text.split(','))
        .default(usualTasks, usualTasks.join(',')),
    )
    .addOption(
      new Option('--methods <list>', `of ${methods.join(', ')}`)
        .argParser((text) => text.split(',').map(choice('--methods', methods)))
        .default([...methods], 'all'),
    )
    .addOption(new Option('--seeds <n>', 'draws of pairs').argParser(wholeNumber('--seeds', 1, 100)).default(3))
    .addOption(new Option('--seed <n>', 'the first of them').argParser(wholeNumber('--seed', 0)).default(0))
    .addOption(
      new Option('--limit <n>', 'pairs to find circuits on, and as many to judge them on')
        .argParser(wholeNumber('--limit', 1))
        .default(usualPairs),
    )
    .requiredOption('--out <file>', 'write the tables here as Markdown, and a picture of each task beside it')
    .option('--results <file>', 'keep what is measured here, and go on from it (default: beside --out, as JSON)')
    .option('--again', 'measure anew what is there already');
  addTalkOptions(addEngineOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  filigree curves models/mix4 --out docs/methods.md
  filigree curves models/mix4 --tasks pronoun --methods eap,eap-ig,random --seeds 1 --out pronoun.md

Each method has its usual settings. What is measured is written at once, so that an interrupted run goes on where it was.`,
    )
    .action((model: string, options: Options) => run((session) => curves(model, options, session), options));
}

async function curves(name: string, options: Options, session: Session): Promise<void> {
  const { out, seed, seeds, limit } = options;
  const tasks = [...new Set(options.tasks)].map((task) => findTask(task));
  if (!out.toLowerCase().endsWith('.md')) throw new InputError(`--out ${out} must end in .md: tables are Markdown.`);
  const stem = out.slice(0, -'.md'.length);
  const results = options.results ?? `${stem}.json`;
  const pictures = new Map(tasks.map((task) => [task.name, `${stem}-${task.name}.svg`]));
  await checkOutputs({ '--out': out, '--results': results, ...Object.fromEntries(pictures) });
  const store = await CellStore.open(results, options.again === true);
  const opened = await openModel(name, session);
  const modelHash = await opened.checkpoint.hash();
  const { model, memory } = await loadModel(opened.checkpoint, options);
  const draws = Array.from({ length: seeds }, (_, i) => seed + i);
  const total = tasks.length * draws.length * options.methods.length;
  const settings: Setting[] = [];
  let done = 0;
  for (const task of tasks) {
    const found: Cell[] = [];
    let why: string | undefined;
    for (const draw of draws) {
      const pairs = drawPairs(task, opened, limit, draw);
      why ??= typeof pairs === 'string' ? pairs : await misbehaves(model, task.metric, pairs.judged);
      if (typeof pairs === 'string' || why !== undefined) break;
      for (const method of options.methods) {
        const key: CellKey = { task: task.name, method, seed: draw, modelHash, pairs: pairs.hash };
        const what = `${++done} of ${total}: ${task.name}, ${method}, seed ${draw}`;
        const cell =
          store.find(key) ??
          (await session.during(what, (progress) => measure(model, key, pairs, task.metric, { ...progress, memory })));
        found.push(cell);
        await store.keep(cell);
      }
    }
    settings.push({ task, cells: why === undefined ? found : [], why });
  }
  session.signal.throwIfAborted();
  const graph = new EdgeGraph(model.config);
  for (const { task, cells } of settings) {
    if (cells.length === 0) continue;
    const title = `${task.name} in ${opened.label}: faithfulness by number of edges`;
    await writeFileAtomic(pictures.get(task.name) ?? '', `${curvesSvg(linesOf(cells), { title })}\n`);
  }
  const command = `filigree curves ${name} ${optionsText(options)}--out ${basename(out)}`;
  const facts = { model: opened.label, modelHash, edges: graph.edges, pairs: limit, seeds: draws, command };
  const page = curvesPage(settings, facts, (task) => basename(pictures.get(task) ?? ''));
  await writeFileAtomic(out, page);
  if (session.json) {
    session.print({
      ...facts,
      results,
      page: out,
      tasks: settings.map(({ task, cells, why }) => ({ task: task.name, why, cells })),
    });
    return;
  }
  for (const { task, cells, why } of settings) {
    session.say(`\n${task.name}${why === undefined ? '' : `: not measured, ${why}`}`);
    const rows = bestFirst(cells).map(({ method, cpr, cmd }) => [
      labelOf(method),
      figure(cpr.mean, 3),
      figure(cmd.mean, 3),
    ]);
    if (rows.length > 0) session.say(table(['', 'CPR', 'CMD'], rows).join('\n'));
  }
  session.say(
    `\nwrote ${out}, a picture for each task beside it, and all figures to ${join(dirname(results), basename(results))}`,
  );
}

/** What was asked for besides what is usual, for the command line that makes the page again. */
function optionsText({ tasks, methods: asked, seeds, seed, limit }: Options): string {
  const parts: string[] = [];
  if (tasks.join() !== usualTasks.join()) parts.push(`--tasks ${tasks.join()}`);
  if (asked.join() !== methods.join()) parts.push(`--methods ${asked.join()}`);
  if (seeds !== 3) parts.push(`--seeds ${seeds}`);
  if (seed !== 0) parts.push(`--seed ${seed}`);
  if (limit !== usualPairs) parts.push(`--limit ${limit}`);
  return parts.map((part) => `${part} `).join('');
}

interface Pairs {
  readonly found: readonly Pair[];
  readonly judged: readonly Pair[];
  /** Changes when any of them does. */
  readonly hash: string;
}

/** Pairs to find circuits on and others to judge them on, or why the task does not fit the model. */
function drawPairs(task: Task, { tokenizer, checkpoint }: Opened, count: number, seed: number): Pairs | string {
  const { context } = checkpoint.config;
  const draw = (part: 'discovery' | 'evaluation') => taskPairs(task, tokenizer, { count, seed, part, context }).pairs;
  try {
    const [found, judged] = [draw('discovery'), draw('evaluation')];
    const plain = [found, judged].map((pairs) => pairs.map((p) => [p.clean, p.corrupt, p.answers, p.wrongs]));
    return { found, judged, hash: createHash('sha256').update(JSON.stringify(plain)).digest('hex').slice(0, 16) };
  } catch (error) {
    // A model may lack the words of a task; the others are measured all the same.
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

/** Why faithfulness to the behaviour would mean nothing; undefined where the model does it. */
async function misbehaves(model: Transformer, metric: MetricName, pairs: readonly Pair[]): Promise<string | undefined> {
  const { clean } = await measureCircuits(model, new EdgeGraph(model.config), pairs, [], { metric });
  const right = clean.filter((value) => value > 0).length / clean.length;
  return right >= leastRight
    ? undefined
    : `the model prefers the right answer in only ${(100 * right).toFixed(0)} % of the pairs`;
}

async function measure(
  model: Transformer,
  key: CellKey,
  pairs: Pairs,
  metric: MetricName,
  options: Progress & { memory: number },
): Promise<Cell> {
  const { seed } = key;
  const settings = { ...options, metric };
  const found = await scoreEdges(model, pairs.found, { method: key.method, seed }, settings);
  const judging = { ...settings, seed, randomCircuits: 0 };
  const curve = await evaluateScores(model, found.graph, found.scores, pairs.judged, judging);
  const { sizes, faithfulness, clean, corrupt, empty } = curve;
  const cell = {
    ...key,
    sizes: [...sizes],
    faithfulness,
    clean,
    corrupt,
    empty,
    cpr: curve.cpr ?? 0,
    cmd: curve.cmd ?? 0,
  };
  if (!('edges' in found)) return cell;
  const own = await evaluateCircuit(model, found.graph, found.edges, pairs.judged, judging);
  return { ...cell, own: { edges: own.sizes[0], faithfulness: own.faithfulness[0] } };
}
