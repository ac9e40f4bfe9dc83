import { InputError } from '../errors.js';
import type { TransformerConfig } from '../nn/config.js';
import type { Transformer } from '../nn/transformer.js';
import { concat, einsum, noGrad, Random, reshape, Scope, type Tensor, tensor } from '../tensor/index.js';
import { bytesPerRun, defaultMemory, type Progress } from './batches.js';
import { readValues } from './read-values.js';

/** What every head attends to on a prompt: `[layers, heads, t, s]`, row-major; each row t sums to 1 over s <= t. */
export interface HeadPatterns {
  readonly layers: number;
  readonly heads: number;
  readonly length: number;
  readonly patterns: Float64Array;
}

/**
 * The attention pattern of every head on a prompt.
 * @throws InputError for a prompt that the model cannot read.
 */
export async function attentionPatterns(model: Transformer, tokens: readonly number[]): Promise<HeadPatterns> {
  const { layers, heads } = model.config;
  const length = tokens.length;
  const patterns = new Float64Array(layers * heads * length * length);
  const state = new Scope();
  try {
    const sites = Array.from({ length: layers }, (_, l) => `blocks.${l}.attn.pattern`);
    const run = state.run(() => noGrad(() => model.run([tokens], { sites })));
    for (const [l, site] of sites.entries()) patterns.set(await run.site(site).data(), l * heads * length * length);
    return { layers, heads, length, patterns };
  } finally {
    state.dispose();
  }
}

export const headScoreNames = ['induction', 'previous-token', 'duplicate-token', 'first-token'] as const;
export type HeadScoreName = (typeof headScoreNames)[number];

/** Scores of heads in 0..1; a score is NaN where no position has what it looks for. */
export interface HeadScores {
  readonly layers: number;
  readonly heads: number;
  /** `[layers, heads]`, row-major, for each score. */
  readonly scores: Readonly<Record<HeadScoreName, Float64Array>>;
  /** What a head that attends to all positions alike would get. */
  readonly uniform: Readonly<Record<HeadScoreName, number>>;
}

/** Whether a head that attends from t to s does what a score looks for. */
const wanted: Record<HeadScoreName, (tokens: readonly number[], t: number, s: number) => boolean> = {
  induction: (tokens, t, s) => s > 0 && tokens[s - 1] === tokens[t],
  'previous-token': (_, t, s) => s === t - 1,
  'duplicate-token': (tokens, t, s) => s < t && tokens[s] === tokens[t],
  'first-token': (_, t, s) => t > 0 && s === 0,
};

/**
 * How much each head is an induction, previous-token or duplicate-token head (Olsson et al. 2022, "In-context Learning and
 * Induction Heads"; Wang et al. 2022; the detector patterns and the repeated random tokens of TransformerLens), or rests on
 * the first token:
 *
 *     score(head) = mean over t that have a target of  sum over targets s of pattern(t, s)
 *
 * where the targets of t are the tokens after earlier occurrences of token t (induction), t - 1 (previous), the earlier
 * occurrences (duplicate), and 0 (first). Random tokens said twice (`repeatedRandomTokens`) part these from other habits.
 *
 * @throws InputError for sequences that the model cannot read.
 */
export async function headScores(
  model: Transformer,
  sequences: readonly (readonly number[])[],
  options: Progress & { memory?: number } = {},
): Promise<HeadScores> {
  const { config } = model;
  const { layers, heads } = config;
  const sums = new Float64Array(layers * heads * headScoreNames.length);
  const rows = headScoreNames.map(() => 0);
  const even = headScoreNames.map(() => 0);
  const longest = Math.max(...sequences.map((tokens) => tokens.length));
  const atOnce = Math.max(1, Math.floor((options.memory ?? defaultMemory) / bytesPerRun(config, longest)));
  for (let first = 0; first < sequences.length; first += atOnce) {
    options.signal?.throwIfAborted();
    const part = sequences.slice(first, first + atOnce);
    const targets = targetsOf(part);
    targets.rows.forEach((count, i) => {
      rows[i] += count;
      even[i] += targets.even[i];
    });
    const values = await readValues(() => attended(model, part, targets.mask));
    values.forEach((value, i) => {
      sums[i] += value;
    });
    options.onProgress?.({ done: first + part.length, total: sequences.length, unit: 'sequences' });
  }
  const scores = {} as Record<HeadScoreName, Float64Array>;
  const uniform = {} as Record<HeadScoreName, number>;
  headScoreNames.forEach((name, i) => {
    scores[name] = Float64Array.from({ length: layers * heads }, (_, h) => {
      const [layer, head] = [Math.floor(h / heads), h % heads];
      return sums[(layer * headScoreNames.length + i) * heads + head] / rows[i];
    });
    uniform[name] = even[i] / rows[i];
  });
  return { layers, heads, scores, uniform };
}

/** Attention that falls on targets, `[layers, scores, heads]`, summed over sequences and positions. */
function attended(model: Transformer, part: readonly (readonly number[])[], targets: Float32Array): Tensor {
  const length = Math.max(...part.map((tokens) => tokens.length));
  const { layers } = model.config;
  const mask = tensor(targets, [headScoreNames.length, part.length, length, length]);
  const sites = Array.from({ length: layers }, (_, l) => `blocks.${l}.attn.pattern`);
  const run = model.run(part, { sites });
  const byLayer = sites.map((site) => {
    const found = einsum('kbts,bhts->kh', mask, run.site(site));
    return reshape(found, [1, ...found.shape]);
  });
  return concat(byLayer, 0);
}

/** By score: which (t, s) are targets, `[scores, sequences, t, s]`, how many t have one, and what even attention gives them. */
function targetsOf(part: readonly (readonly number[])[]): { mask: Float32Array; rows: number[]; even: number[] } {
  const length = Math.max(...part.map((tokens) => tokens.length));
  const mask = new Float32Array(headScoreNames.length * part.length * length * length);
  const rows = headScoreNames.map(() => 0);
  const even = headScoreNames.map(() => 0);
  headScoreNames.forEach((name, i) => {
    part.forEach((tokens, b) => {
      for (let t = 0; t < tokens.length; t++) {
        let found = 0;
        for (let s = 0; s <= t; s++) {
          if (!wanted[name](tokens, t, s)) continue;
          mask[((i * part.length + b) * length + t) * length + s] = 1;
          found++;
        }
        if (found === 0) continue;
        rows[i]++;
        even[i] += found / (t + 1);
      }
    });
  });
  return { mask, rows, even };
}

export interface RepeatedTokensOptions {
  /** Tokens before they are said again; at most 50 unless given, and as many as context and vocabulary allow. */
  length?: number;
  sequences?: number;
  seed?: number;
  /** Token to begin with: the model's own unless given, `null` for none. */
  bos?: number | null;
}

/**
 * Sequences of different random tokens said twice after the token that begins a text. Special tokens are not drawn.
 * @throws InputError where length, or the context or vocabulary of the model, leave no room for two tokens said twice.
 */
export function repeatedRandomTokens(
  config: Pick<TransformerConfig, 'context' | 'vocabulary' | 'bos' | 'eos'>,
  options: RepeatedTokensOptions = {},
): number[][] {
  const { sequences = 8, seed = 0, bos = config.bos ?? null } = options;
  const start = bos === null ? [] : [bos];
  const pool = Array.from({ length: config.vocabulary }, (_, id) => id).filter(
    (id) => id !== bos && id !== config.bos && id !== config.eos,
  );
  const most = Math.min(pool.length, Math.floor((config.context - start.length) / 2));
  const length = options.length ?? Math.min(50, most);
  if (!(Number.isInteger(length) && length >= 2 && length <= most)) {
    throw new InputError(
      most < 2
        ? `The model's context of ${config.context} and vocabulary of ${config.vocabulary} leave no room for repeated tokens.`
        : `Repeated tokens must be from 2 to ${most} (context and vocabulary allow no more), not ${length}.`,
    );
  }
  const random = new Random(seed).fork('repeated tokens');
  return Array.from({ length: sequences }, () => {
    const said = random.shuffle(pool).slice(0, length);
    return [...start, ...said, ...said];
  });
}
