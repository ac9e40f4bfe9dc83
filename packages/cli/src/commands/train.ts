import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import {
  accuracy,
  checkpointFiles,
  findRecipe,
  InputError,
  type Pair,
  recipes,
  type Task,
  type TrainedModel,
  taskPairs,
  tasks,
  trainLanguageModel,
} from 'filigree';
import { startEngine, writeFileAtomic } from 'filigree/node';
import { allowRelaxedSimd } from '../engine.js';
import { addTalkOptions, type TalkOptions, wholeNumber } from '../options.js';
import type { Run, Session } from '../session.js';

interface Options extends TalkOptions {
  recipe: string;
  seed: number;
  out: string;
  threads?: number;
}

/** Pairs per task that a trained model is examined on. */
const examined = 300;

export function addTrain(program: Command, run: Run): void {
  const command = program
    .command('train')
    .description('train a model from a recipe: text, tokenizer and weights are made from nothing but a seed')
    .summary('train a model from a recipe')
    .requiredOption('--recipe <name>', `what to train: ${recipes.map((r) => r.name).join(', ')}`)
    .requiredOption('--out <folder>', 'where to write the model, in Hugging Face layout')
    .addOption(new Option('--seed <n>', 'decides text and weights').argParser(wholeNumber('--seed', 0)).default(0))
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

Example:
  filigree train --recipe stories --out my-model`,
    )
    .action((options: Options) => run((session) => train(options, session), options));
}

async function train(options: Options, session: Session): Promise<void> {
  const recipe = findRecipe(options.recipe);
  await checkFolder(options.out);
  allowRelaxedSimd();
  startEngine({ threads: options.threads });
  const started = performance.now();
  const losses: [step: number, loss: number][] = [];
  const trained = await session.during(`training ${recipe.name}`, ({ signal, onProgress }) =>
    trainLanguageModel(recipe, {
      seed: options.seed,
      signal,
      onProgress({ step, steps, loss, tokens }) {
        if (step % 200 === 0) losses.push([step, Number(loss.toFixed(4))]);
        onProgress({ done: tokens, total: (steps * tokens) / step, unit: 'tokens' });
      },
    }),
  );
  const seconds = Math.round((performance.now() - started) / 1000);
  const right: Record<string, number> = {};
  for (const task of tasks) {
    const pairs = pairsThatFit(task, trained);
    if (pairs) right[task.name] = await accuracy(trained.model, pairs, task);
  }
  const record = { recipe, seed: options.seed, tokens: trained.tokens, seconds, loss: trained.loss, losses, right };
  await mkdir(options.out, { recursive: true });
  for (const [path, data] of await modelFiles(trained)) await writeFileAtomic(join(options.out, path), data);
  await writeFileAtomic(join(options.out, 'training.json'), `${JSON.stringify(record, null, 1)}\n`);
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

/** Throws InputError where a model would overwrite something else. */
async function checkFolder(folder: string): Promise<void> {
  const there = await stat(folder).catch(() => undefined);
  if (!there) return;
  if (!there.isDirectory()) throw new InputError(`--out ${folder} is a file; give a folder.`);
  const names = await readdir(folder);
  if (names.length > 0 && !names.includes('training.json')) {
    throw new InputError(`--out ${folder} holds other files; give an empty folder or one that train has written.`);
  }
}

async function modelFiles({ model, tokenizerFiles }: TrainedModel): Promise<Map<string, Uint8Array>> {
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, parameter] of model.parameters) {
    weights.set(name, { shape: parameter.shape, data: (await parameter.data()) as Float32Array });
  }
  const { tokenizer, config } = tokenizerFiles;
  return checkpointFiles(model.config, weights, tokenizer, { dtype: 'F16', tokenizerConfig: config });
}
