import { type Command, Option } from 'commander';
import {
  attentionPatterns,
  type HeadPatterns,
  type HeadScoreName,
  type HeadScores,
  headScoreNames,
  headScores,
  InputError,
  repeatedRandomTokens,
  type TransformerConfig,
} from 'filigree';
import { attentionHeadsSvg, headName } from '../drawings/attention.js';
import { loadModel } from '../engine.js';
import { finite } from '../measured.js';
import { openModel } from '../open.js';
import { addEngineOptions, addTalkOptions, type EngineOptions, type TalkOptions, wholeNumber } from '../options.js';
import { addPictureOptions, checkPictures, type PictureOptions, writePictures } from '../pictures.js';
import { addPromptOptions, checkPrompt, openPrompt, type PromptOptions } from '../prompts.js';
import type { Run, Session } from '../session.js';
import { figure } from '../table.js';
import { namedToken } from '../tokens.js';

interface Options extends PromptOptions, TalkOptions, EngineOptions, PictureOptions {
  heads?: string[];
  length?: number;
  sequences: number;
}

/** Heads that are drawn unless named, those of the largest scores; and heads that are listed for each score. */
const drawnHeads = 24;
const listedHeads = 5;

export function addAttention(program: Command, run: Run): void {
  const command = program
    .command('attention')
    .description('what each head attends to on a prompt, and which heads are induction or previous-token heads')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('attention patterns and head scores');
  addPromptOptions(command, 'its first clean prompt')
    .option(
      '--heads <list>',
      `heads to show, such as a0.h3,a1.h0 (default: all; a picture has at most ${drawnHeads})`,
      list,
    )
    .addOption(
      new Option(
        '--length <n>',
        'random tokens that are said twice for the scores (default: 50, or what fits)',
      ).argParser(wholeNumber('--length', 2)),
    )
    .addOption(
      new Option('--sequences <n>', 'such sequences').argParser(wholeNumber('--sequences', 1, 1000)).default(8),
    );
  addPictureOptions(addTalkOptions(addEngineOptions(command)))
    .addHelpText(
      'after',
      `
Examples:
  filigree attention models/mix4 --prompt "One day, Lily went to the park." --png heads.png
  filigree attention models/mix4 --prompt "One day, Lily" --heads a0.h1,a2.h3 --json

Scores are mean attention, from 0 to 1, on random tokens said twice: to the token after the same one's earlier occurrence
(induction), to the one before, to the earlier occurrence (duplicate), and to the first token of all.`,
    )
    .action((model: string, options: Options) => run((session) => attention(model, options, session), options));
}

const list = (text: string): string[] => text.split(',').map((name) => name.trim());

async function attention(name: string, options: Options, session: Session): Promise<void> {
  checkPrompt(options);
  await checkPictures(options);
  const opened = await openModel(name, session);
  const { checkpoint, tokenizer, label } = opened;
  const { config } = checkpoint;
  const asked = await openPrompt(options, opened);
  const tokens = 'pairs' in asked ? asked.pairs[0].clean : asked.tokens;
  const named = options.heads?.map((head) => headOf(head, config));
  const { length, sequences, seed } = options;
  const said = repeatedRandomTokens(config, { length, sequences, seed });
  const { model, memory } = await loadModel(checkpoint, options);
  model.check([tokens]);
  const scores = await session.during('scoring heads', (progress) => headScores(model, said, { ...progress, memory }));
  const patterns = await attentionPatterns(model, tokens);
  const shown = named ?? Array.from({ length: config.layers * config.heads }, (_, head) => head);
  await writePictures(options, session, () => {
    const drawn = named ?? shown.sort((a, b) => largest(b, scores) - largest(a, scores)).slice(0, drawnHeads);
    const heads = named ?? [...drawn].sort((a, b) => a - b);
    const title = 'Attention: rows attend to columns; under each name its largest score';
    return attentionHeadsSvg(heads, tokens, patterns, scores, tokenizer, { title });
  });
  if (session.json) {
    const own = (head: number): object => ({
      head: headName(head, config),
      scores: Object.fromEntries(headScoreNames.map((score) => [score, scores.scores[score][head]])),
      pattern: rowsOf(head, patterns),
    });
    session.print(
      finite({
        model: label,
        tokens: tokens.map((id) => namedToken(id, tokenizer)),
        scored: { sequences, length: (said[0].length - (config.bos === undefined ? 0 : 1)) / 2, seed },
        uniform: scores.uniform,
        heads: shown.map(own),
      }),
    );
    return;
  }
  session.say(
    `${sequences} sequences of random tokens said twice, in ${label}; in brackets what even attention would get`,
  );
  for (const score of headScoreNames) session.say(strongest(score, scores, shown));
}

/** The head that a user names. Throws InputError for one that the model does not have. */
function headOf(name: string, { layers, heads }: Pick<TransformerConfig, 'layers' | 'heads'>): number {
  const [, layer, head] = /^a(\d+)\.h(\d+)$/.exec(name) ?? [];
  if (layer !== undefined && Number(layer) < layers && Number(head) < heads)
    return Number(layer) * heads + Number(head);
  throw new InputError(
    `--heads: there is no head ${JSON.stringify(name)}; they are a0.h0 to a${layers - 1}.h${heads - 1}.`,
  );
}

/** The largest of a head's scores. Most heads rest on the first token now and then, so that score says least about one. */
const largest = (head: number, { scores }: HeadScores): number =>
  Math.max(...headScoreNames.filter((name) => name !== 'first-token').map((name) => scores[name][head] || 0));

function strongest(score: HeadScoreName, scores: HeadScores, shown: readonly number[]): string {
  const values = scores.scores[score];
  const best = [...shown].sort((a, b) => values[b] - values[a] || a - b).slice(0, listedHeads);
  const named = best.map((head) => `${headName(head, scores)} ${figure(values[head])}`);
  return `  ${`${score} (${figure(scores.uniform[score])})`.padEnd(24)}${named.join('  ')}`;
}

/** A head's pattern as rows, with the digits that f32 has. */
function rowsOf(head: number, { length, patterns }: HeadPatterns): number[][] {
  const at = (t: number, s: number): number => Number(patterns[(head * length + t) * length + s].toPrecision(7));
  return Array.from({ length }, (_, t) => Array.from({ length }, (_, s) => at(t, s)));
}
