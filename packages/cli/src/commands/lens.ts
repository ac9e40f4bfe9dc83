import { stackSvg } from '@filigree/view';
import { type Command, Option } from 'commander';
import {
  type DirectLogits,
  directByLayer,
  directLogits,
  InputError,
  type Lens,
  type LensCurve,
  type LensToken,
  lensCurve,
  logitLens,
  type Pair,
  type Tokenizer,
} from 'filigree';
import { directSvg, lensRowName, lensSvg } from '../drawings/lens.js';
import { loadModel } from '../engine.js';
import { finite } from '../measured.js';
import { openModel } from '../open.js';
import { addEngineOptions, addTalkOptions, type EngineOptions, type TalkOptions, wholeNumber } from '../options.js';
import { addPictureOptions, checkPictures, type PictureOptions, writePictures } from '../pictures.js';
import { addPromptOptions, checkPrompt, namedAnswer, openPrompt, type PromptOptions } from '../prompts.js';
import type { Run, Session } from '../session.js';
import { figure, table } from '../table.js';
import { namedToken, quotedToken } from '../tokens.js';

interface Options extends PromptOptions, TalkOptions, EngineOptions, PictureOptions {
  answer?: string;
  wrong?: string;
  top: number;
}

/** Neurons that are listed. */
const listedNeurons = 20;

export function addLens(program: Command, run: Run): void {
  const command = program
    .command('lens')
    .description('what the model would say after each layer, and what each head and neuron adds to its answer')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('logit lens and direct logit attribution');
  addPromptOptions(command, 'the lens on its first clean prompt, the rest averaged over its pairs')
    .option(
      '--answer <token>',
      "the token to explain: text behind --prompt, an id behind --ids (default: the model's own)",
    )
    .option('--wrong <token>', 'a token against which the answer is measured')
    .addOption(
      new Option('--top <n>', 'tokens to give of each layer and position')
        .argParser(wholeNumber('--top', 1, 100))
        .default(5),
    );
  addPictureOptions(addTalkOptions(addEngineOptions(command)))
    .addHelpText(
      'after',
      `
Examples:
  filigree lens models/mix4 --prompt "One day, Lily went to the park." --answer " She" --wrong " He"
  filigree lens models/mix4 --task pronoun --png pronoun-lens.png

The lens reads the residual stream after each layer through the final norm and the unembedding. Contributions hold that norm's
scale fixed, and add up to the answer's logit less the wrong one's.`,
    )
    .action((model: string, options: Options) => run((session) => lens(model, options, session), options));
}

/** All that is told. */
interface Seen {
  readonly tokens: readonly number[];
  readonly answer: number;
  readonly pairs: readonly Pair[];
  readonly lens: Lens;
  readonly curve: LensCurve;
  readonly direct: DirectLogits;
}

async function lens(name: string, options: Options, session: Session): Promise<void> {
  checkPrompt(options);
  if (options.task !== undefined && (options.answer ?? options.wrong) !== undefined) {
    throw new InputError('--answer and --wrong go with --prompt or --ids: the pairs of a task have their own.');
  }
  await checkPictures(options);
  const opened = await openModel(name, session);
  const asked = await openPrompt(options, opened);
  const named = (flag: '--answer' | '--wrong', text: string | undefined): number | undefined =>
    text === undefined ? undefined : namedAnswer(flag, text, options, opened);
  const [right, wrong] = [named('--answer', options.answer), named('--wrong', options.wrong)];
  const { model, memory } = await loadModel(opened.checkpoint, options);
  const tokens = 'pairs' in asked ? asked.pairs[0].clean : asked.tokens;
  model.check([tokens]);
  const own = async (): Promise<number> =>
    (await logitLens(model, tokens, { top: 1 })).cells.at(-1)?.at(-1)?.top[0].id ?? 0;
  const answer = 'pairs' in asked ? asked.pairs[0].answers[0] : (right ?? (await own()));
  if (answer === wrong) throw new InputError('--answer and --wrong are the same token; give two.');
  const pair: Pair = { clean: tokens, corrupt: tokens, answers: [answer], wrongs: wrong === undefined ? [] : [wrong] };
  const pairs = 'pairs' in asked ? asked.pairs : [pair];
  const found = await session.during('looking', async (progress): Promise<Seen> => {
    const grid = await logitLens(model, tokens, { ...progress, answer, top: options.top });
    const curve = await lensCurve(model, pairs, { ...progress, memory });
    const direct = await directLogits(model, pairs, { ...progress, memory });
    return { tokens, answer, pairs, lens: grid, curve, direct };
  });
  await writePictures(options, session, () => picture(found, opened.tokenizer));
  if (session.json) session.print(finite({ model: opened.label, ...lensJson(found, opened.tokenizer) }));
  else session.say(lensText(found, opened.tokenizer).join('\n'));
}

function lensJson(seen: Seen, tokenizer: Tokenizer | undefined): object {
  const { direct, curve } = seen;
  const token = (of: LensToken): object => ({ ...namedToken(of.id, tokenizer), ...of });
  const byLayer = directByLayer(direct);
  return {
    tokens: seen.tokens.map((id) => namedToken(id, tokenizer)),
    answer: namedToken(seen.answer, tokenizer),
    lens: {
      rows: seen.lens.rows,
      cells: seen.lens.cells.map((row) =>
        row.map((cell) => ({ top: cell.top.map(token), answer: cell.answer && token(cell.answer) })),
      ),
    },
    pairs: seen.pairs.length,
    curve: { rows: curve.rows, logitDiff: curve.metric, answer: curve.answer, wrong: curve.wrong, rank: curve.rank },
    direct: {
      total: direct.total,
      embed: direct.embed,
      normBias: direct.normBias,
      attention: [...byLayer.attention],
      mlp: [...byLayer.mlp],
      attentionBias: [...direct.attentionBias],
      mlpBias: [...direct.mlpBias],
      heads: Array.from({ length: direct.layers }, (_, l) => [
        ...direct.head.subarray(l * direct.heads, (l + 1) * direct.heads),
      ]),
      neurons: strongestNeurons(direct),
    },
  };
}

function strongestNeurons({ neuron, mlpWidth }: DirectLogits): { layer: number; neuron: number; value: number }[] {
  const order = [...neuron.keys()].sort((a, b) => Math.abs(neuron[b]) - Math.abs(neuron[a]) || a - b);
  return order
    .slice(0, listedNeurons)
    .map((i) => ({ layer: Math.floor(i / mlpWidth), neuron: i % mlpWidth, value: neuron[i] }));
}

function lensText(seen: Seen, tokenizer: Tokenizer | undefined): string[] {
  const { direct, curve, lens: grid, pairs } = seen;
  const answer = quotedToken(seen.answer, tokenizer);
  const last = seen.tokens.length - 1;
  const rows = grid.cells.map((cells, row) => {
    const { top, answer: own } = cells[last];
    const best = top.slice(0, 3).map((t) => `${quotedToken(t.id, tokenizer)} ${figure(t.probability)}`);
    return [
      lensRowName(row),
      figure(own?.logit ?? null),
      figure(own?.probability ?? null, 3),
      String(own?.rank),
      best.join('  '),
    ];
  });
  const over = pairs.length > 1 ? ` over ${pairs.length} pairs` : '';
  const means = curve.rows.map((_, row) => [
    lensRowName(row),
    figure(curve.metric[row]),
    figure(curve.answer[row], 3),
    figure(curve.rank[row], 1),
  ]);
  const averaged =
    pairs.length > 1
      ? ['', `the lens at the last position${over}`, ...table(['', 'logit diff', 'probability', 'rank'], means)]
      : [];
  const byLayer = directByLayer(direct);
  const blocks = Array.from({ length: direct.layers }, (_, l) => [
    `layer ${l}`,
    figure(byLayer.attention[l]),
    figure(byLayer.mlp[l]),
  ]);
  const heads = [...direct.head.keys()].sort((a, b) => Math.abs(direct.head[b]) - Math.abs(direct.head[a]) || a - b);
  const named = heads
    .slice(0, 8)
    .map((i) => `a${Math.floor(i / direct.heads)}.h${i % direct.heads} ${figure(direct.head[i])}`);
  const neurons = strongestNeurons(direct)
    .slice(0, 8)
    .map(({ layer, neuron, value }) => `m${layer}.n${neuron} ${figure(value)}`);
  return [
    `what the model would say after ${seen.tokens.length} tokens; the answer is ${answer}`,
    ...table(['', 'logit', 'probability', 'rank', 'likeliest'], rows),
    ...averaged,
    '',
    `what adds up to the ${pairs.every((pair) => pair.wrongs.length === 0) ? 'logit' : 'logit difference'} of ${figure(direct.total)}${over}`,
    ...table(['', 'attention', 'MLP'], blocks),
    `  embedding ${figure(direct.embed)}${direct.normBias === 0 ? '' : `, bias of the final norm ${figure(direct.normBias)}`}`,
    `  heads    ${named.join('  ')}`,
    ...(neurons.length > 0 ? [`  neurons  ${neurons.join('  ')}`] : []),
  ];
}

function picture(seen: Seen, tokenizer: Tokenizer | undefined): string {
  const { tokens, direct, lens: grid, answer, pairs } = seen;
  const over = pairs.length > 1 ? `, mean of ${pairs.length} pairs` : ` for ${quotedToken(answer, tokenizer)}`;
  const what = pairs.some((pair) => pair.wrongs.length > 0) ? 'the logit difference' : 'the logit';
  const drawings = [
    lensSvg(grid, tokens, tokenizer),
    directSvg(direct, { title: `Direct contributions to ${what}${over}` }),
  ];
  return stackSvg(drawings, 'Logit lens and direct logit attribution');
}
