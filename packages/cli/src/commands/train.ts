import { type Command, Option } from 'commander';
import {
  accuracy,
  checkpointFiles,
  findRecipe,
  InputError,
  type Pair,
  programTasks,
  type Recipe,
  recipes,
  resizedRecipe,
  type Task,
  type TrainedModel,
  taskPairs,
  tasks,
  trainLanguageModel,
} from 'filigree';
import { startEngine } from 'filigree/node';
import { allowRelaxedSimd } from '../engine.js';
import { readJsonFile } from '../open.js';
import { addTalkOptions, type TalkOptions, wholeNumber } from '../options.js';
import type { Run, Session } from '../session.js';
import { readTexts } from '../texts.js';
import { TrainingFolder } from '../training-folder.js';
import { trainFromConfig } from './train-config.js';

interface Options extends TalkOptions {
  recipe?: string;
  config?: string;
  corpus?: string[];
  seed?: number;
  out: string;
  resume?: boolean;
  threads?: number;
}

/** Pairs per task that a trained model is examined on. */
const examined = 300;

export function addTrain(program: Command, run: Run): void {
  const command = program
    .command('train')
    .description(
      'train a model from nothing but a seed (--recipe), or a dense or sparse network as a configuration file says (--config)',
    )
    .summary('train a model from a recipe or a configuration')
    .option('--recipe <name>', `what to train: ${recipes.map((r) => r.name).join(', ')}`)
    .option(
      '--config <file>',
      'a JSON file that says data, network, method and optimiser; with --recipe weight-sparse, its sizes',
    )
    .option(
      '--corpus <paths...>',
      "with --recipe: files or folders of text to train on besides the recipe's own, every other document",
    )
    .requiredOption('--out <folder>', 'where to write the model, and live metrics (metrics.jsonl)')
    .option('--resume', 'go on with the training that was interrupted in --out')
    .addOption(new Option('--seed <n>', 'decides all that is random (default: 0)').argParser(wholeNumber('--seed', 0)))
    .addOption(
      new Option('--threads <n>', 'threads to compute on (default: all cores)').argParser(
        wholeNumber('--threads', 1, 256),
      ),
    );
  addTalkOptions(command)
    .addHelpText(
      'after',
      `
Recipes:
${recipes.map((r) => `  ${r.name}: ${r.description}`).join('\n')}

A configuration, with all that has a default left out but the method:
  {"data": {"kind": "glyphs"}, "hidden": [300, 100], "method": {"kind": "rigl", "density": 0.05, "every": 40}}
Data: glyphs, glyphs-easy; {"kind": "idx", "path": FOLDER}; {"kind": "csv", "path": FILE, "label": COLUMN}.
Methods: dense; static, set, rigl, srigl, dst-ee with density, allocator, every, alpha, until; ste, sr-ste, bdwp with n, m, pull.
Also: train, activation, start, epochs, batch, lr, schedule, optimiser, clip, labelSmoothing, patience, seed.

Sizes of weight-sparse, those of the recipe where left out:
  width (a multiple of 16), layers, window, vocabulary, density (1: dense), until, least, activations, sink, bigram, steps, batch, lr,
  gradients (rescale, clip), denseEvery.

Examples:
  filigree train --recipe stories --out my-model
  filigree train --recipe weight-sparse --config examples/weight-sparse-tiny.json --out sparse-model
  filigree train --config examples/glyphs-rigl.json --out glyphs`,
    )
    .action((options: Options) => run((session) => choose(options, session), options));
}

async function choose({ recipe, config, ...options }: Options, session: Session): Promise<void> {
  if (recipe === undefined && config === undefined) {
    throw new InputError('Say what to train: either --recipe NAME or --config FILE.');
  }
  if (recipe === undefined) {
    if (options.corpus) throw new InputError('--corpus adds texts to those of a recipe; give --recipe NAME too.');
    return trainFromConfig({ ...options, config: config ?? '' }, session);
  }
  const named = findRecipe(recipe);
  const sized = config === undefined ? named : resizedRecipe(named, await readJsonFile(config), config);
  await trainRecipe(sized, options, session);
}

async function trainRecipe(recipe: Recipe, options: Options, session: Session): Promise<void> {
  const texts = options.corpus && (await readTexts(options.corpus));
  const { seed = 0 } = options;
  const folder = await TrainingFolder.open(options.out, options.resume === true);
  allowRelaxedSimd();
  startEngine({ threads: options.threads });
  const started = performance.now();
  const losses: [step: number, loss: number][] = [];
  let waiting = Promise.resolve();
  const trained = await session.during(`training ${recipe.name}`, ({ signal, onProgress }) =>
    trainLanguageModel(recipe, {
      seed,
      texts,
      signal,
      checkpoint: { store: folder, every: 500 },
      onProgress({ step, steps, loss, tokens }) {
        if (step % 200 === 0) {
          losses.push([step, Number(loss.toFixed(4))]);
          waiting = waiting.then(() => folder.record({ step, loss }));
        }
        onProgress({ done: tokens, total: (steps * tokens) / step, unit: 'tokens' });
      },
    }),
  );
  const seconds = Math.round((performance.now() - started) / 1000);
  const right: Record<string, number> = {};
  // Models of prose are asked about prose, those of programs about programs.
  for (const task of recipe.text.programs ? programTasks : tasks) {
    const pairs = pairsThatFit(task, trained);
    if (pairs) right[task.name] = await accuracy(trained.model, pairs, task);
  }
  await waiting;
  const record = { recipe, seed, tokens: trained.tokens, seconds, loss: trained.loss, losses, right };
  await folder.finish(await modelFiles(trained), record);
  if (session.json) return session.print(record);
  session.say(`${trained.tokens.toLocaleString('en')} tokens in ${seconds} s, loss ${trained.loss.toFixed(3)}`);
  session.say(`right on ${examined} unseen pairs (on both prompts where the corrupted one has an answer):`);
  for (const [task, share] of Object.entries(right)) session.say(`  ${task.padEnd(22)}${(100 * share).toFixed(1)} %`);
  session.say(`wrote the model to ${options.out}`);
}

/** Pairs that the model has not seen, or nothing where its text has not the words of the task. */
function pairsThatFit(task: Task, { tokenizer, model }: TrainedModel): readonly Pair[] | undefined {
  try {
    return taskPairs(task, tokenizer, { count: examined, part: 'evaluation', context: model.config.context }).pairs;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

async function modelFiles({ model, tokenizerFiles }: TrainedModel): Promise<Map<string, Uint8Array>> {
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, parameter] of model.parameters) {
    weights.set(name, { shape: parameter.shape, data: (await parameter.data()) as Float32Array });
  }
  const { tokenizer, config } = tokenizerFiles;
  return checkpointFiles(model.config, weights, tokenizer, { dtype: 'F16', sparse: true, tokenizerConfig: config });
}
