import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { findRecipe, InputError, recipes, type TokenizerFiles, tokenizerOf, trainTokenizer } from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { addTalkOptions, choice, type TalkOptions, wholeNumber } from '../options.js';
import type { Run, Session } from '../session.js';
import { count } from '../table.js';
import { readTexts } from '../texts.js';

interface Options extends TalkOptions {
  recipe?: string;
  out: string;
  size?: number;
  kind?: 'prose' | 'programs';
  seed: number;
}

export function addTokenizer(program: Command, run: Run): void {
  const command = program
    .command('tokenizer')
    .description(
      'train a byte-pair tokenizer on texts of yours or on the generated text of a recipe, in Hugging Face layout',
    )
    .summary('train a byte-pair tokenizer')
    .argument('[texts...]', 'text files, or folders of them')
    .option('--recipe <name>', `the text and the settings of a recipe: ${recipes.map((r) => r.name).join(', ')}`)
    .requiredOption('--out <folder>', 'where to write tokenizer.json and tokenizer_config.json')
    .addOption(
      new Option('--size <n>', 'tokens of the vocabulary (default: 512)').argParser(wholeNumber('--size', 258, 65536)),
    )
    .addOption(
      new Option(
        '--kind <kind>',
        'prose (the default), or programs: indentation, .name, +=, ]] can be one token',
      ).argParser(choice('--kind', ['prose', 'programs'])),
    )
    .addOption(new Option('--seed <n>', 'decides the generated text').argParser(wholeNumber('--seed', 0)).default(0));
  addTalkOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  filigree tokenizer --recipe mix4 --out my-tokenizer
  filigree tokenizer src/ --kind programs --size 2048 --out my-tokenizer`,
    )
    .action((texts: string[], options: Options) => run((session) => train(texts, options, session), options));
}

async function train(paths: readonly string[], options: Options, session: Session): Promise<void> {
  const files = await made(paths, options);
  await mkdir(options.out, { recursive: true }).catch((error) => {
    throw new InputError(`--out ${options.out} cannot be made: ${(error as Error).message}`);
  });
  const written = { 'tokenizer.json': files.tokenizer, 'tokenizer_config.json': files.config };
  for (const [name, content] of Object.entries(written)) {
    await writeFileAtomic(join(options.out, name), `${JSON.stringify(content, null, 1)}\n`);
  }
  const { vocab, merges } = files.tokenizer.model;
  const result = { tokens: Object.keys(vocab).length, merges: merges.length, out: options.out };
  if (session.json) return session.print(result);
  session.say(`${count(result.tokens)} tokens, ${count(result.merges)} merges; wrote ${options.out}`);
}

async function made(paths: readonly string[], { recipe, size, kind, seed }: Options): Promise<TokenizerFiles> {
  if ((recipe === undefined) === (paths.length === 0)) {
    throw new InputError('Say what to train on: either text files and folders, or --recipe NAME.');
  }
  if (recipe !== undefined) {
    if (size !== undefined || kind !== undefined) {
      throw new InputError('--size and --kind are for texts of yours; a recipe says its own.');
    }
    return tokenizerOf(findRecipe(recipe), seed);
  }
  return trainTokenizer(await readTexts(paths), { size: size ?? 512, kind });
}
