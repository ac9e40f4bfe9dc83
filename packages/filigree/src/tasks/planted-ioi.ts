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

export interface PlantedIoiOptions extends DecoyOptions {
  /** Logit by which an attention score of a match exceeds one of no match. */
  beta?: number;
  /** Number of names. */
  names?: number;
  /** Number of places, and of objects. */
  things?: number;
}

/** Tokens of the frame "<start> Then A and B went PLACE ; B gave OBJECT to"; names, places and objects follow. */
const [start, then, and, went, pause, gave, to] = [0, 1, 2, 3, 4, 5, 6];
const firstName = 7;
/** Tokens in a prompt. */
const length = 12;
/** Logits by which the name mover raises what it copies. */
const copy = 4;

/**
 * The circuit of indirect object identification (Wang et al. 2023, "Interpretability in the Wild") in three attention-only layers
 * without norms or biases: in "Then A and B went PLACE ; B gave OBJECT to" the answer is the name that came once. The stream has
 * the blocks tok | pos | dup | inh | out.
 *
 *     a0.h0   duplicate token   a match of the same token at another place scores beta, the start of the text beta / 2;
 *                               writes 1 into dup where it finds a match
 *     a1.h0   S-inhibition      from `to`, a token marked dup scores beta, the start beta / 2; copies the token into inh
 *     a2.h0   name mover        from `to`, a name scores beta, less beta if it stands in inh; copies it, times 4, into out
 *
 * and the unembedding reads `out`. Decoys follow in each layer. In the corrupted prompt the second B is a third name, so that
 * none is repeated and the three names are equally likely. What is the same in both prompts carries no truth: that a key or a
 * value is a token, or that the end asks. `pairs` have the two names in either order.
 *
 * @throws InputError for sizes that are not whole numbers or too small
 */
export function plantedIoi(options: PlantedIoiOptions = {}): Planted {
  const { beta = 12, names = 8, things = 4 } = options;
  checkSizes([
    ['names', names, 3],
    ['things', things, 1],
  ]);
  checkPositive({ beta });
  const decoys = decoysOf(options, 0.1);
  const v = firstName + names + 2 * things;
  const headWidth = v + length + 1;
  return plant({
    name: 'ioi',
    config: {
      layers: 3,
      heads: 1 + decoys.decoys,
      width: 3 * v + length + 1,
      headWidth,
      mlpWidth: 0,
      vocabulary: v,
      context: length,
    },
    truth: [
      'input->a0.h0<q>',
      'a0.h0->a1.h0<k>',
      'input->a1.h0<v>',
      'a1.h0->a2.h0<q>',
      'input->a2.h0<k>',
      'a2.h0->logits',
    ],
    decoys,
    real: () => ({ heads: 1, features: 0 }),
    write: (weights) => writeIoi(weights, v, names, headWidth, beta),
    draw: (random) => drawPair(random, names, things),
  });
}

function writeIoi(weights: PlantedWeights, v: number, names: number, headWidth: number, beta: number): void {
  const [tok, pos, dup, inh, out] = [0, v, v + length, v + length + 1, 2 * v + length + 1];
  weights.identity('embed.weight', 0, tok, 1, v);
  weights.identity('position.weight', 0, pos, 1, length);
  weights.identity('unembed.weight', 0, out, 1, v);
  const c = Math.sqrt(beta * Math.sqrt(headWidth));
  const at = (layer: number, which: string): string => `blocks.${layer}.attn.${which}.weight`;

  // A token matches itself, but loses twice as much where the position is its own.
  weights.identity(at(0, 'q'), 0, tok, c, v);
  weights.identity(at(0, 'k'), 0, tok, c, v);
  weights.identity(at(0, 'q'), v, pos, -2 * c, length);
  weights.identity(at(0, 'k'), v, pos, c, length);
  const sink = v + length;
  for (let t = 0; t < length; t++) weights.set(at(0, 'q'), sink, pos + t, c);
  weights.set(at(0, 'k'), sink, tok + start, c / 2);
  for (let token = 0; token < v; token++) if (token !== start) weights.set(at(0, 'v'), 0, tok + token, 1);
  weights.set(at(0, 'out'), dup, 0, 1);

  weights.set(at(1, 'q'), 0, tok + to, c);
  weights.set(at(1, 'k'), 0, dup, c);
  weights.set(at(1, 'k'), 0, tok + start, c / 2);
  // The start of the text, which holds the attention where nothing is repeated, is not copied.
  weights.identity(at(1, 'v'), 1, tok + 1, 1, v - 1);
  weights.identity(at(1, 'out'), inh, 0, 1, v);

  weights.set(at(2, 'q'), v, tok + to, c);
  for (let name = 0; name < names; name++) weights.set(at(2, 'k'), v, tok + firstName + name, c);
  weights.identity(at(2, 'q'), 0, inh, -c, v);
  weights.identity(at(2, 'k'), 0, tok, c, v);
  weights.identity(at(2, 'v'), 0, tok, 1, v);
  weights.identity(at(2, 'out'), out, 0, copy, v);
}

function drawPair(random: Random, names: number, things: number): Pair {
  const people = random.shuffle(Array.from({ length: names }, (_, i) => firstName + i));
  const [object, subject, third] = people;
  const place = firstName + names + random.integer(things);
  const gift = firstName + names + things + random.integer(things);
  const [a, b] = random.shuffle([object, subject]);
  const prompt = (giver: number): number[] => [start, then, a, and, b, went, place, pause, giver, gave, gift, to];
  return { clean: prompt(subject), corrupt: prompt(third), answers: [object], wrongs: [subject] };
}
