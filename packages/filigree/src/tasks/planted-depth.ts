import type { Random } from '../tensor/index.js';
import { checkSizes, type DecoyOptions, decoysOf, type Planted, type PlantedWeights, plant } from './planted.js';
import type { Pair } from './task.js';

export interface PlantedDepthOptions extends DecoyOptions {
  /** Tokens in a prompt. */
  length?: number;
  /** Tokens that are no bracket. */
  fillers?: number;
}

/** Tokens: the brackets, the two answers (the closing bracket alone is also a token of prompts), and fillers after them. */
const [open, close, closeBoth] = [0, 1, 2];
const firstFiller = 3;
/** Logits by which the threshold feature raises `]]`; the answer `]` always has half of that. */
const copy = 4;

/**
 * A circuit that closes brackets, in two layers without norms or biases: after a prompt that is one bracket deep the answer is
 * `]`, after one that is two deep `]]`. The stream has the blocks tok | depth | one | out, `one` being 1 everywhere.
 *
 *     a0.h0   attends evenly; its value is +1 at `[` and -1 at `]`; writes `length` times the mean, the depth at the last
 *             position, into depth
 *     m1      its first hidden feature, relu(2 depth - 3), is 1 at depth two and 0 at depth one; writes 4 times it for `]]`
 *
 * The unembedding reads `out`, and gives `]` 2 from `one`. Decoys follow: heads, and as many hidden features, in each layer (the
 * first head of layer 1 and the first feature of layer 0 do nothing). The two prompts of a pair differ in one token, the
 * bracket that makes the depth two; either of them is the clean one.
 *
 * @throws InputError for sizes that are not whole numbers or leave no room for a prompt
 */
export function plantedDepth(options: PlantedDepthOptions = {}): Planted {
  const { length = 10, fillers = 8 } = options;
  checkSizes([
    ['length', length, 4],
    ['fillers', fillers, 1],
  ]);
  const decoys = decoysOf(options, 0.05);
  const v = firstFiller + fillers;
  return plant({
    name: 'depth',
    config: {
      layers: 2,
      heads: 1 + decoys.decoys,
      width: 2 * v + 2,
      headWidth: v,
      mlpWidth: 1 + decoys.decoys,
      vocabulary: v,
      context: length,
    },
    truth: ['input->a0.h0<v>', 'a0.h0->m1', 'm1->logits'],
    decoys,
    real: () => ({ heads: 1, features: 1 }),
    write: (weights) => writeDepth(weights, v, length),
    draw: (random) => drawPair(random, length, fillers),
  });
}

function writeDepth(weights: PlantedWeights, v: number, length: number): void {
  const [tok, depth, one, out] = [0, v, v + 1, v + 2];
  weights.identity('embed.weight', 0, tok, 1, v);
  for (let t = 0; t < length; t++) weights.set('position.weight', t, one, 1);
  weights.identity('unembed.weight', 0, out, 1, v);
  weights.set('unembed.weight', close, one, copy / 2);
  weights.set('blocks.0.attn.v.weight', 0, tok + open, 1);
  weights.set('blocks.0.attn.v.weight', 0, tok + close, -1);
  weights.set('blocks.0.attn.out.weight', depth, 0, length);
  weights.set('blocks.1.mlp.in.weight', 0, depth, 2);
  weights.set('blocks.1.mlp.in.weight', 0, one, -3);
  weights.set('blocks.1.mlp.out.weight', out + closeBoth, 0, copy);
}

function drawPair(random: Random, length: number, fillers: number): Pair {
  const filler = (): number => firstFiller + random.integer(fillers);
  const shallow = Array.from({ length }, filler);
  shallow[0] = open;
  const second = 1 + random.integer(length - 2);
  // Brackets that open and close again before or after the second one, where there is room and the coin says so.
  const [from, to] = random.integer(2) === 0 ? [1, second] : [second + 1, length - 1];
  if (to - from >= 2 && random.integer(2) === 0) {
    const opened = from + random.integer(to - from - 1);
    shallow[opened] = open;
    shallow[opened + 1 + random.integer(to - opened - 1)] = close;
  }
  const deep = shallow.with(second, open);
  return random.integer(2) === 0
    ? { clean: deep, corrupt: shallow, answers: [closeBoth], wrongs: [close] }
    : { clean: shallow, corrupt: deep, answers: [close], wrongs: [closeBoth] };
}
