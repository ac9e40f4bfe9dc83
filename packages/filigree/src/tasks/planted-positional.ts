import { InputError } from '../errors.js';
import type { Random } from '../tensor/index.js';
import {
  checkPositive,
  checkSizes,
  type DecoyOptions,
  decoysOf,
  type Planted,
  type PlantedWeights,
  plant,
} from './planted.js';
import type { Pair } from './task.js';

export interface PlantedPositionalOptions extends DecoyOptions {
  /** Logit by which an attention score of a match exceeds one of no match. */
  beta?: number;
  /** Attention that goes to the wrong position, below one half. */
  astray?: number;
  /** Number of tokens. */
  vocabulary?: number;
  /** Tokens in a prompt; fewer than `vocabulary`. */
  length?: number;
}

/** The parts of a prompt, in order; they tile it, and the middle ones may be empty. */
export const spanNames = ['before', 'asked', 'next', 'between', 'rival', 'end'] as const;
export type SpanName = (typeof spanNames)[number];

/** A pair whose two prompts have their parts at the same places: from the first position of each part to the one behind it. */
export interface SpannedPair extends Pair {
  readonly spans: Readonly<Record<SpanName, readonly [from: number, to: number]>>;
}

/** A planted model whose circuit is known part by part of the prompt. */
export interface PlantedPositional extends Planted<SpannedPair> {
  /** True edges with the part where their reader takes them in: "a0.h1->a1.h0<v>@next". */
  readonly helpful: ReadonlySet<string>;
  /** Edges that carry the behaviour's opposite in these parts; the model is better without them there. */
  readonly harmful: ReadonlySet<string>;
  /** What true heads carry from part to part: "a0.h0: asked->next". */
  readonly moves: ReadonlySet<string>;
}

/** Logits by which the induction head raises what it copies. */
const copy = 4;

/**
 * An induction circuit whose values come through a head that is used at one position and does harm at another, in two attention-only
 * layers without norms or biases. A prompt is
 *
 *     ... asked next ... rival end
 *
 * with `end` the token of `asked` again. The answer is the token of `next`. The stream has the blocks tok | pos | prev | val | out.
 *
 *     a0.h0   previous token: as in `plantedInduction`, tok into prev
 *     a0.h1   positional: each position attends to itself; copies tok into val
 *     a1.h0   induction: matches tok against prev with beta, and from the end also the last position of the row, `rival`, whatever is
 *             there, so that it gets the share `astray` of the attention; copies val, times 4, into out
 *
 * The rival's token is the wrong answer. The corrupted prompt is another row, asked at the same place, whose answer is the clean
 * rival and whose rival is the clean answer; neither row has the other's asked token. Attention being saturated, the metric is
 * 4 (1 - 2 astray); giving the positional head its corrupted value at `next` alone changes it by -8 (1 - astray), at `rival` alone by
 * +8 astray, and everywhere by the sum of the two: who looks at edges without positions sees little of either.
 *
 * @throws InputError for sizes that are not whole numbers or leave no room for a prompt, and for `astray` that is not in 0 .. 1/2
 */
export function plantedPositional(options: PlantedPositionalOptions = {}): PlantedPositional {
  const { beta = 12, astray = 0.4, vocabulary: v = 16, length = 10 } = options;
  const decoys = decoysOf(options, 0.02);
  checkSizes([
    ['vocabulary', v, 7],
    ['length', length, 6],
  ]);
  if (length >= v) {
    throw new InputError(`A prompt of ${length} tokens needs a larger vocabulary here, not of ${v}.`);
  }
  checkPositive({ beta, astray });
  if (astray >= 0.5) throw new InputError(`astray must be below 1/2, not ${astray}: the model would be wrong.`);
  const planted = plant<SpannedPair>({
    name: 'positional',
    config: {
      layers: 2,
      heads: 2 + decoys.decoys,
      width: 5 * v,
      headWidth: v + 1,
      mlpWidth: 0,
      vocabulary: v,
      context: length,
    },
    truth: [
      'input->a0.h0<v>',
      'input->a0.h1<v>',
      'a0.h0->a1.h0<k>',
      'a0.h1->a1.h0<v>',
      'input->a1.h0<q>',
      'a1.h0->logits',
    ],
    decoys,
    real: (layer) => ({ heads: layer === 0 ? 2 : 1, features: 0 }),
    write: (weights) => writePositional(weights, v, length, beta, astray),
    draw: (random) => drawPair(random, v, length),
  });
  return {
    ...planted,
    helpful: new Set([
      'input->a0.h0<v>@asked',
      'a0.h0->a1.h0<k>@next',
      'input->a0.h1<v>@next',
      'a0.h1->a1.h0<v>@next',
      'input->a1.h0<q>@end',
      'a1.h0->logits@end',
    ]),
    harmful: new Set(['input->a0.h1<v>@rival', 'a0.h1->a1.h0<v>@rival']),
    moves: new Set([
      'a0.h0: asked->next',
      'a0.h1: next->next',
      'a0.h1: rival->rival',
      'a1.h0: next->end',
      'a1.h0: rival->end',
    ]),
  };
}

function writePositional(weights: PlantedWeights, v: number, length: number, beta: number, astray: number): void {
  const [tok, pos, prev, val, out] = [0, v, 2 * v, 3 * v, 4 * v];
  const width = v + 1;
  const c = Math.sqrt(beta * Math.sqrt(width));
  weights.identity('embed.weight', 0, tok, 1, v);
  weights.identity('position.weight', 0, pos, 1, length);
  weights.identity('unembed.weight', 0, out, 1, v);
  weights.identity('blocks.0.attn.q.weight', 0, pos + 1, c, v - 1);
  weights.identity('blocks.0.attn.k.weight', 0, pos, c, v);
  weights.identity('blocks.0.attn.v.weight', 0, tok, 1, v);
  weights.identity('blocks.0.attn.out.weight', prev, 0, 1, v);
  weights.identity('blocks.0.attn.q.weight', width, pos, c, v);
  weights.identity('blocks.0.attn.k.weight', width, pos, c, v);
  weights.identity('blocks.0.attn.v.weight', width, tok, 1, v);
  weights.identity('blocks.0.attn.out.weight', val, width, 1, v);
  weights.identity('blocks.1.attn.q.weight', 0, tok, c, v);
  weights.identity('blocks.1.attn.k.weight', 0, prev, c, v);
  // The rival scores so much above a match that the two share the attention as astray : 1 - astray.
  weights.set('blocks.1.attn.q.weight', v, pos + length - 1, c);
  weights.set('blocks.1.attn.k.weight', v, pos + length - 2, c * (1 + Math.log(astray / (1 - astray)) / beta));
  weights.identity('blocks.1.attn.v.weight', 0, val, 1, v);
  weights.identity('blocks.1.attn.out.weight', out, 0, copy, v);
}

function drawPair(random: Random, vocabulary: number, length: number): SpannedPair {
  // The first token is never asked: position 0 has none before it, and would count as its own successor.
  const asked = 1 + random.integer(length - 4);
  const [question, other, answer, rival, ...rest] = random.shuffle(Array.from({ length: vocabulary }, (_, i) => i));
  const row = (ask: number, next: number, last: number): number[] => {
    const fill = random.shuffle(rest).values();
    const tokens = Array.from({ length }, (_, t) => {
      if (t === asked || t === length - 1) return ask;
      if (t === asked + 1) return next;
      return t === length - 2 ? last : (fill.next().value as number);
    });
    return tokens;
  };
  return {
    clean: row(question, answer, rival),
    corrupt: row(other, rival, answer),
    answers: [answer],
    wrongs: [rival],
    spans: {
      before: [0, asked],
      asked: [asked, asked + 1],
      next: [asked + 1, asked + 2],
      between: [asked + 2, length - 2],
      rival: [length - 2, length - 1],
      end: [length - 1, length],
    },
  };
}
