import type { Random } from '../tensor/index.js';
import { checkSizes, type DecoyOptions, decoysOf, type Planted, type PlantedWeights, plant } from './planted.js';
import type { Pair } from './task.js';

export interface PlantedTwoHopOptions extends DecoyOptions {
  /** States, each of which has one capital. */
  states?: number;
  /** Cities in each state. */
  cities?: number;
  /** Tokens in a prompt; the last one is a city. */
  length?: number;
  /** Tokens that are neither city nor capital. */
  fillers?: number;
}

/** A planted two-hop model, with the features of its MLPs that do the task. */
export interface PlantedTwoHop extends Planted {
  /** The rows of the two tables as hidden features of their MLPs; a pair needs the one or two rows of its own prompts. */
  readonly features: Readonly<Record<'m0' | 'm1', readonly number[]>>;
  /** The state of a city. */
  stateOf(city: number): number;
}

/** Logits by which a row of the second table raises its capital. */
const copy = 4;

/**
 * Two hops through tables of facts, in two layers without norms or biases: after a city the answer is the capital of its state. The
 * tokens are cities, capitals and fillers; the stream has the blocks tok | state | out.
 *
 *     m0   a hidden feature for each city, relu(tok = city), which writes its state
 *     m1   a hidden feature for each state, relu(state), which writes 4 times its capital into out
 *
 * The unembedding reads `out`. Decoys follow: heads in each layer (without decoys, one that does nothing), and as many hidden
 * features beside each table (the second table is the shorter one, so its MLP has further features that do nothing). The two prompts of a pair differ in the city alone, and
 * the cities lie in different states.
 *
 * @throws InputError for sizes that are not whole numbers or too small
 */
export function plantedTwoHop(options: PlantedTwoHopOptions = {}): PlantedTwoHop {
  const { states = 6, cities: perState = 2, length = 5, fillers = 6 } = options;
  checkSizes([
    ['states', states, 2],
    ['cities', perState, 1],
    ['length', length, 1],
    ['fillers', fillers, 1],
  ]);
  const decoys = decoysOf(options, 0.1);
  const cities = states * perState;
  const v = cities + states + fillers;
  const stateOf = (city: number): number => Math.floor(city / perState);
  const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const planted = plant({
    name: 'two-hop',
    config: {
      layers: 2,
      heads: Math.max(1, decoys.decoys),
      width: 2 * v + states,
      headWidth: v,
      mlpWidth: cities + decoys.decoys,
      vocabulary: v,
      context: length,
    },
    truth: ['input->m0', 'm0->m1', 'm1->logits'],
    decoys,
    real: () => ({ heads: 0, features: cities }),
    write: (weights) => writeTables(weights, v, cities, states, stateOf),
    draw: (random) => drawPair(random, { cities, states, fillers, length }, stateOf),
  });
  return { ...planted, stateOf, features: { m0: range(cities), m1: range(states) } };
}

function writeTables(
  weights: PlantedWeights,
  v: number,
  cities: number,
  states: number,
  stateOf: (city: number) => number,
): void {
  const [tok, state, out] = [0, v, v + states];
  weights.identity('embed.weight', 0, tok, 1, v);
  weights.identity('unembed.weight', 0, out, 1, v);
  weights.identity('blocks.0.mlp.in.weight', 0, tok, 1, cities);
  for (let city = 0; city < cities; city++) weights.set('blocks.0.mlp.out.weight', state + stateOf(city), city, 1);
  weights.identity('blocks.1.mlp.in.weight', 0, state, 1, states);
  weights.identity('blocks.1.mlp.out.weight', out + cities, 0, copy, states);
}

function drawPair(
  random: Random,
  { cities, states, fillers, length }: { cities: number; states: number; fillers: number; length: number },
  stateOf: (city: number) => number,
): Pair {
  const front = Array.from({ length: length - 1 }, () => cities + states + random.integer(fillers));
  for (;;) {
    const [city, other] = [random.integer(cities), random.integer(cities)];
    if (stateOf(city) === stateOf(other)) continue;
    return {
      clean: [...front, city],
      corrupt: [...front, other],
      answers: [cities + stateOf(city)],
      wrongs: [cities + stateOf(other)],
    };
  }
}
