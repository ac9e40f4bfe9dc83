import { type Command, Option } from 'commander';
import { generate, InputError } from 'filigree';
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
import type { Run, Session } from '../session.js';

interface Options extends TalkOptions, EngineOptions {
  prompt: string;
  temperature?: number;
  topK?: number;
  seed?: number;
  length: number;
}

export function addGenerate(program: Command, run: Run): void {
  const command = program
    .command('generate')
    .description('continue a text')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('continue a text')
    .option('--prompt <text>', 'the text to continue; nothing to begin a new one', '')
    .addOption(
      new Option(
        '--temperature <x>',
        '0 takes the likeliest token, 1 draws as the model says (default: 0, or 1 with --top-k or --seed)',
      ).argParser(numberFrom('--temperature', 0)),
    )
    .addOption(
      new Option('--top-k <n>', 'draw among the n likeliest tokens, 0 for all (default: 0)').argParser(
        wholeNumber('--top-k', 0),
      ),
    )
    .addOption(new Option('--seed <n>', 'decides what is drawn (default: 0)').argParser(wholeNumber('--seed', 0)))
    .addOption(new Option('--length <n>', 'most tokens to add').argParser(wholeNumber('--length', 1)).default(100));
  addTalkOptions(addEngineOptions(command))
    .addHelpText(
      'after',
      `
Examples:
  filigree generate models/mix4 --prompt "One day, Lily went to the park."
  filigree generate models/mix4 --temperature 0.8 --top-k 40 --seed 1 --length 200`,
    )
    .action((model: string, options: Options) => run((session) => write(model, options, session), options));
}

async function write(name: string, options: Options, session: Session): Promise<void> {
  const { checkpoint, tokenizer, label } = await openModel(name, session);
  if (!tokenizer)
    throw new InputError(`${label} has no tokenizer.json, so text cannot be turned into tokens; use filigree logits.`);
  const ids = tokenizer.encode(options.prompt);
  if (ids.length === 0) {
    if (tokenizer.bos === undefined) throw new InputError(`${label} has no token that begins a text; give a --prompt.`);
    ids.push(tokenizer.bos);
  }
  const { model } = await loadModel(checkpoint, options);
  model.check([ids]);
  const { topK, seed, length } = options;
  const temperature = options.temperature ?? (topK === undefined && seed === undefined ? 0 : 1);
  const before = tokenizer.decode(ids).length;
  const all = [...ids];
  let told = 0;
  /** Prints what has become certain (the last characters may still wait for bytes of theirs), and gives all of the text. */
  const tell = (last: boolean): string => {
    const decoded = tokenizer.decode(all);
    // Decoding drops the space that a text begins with, but without a prompt that space was generated.
    const first = before === 0 && all.length > ids.length ? tokenizer.token(all[ids.length]) : '';
    const text = first.startsWith(' ') && !decoded.startsWith(' ') ? ` ${decoded}` : decoded;
    const sure = last ? text.length : text.replace(/\ufffd+$/, '').length;
    if (!session.json) process.stdout.write(text.slice(told, Math.max(told, sure)));
    told = Math.max(told, sure);
    return text;
  };
  tell(false);
  for await (const id of generate(model, ids, { temperature, topK, seed, length, signal: session.signal })) {
    all.push(id);
    tell(false);
  }
  const text = tell(true);
  if (session.json) session.print({ prompt: options.prompt, text: text.slice(before), ids: all.slice(ids.length) });
  else session.say();
}
