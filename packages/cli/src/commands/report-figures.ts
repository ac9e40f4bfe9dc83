import type { ReportFigure } from '@filigree/view';
import {
  alignedPairs,
  attentionPatterns,
  type Circuit,
  directLogits,
  headScores,
  logitLens,
  type MetricName,
  type Pair,
  type PatchMap,
  type PatchSite,
  patchActivations,
  positionTokens,
  repeatedRandomTokens,
  type Tokenizer,
  type Transformer,
} from 'filigree';
import { attentionHeadsSvg } from '../drawings/attention.js';
import { directSvg, lensSvg } from '../drawings/lens.js';
import { patchMapSvg } from '../drawings/patch-map.js';
import type { Session } from '../session.js';

/** Pairs that the pictures are of: enough for a mean, few enough for a model of millions. */
const figurePairs = 8;
/** Heads that are drawn, of those in the circuit. */
const drawnHeads = 8;
/** Width of a narrow page's drawings, and positions that have room on it. */
const narrow = 250;
const narrowPositions = 4;

const siteTitles: Partial<Record<PatchSite, string>> = {
  resid_pre: 'residual stream before each layer',
  attn_out: 'attention',
  mlp_out: 'MLP',
  z: 'heads, all positions',
};

interface FigureOptions {
  readonly metric: MetricName;
  readonly memory: number;
  readonly seed: number;
  readonly tokenizer: Tokenizer | undefined;
}

/** The pictures of a report: activation patching, the logit lens with direct contributions, and what the circuit's heads attend to. */
export async function reportFigures(
  model: Transformer,
  circuit: Circuit,
  pairs: readonly Pair[],
  options: FigureOptions,
  session: Session,
): Promise<ReportFigure[]> {
  const aligned = alignedPairs(pairs).slice(0, figurePairs);
  const figures = [
    await patchingFigure(model, aligned, options, session),
    await lensFigure(model, aligned, options, session),
    await attentionFigure(model, circuit, aligned[0].clean, options, session),
  ];
  return figures.filter((figure) => figure !== undefined);
}

async function patchingFigure(
  model: Transformer,
  pairs: readonly Pair[],
  { metric, memory, tokenizer }: FigureOptions,
  session: Session,
): Promise<ReportFigure | undefined> {
  const sites: PatchSite[] = ['resid_pre', 'attn_out', ...(model.config.mlpWidth > 0 ? ['mlp_out' as const] : []), 'z'];
  const maps: PatchMap[] = [];
  for (const site of sites) {
    maps.push(
      await session.during(`patching ${site}`, (progress) =>
        patchActivations(model, pairs, site, { ...progress, metric, memory }),
      ),
    );
  }
  const effects = maps.flatMap((map) => [...map.effects].filter(Number.isFinite));
  if (effects.length === 0) return undefined;
  const limit = effects.reduce((most, effect) => Math.max(most, Math.abs(effect)), 0);
  const tokens = positionTokens(pairs);
  const draw = (width: number): string[] =>
    maps.map((map) =>
      patchMapSvg(map, tokens, tokenizer, { title: siteTitles[map.site], width, limit, styled: false }),
    );
  const several = pairs.length === 1 ? 'one pair' : `${pairs.length} pairs`;
  return {
    heading: 'Where it happens',
    note: `Activation patching: what one activation of the corrupted prompt, put into the clean run, changes. 0 changes nothing, 1 is as bad as the corrupted prompt. Mean of ${several}; where prompts differ, positions are in bold.`,
    wide: draw(400),
    narrow: draw(narrow),
  };
}

async function lensFigure(
  model: Transformer,
  pairs: readonly Pair[],
  { memory, tokenizer }: FigureOptions,
  session: Session,
): Promise<ReportFigure> {
  const [{ clean: tokens, answers }] = pairs;
  const { grid, direct } = await session.during('reading the layers', async (progress) => ({
    grid: await logitLens(model, tokens, { ...progress, answer: answers[0], top: 3 }),
    direct: await directLogits(model, pairs, { ...progress, memory }),
  }));
  const title = 'likeliest next token';
  const sums = { title: 'direct contributions', styled: false };
  return {
    heading: 'What each layer would say',
    note: `Logit lens: the residual stream of one clean prompt after each layer, read through the final norm and the unembedding; the stronger the colour, the likelier the token. Direct contributions: what each head and MLP adds to the logit difference, mean of ${pairs.length}.`,
    wide: [
      lensSvg(grid, tokens, tokenizer, { title, positions: 14, styled: false }),
      directSvg(direct, { ...sums, width: 400 }),
    ],
    narrow: [
      lensSvg(grid, tokens, tokenizer, {
        title: `${title}, at the end`,
        positions: narrowPositions,
        short: true,
        styled: false,
      }),
      directSvg(direct, { ...sums, width: narrow, negative: '', positive: '' }),
    ],
  };
}

async function attentionFigure(
  model: Transformer,
  circuit: Circuit,
  tokens: readonly number[],
  { memory, seed, tokenizer }: FigureOptions,
  session: Session,
): Promise<ReportFigure | undefined> {
  const heads = headsOf(circuit, model.config.heads).slice(0, drawnHeads);
  if (heads.length === 0) return undefined;
  const said = repeatedRandomTokens(model.config, { seed });
  const scores = await session.during('scoring heads', (progress) => headScores(model, said, { ...progress, memory }));
  const patterns = await attentionPatterns(model, tokens);
  const draw = (width: number): string =>
    attentionHeadsSvg(heads, tokens, patterns, scores, tokenizer, { width, styled: false });
  return {
    heading: 'What its heads attend to',
    note: 'Heads of the circuit on one clean prompt, the most important first: each row is a token, and the darker a column, the more that row attends to it. Under each name its largest score on random tokens said twice.',
    wide: [draw(980)],
    narrow: [draw(300)],
  };
}

/** The heads of a circuit by their places among all, the most important first: by the node's score, or by that of its strongest edge. */
export function headsOf({ nodes, edges }: Circuit, perLayer: number): number[] {
  const worth = new Map<number, number>();
  const count = (node: number, score: number | null): void => {
    worth.set(node, Math.max(worth.get(node) ?? 0, Math.abs(score ?? 0)));
  };
  edges.kept.forEach((kept, e) => {
    if (!kept) return;
    for (const node of [edges.source[e], edges.target[e]]) {
      count(node, edges.score[e] ?? nodes.score[node]);
      for (const score of nodes.neuronScores?.[node] ?? []) count(node, score);
    }
  });
  return [...worth]
    .filter(([node]) => nodes.kind[node] === 'head')
    .sort(([a, x], [b, y]) => y - x || a - b)
    .map(([node]) => {
      const [, layer, head] = /^a(\d+)\.h(\d+)$/.exec(nodes.id[node]) ?? [];
      return Number(layer) * perLayer + Number(head);
    });
}
