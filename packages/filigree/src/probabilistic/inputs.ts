import { InputError } from '../errors.js';
import type { Random } from '../tensor/index.js';
import { plainExp, plainLog, plainLog1p } from './plain-math.js';

/**
 * A unit that looks at one variable; `variable` counts from 0.
 * - `categorical`: `logProbabilities[v]` is the natural logarithm of the weight of value v. Bernoulli is the case of two values.
 * - `indicator`: 1 where the variable is `value`, 0 elsewhere.
 * - `binomial`: number of successes in `trials`, each with chance `probability`.
 * - `gaussian`: density with `mean` and standard `deviation`.
 * - `logistic`: a logistic distribution with `mean` and `scale`, in units of values, cut into the values of the variable: value v
 *   has the mass from v - 1/2 to v + 1/2, the first and last also the tails.
 * - `constant`: looks at nothing; its value is exp(`log`).
 */
export type InputUnit =
  | { readonly kind: 'categorical'; readonly variable: number; readonly logProbabilities: Float64Array }
  | { readonly kind: 'indicator'; readonly variable: number; readonly value: number }
  | { readonly kind: 'binomial'; readonly variable: number; readonly trials: number; readonly probability: number }
  | { readonly kind: 'gaussian'; readonly variable: number; readonly mean: number; readonly deviation: number }
  | { readonly kind: 'logistic'; readonly variable: number; readonly mean: number; readonly scale: number }
  | { readonly kind: 'constant'; readonly log: number };

/** An input of a finite variable whose values have these weights, which need not sum to one. */
export function categorical(variable: number, probabilities: readonly number[]): InputUnit {
  if (probabilities.length === 0 || !probabilities.every((p) => p >= 0 && p < Number.POSITIVE_INFINITY)) {
    throw new InputError(`the probabilities of variable ${variable + 1} must be numbers that are not negative`);
  }
  return { kind: 'categorical', variable, logProbabilities: Float64Array.from(probabilities, plainLog) };
}

/** An input of a two-valued variable that is 1 with this probability. */
export const bernoulli = (variable: number, probability: number): InputUnit =>
  categorical(variable, [1 - probability, probability]);

/** An input that is the chance of its variable to be the number of successes in `trials`; the variable has trials + 1 values. */
export const binomial = (variable: number, trials: number, probability: number): InputUnit => ({
  kind: 'binomial',
  variable,
  trials,
  probability,
});

/** The density of a real variable. */
export const gaussian = (variable: number, mean: number, deviation: number): InputUnit => ({
  kind: 'gaussian',
  variable,
  mean,
  deviation,
});

/** A logistic distribution cut into the variable's values, as pixels have them. */
export const logistic = (variable: number, mean: number, scale: number): InputUnit => ({
  kind: 'logistic',
  variable,
  mean,
  scale,
});

export const indicator = (variable: number, value: number): InputUnit => ({ kind: 'indicator', variable, value });

/** The least and greatest number of values that the input's variable may have; 0 is a real variable. Checks the parameters. */
export function inputStates(unit: Exclude<InputUnit, { kind: 'constant' }>): [least: number, greatest: number] {
  const bad = (what: string): never => {
    throw new InputError(`the ${unit.kind} input of variable ${unit.variable + 1} needs ${what}`);
  };
  switch (unit.kind) {
    case 'categorical':
      if (unit.logProbabilities.some((p) => !(p < Number.POSITIVE_INFINITY))) bad('logarithms that are numbers');
      return [unit.logProbabilities.length, unit.logProbabilities.length];
    case 'indicator':
      if (!(Number.isInteger(unit.value) && unit.value >= 0)) bad('a value that is a whole number from 0');
      return [unit.value + 1, Number.POSITIVE_INFINITY];
    case 'binomial':
      if (!(Number.isInteger(unit.trials) && unit.trials >= 1)) bad('at least one trial');
      if (!(unit.probability >= 0 && unit.probability <= 1)) bad('a probability from 0 to 1');
      return [unit.trials + 1, unit.trials + 1];
    case 'gaussian':
      if (!(Number.isFinite(unit.mean) && unit.deviation > 0 && Number.isFinite(unit.deviation))) {
        bad('a mean and a deviation above 0');
      }
      return [0, 0];
    case 'logistic':
      if (!(Number.isFinite(unit.mean) && unit.scale > 0 && Number.isFinite(unit.scale))) {
        bad('a mean and a scale above 0');
      }
      return [1, Number.POSITIVE_INFINITY];
  }
}

/**
 * `[states]` natural logarithms of an input's value at each value of its variable, the same bits on every machine. Not for gaussian
 * and constant inputs.
 */
export function inputTable(unit: InputUnit, states: number): Float64Array {
  switch (unit.kind) {
    case 'categorical':
      return unit.logProbabilities;
    case 'indicator':
      return Float64Array.from({ length: states }, (_, v) => (v === unit.value ? 0 : Number.NEGATIVE_INFINITY));
    case 'binomial':
      return binomialTable(unit.trials, unit.probability);
    case 'logistic':
      return logisticTable(unit.mean, unit.scale, states);
    default:
      throw new InputError(`a ${unit.kind} input has no table of values`);
  }
}

function binomialTable(trials: number, probability: number): Float64Array {
  const table = new Float64Array(trials + 1);
  let logChoose = 0;
  for (let v = 0; v <= trials; v++) {
    if (v > 0) logChoose += plainLog((trials - v + 1) / v);
    // 0 · log 0 is 0.
    const hits = v === 0 ? 0 : v * plainLog(probability);
    const misses = v === trials ? 0 : (trials - v) * plainLog1p(-probability);
    table[v] = logChoose + hits + misses;
  }
  return table;
}

function logisticTable(mean: number, scale: number, states: number): Float64Array {
  const table = new Float64Array(states);
  for (let v = 0; v < states; v++) {
    const low = v === 0 ? Number.NEGATIVE_INFINITY : (v - 0.5 - mean) / scale;
    const high = v === states - 1 ? Number.POSITIVE_INFINITY : (v + 0.5 - mean) / scale;
    // sigma(high) - sigma(low) = sigma(high) sigma(-low) (1 - exp(low - high)), which keeps its digits in both tails.
    table[v] = logSigmoid(high) + logSigmoid(-low) + plainLog1p(-plainExp(low - high));
    if (states === 1) table[v] = 0;
  }
  return table;
}

const logSigmoid = (x: number): number => (x >= 0 ? -plainLog1p(plainExp(-x)) : x - plainLog1p(plainExp(x)));

/** Natural logarithm of the Gaussian density. */
export function gaussianLog(x: number, mean: number, deviation: number): number {
  const z = (x - mean) / deviation;
  return -0.5 * (z * z + Math.log(2 * Math.PI)) - Math.log(deviation);
}

/** log Σ exp of some numbers; -∞ for none. */
export function logSumExp(values: ArrayLike<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i]);
  if (most === Number.NEGATIVE_INFINITY) return most;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i] - most);
  return most + Math.log(sum);
}

/** Entropy in nats of the distribution that is proportional to the exponentials of `logs`. */
export function tableEntropy(logs: ArrayLike<number>): number {
  const mass = logSumExp(logs);
  let entropy = 0;
  for (let v = 0; v < logs.length; v++) {
    const log = logs[v] - mass;
    if (log > Number.NEGATIVE_INFINITY) entropy -= Math.exp(log) * log;
  }
  return entropy;
}

/** Draws an index with chance proportional to exp(logs[i]); at least one must be above -∞. */
export function drawLog(logs: ArrayLike<number>, random: Random): number {
  let left = random.uniform();
  const mass = logSumExp(logs);
  let last = -1;
  for (let i = 0; i < logs.length; i++) {
    const share = Math.exp(logs[i] - mass);
    if (share === 0) continue;
    last = i;
    left -= share;
    if (left < 0) return i;
  }
  return last;
}
