import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { Regions } from './regions.js';

export interface RatSpnOptions {
  /** Units of each region. */
  readonly latents: number;
  /** How often regions are halved; fewer where variables run out. Default: until a leaf has at most four variables. */
  readonly depth?: number;
  /** Random ways to halve that are mixed at the root. */
  readonly repetitions?: number;
  readonly seed?: number;
}

/**
 * A random tensorised circuit: the variables are halved at random `depth` times, `repetitions` times over, and the root mixes these.
 * Leaves hold factorised inputs. Regions are multiplied unit by unit, not in all pairs. Peharz and others, "Random sum-product
 * networks", UAI 2019.
 * @param states number of values of each variable; none may be real
 */
export function ratSpn(states: ArrayLike<number>, options: RatSpnOptions): ProbabilisticCircuit {
  const { latents, repetitions = 8, seed = 0 } = options;
  const variables = Array.from({ length: states.length }, (_, v) => v);
  const depth = options.depth ?? Math.max(1, Math.ceil(Math.log2(variables.length / 4)));
  if (!(Number.isInteger(depth) && depth >= 1)) throw new InputError('the depth must be at least 1');
  if (!(Number.isInteger(repetitions) && repetitions >= 1)) throw new InputError('repetitions must be at least 1');
  const regions = new Regions(states, latents, seed);
  const random = new Random(seed).fork('halves');
  const halve = (scope: readonly number[], left: number): number[] => {
    if (left === 0 || scope.length === 1) return regions.leaf(scope);
    return regions.sum([split(scope, left)]);
  };
  const split = (scope: readonly number[], left: number): number[] => {
    const order = random.shuffle(scope);
    const middle = Math.ceil(order.length / 2);
    return regions.product([halve(order.slice(0, middle), left - 1), halve(order.slice(middle), left - 1)]);
  };
  if (variables.length === 1) return regions.finish([regions.leaf(variables)]);
  return regions.finish(Array.from({ length: repetitions }, () => split(variables, depth)));
}
