import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';

export interface GrowOptions {
  /** Standard deviation of the noise that tells copies apart. */
  readonly deviation?: number;
  readonly seed?: number;
}

/** Noise is cut off here, so that no weight turns negative or dies. */
const leastNoise = 0.1;

/**
 * Doubles every latent space: each unit n but the root gets a copy n', and a sum over children c becomes two sums over all c and c', with
 * weights `[[W ε1, W ε2], [W ε3, W ε4]]`, ε ~ N(1, σ²) cut off at 0.1, normalised (four times as many edges). With σ = 0 the function stays
 * as it is. Products and inputs are copied. What was tied stays so: the copies of a group are
 * two groups, each with noise of its own. Dang, Liu and Van den Broeck, NeurIPS 2022.
 */
export function grow(circuit: ProbabilisticCircuit, options: GrowOptions = {}): ProbabilisticCircuit {
  const { deviation = 0.3, seed = 0 } = options;
  if (!(deviation >= 0)) throw new InputError('the deviation of the noise must not be negative');
  const { kind, first, child, logWeight, inputs, inputOf, states, tied } = circuit;
  const random = new Random(seed);
  const build = new CircuitBuilder(Array.from(states));
  const root = unitCount(circuit) - 1;
  const place: [number, number][] = [];
  const noisy = (logs: Float64Array): number[] => {
    const twice = [...logs, ...logs].map(
      (log) => Math.exp(log) * Math.max(leastNoise, 1 + deviation * random.normal()),
    );
    const [before, after] = [[...logs].reduce((sum, log) => sum + Math.exp(log), 0), twice.reduce((a, b) => a + b, 0)];
    return twice.map((w) => (after > 0 ? Math.log((w / after) * before) : Number.NEGATIVE_INFINITY));
  };
  /** By group of tied sums: its noisy weights. */
  const shared = new Map<number, number[]>();
  const copyOf = (group: number | undefined, copy: 0 | 1): number =>
    group === undefined || group < 0 ? -1 : 2 * group + copy;
  const weightsOf = (unit: number, group: number): number[] => {
    const known = shared.get(group);
    if (known) return known;
    const weights = noisy(logWeight.subarray(first[unit], first[unit + 1]));
    if (group >= 0) shared.set(group, weights);
    return weights;
  };
  for (let unit = 0; unit <= root; unit++) {
    const children = Array.from(child.subarray(first[unit], first[unit + 1]), (c) => place[c]);
    const make = (copy: 0 | 1): number => {
      if (kind[unit] === inputKind) {
        const input = inputOf[unit];
        return build.tie(build.input(inputs[input]), copyOf(tied?.inputs[input], copy));
      }
      if (kind[unit] === productKind) return build.product(children.map((both) => both[copy]));
      const both = [...children.map(([c]) => c), ...children.map(([, c]) => c)];
      const group = copyOf(tied?.sums[unit], copy);
      return build.tie(build.logSum(both, weightsOf(unit, group)), group);
    };
    const own = make(0);
    place.push([own, unit === root ? own : make(1)]);
  }
  return build.finish(place[root][0]);
}
