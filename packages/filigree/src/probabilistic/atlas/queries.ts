import { InputError } from '../../errors.js';
import type { ProbabilisticCircuit } from '../circuit.js';
import { algebraic, deterministicIn, isFirst, listed, valueAt } from './algebraic.js';
import { type Expression, logOf, of } from './expression.js';
import { aggregate, condition, type ElementMap, mapElements, type OperatorOptions, weigh } from './operators.js';
import { maxTimes, real, type Semiring } from './semiring.js';

/** x to a real power; 0 stays 0. */
export const power = (exponent: number): ElementMap<number, number> => ({
  name: `x^${exponent}`,
  to: real,
  apply: (x) => (x === 0 ? 0 : x ** exponent),
  multiplicative: true,
  additive: exponent === 1,
});

/** 1 / x; 0 stays 0, since nothing else has a meaning there. */
export const reciprocal: ElementMap<number, number> = { ...power(-1), name: '1/x' };

/** The same number, of which the largest is taken from now on instead of the sum. */
export const asMaximum: ElementMap<number, number> = {
  name: 'sums into maxima',
  to: maxTimes,
  apply: (x) => x,
  multiplicative: true,
};

const except = ({ variables }: ProbabilisticCircuit, some: Iterable<number>): number[] => {
  const left = new Set(some);
  return Array.from({ length: variables }, (_, v) => v).filter((v) => !left.has(v));
};

/** Σ f over all states: the weighted model count of a circuit of logic whose inputs have been weighed. */
export const total = (f: ProbabilisticCircuit): Expression<number> => of(f).sum();

/** max f. Deterministic circuits only. */
export const maximum = (f: ProbabilisticCircuit): Expression<number> => of(f).map(asMaximum).sum();

/** Marginal MAP: max over X of Σ over the others. X-deterministic circuits only. */
export const marginalMaximum = (f: ProbabilisticCircuit, x: Iterable<number>): Expression<number> =>
  of(f).sum(except(f, x)).map(asMaximum).sum();

/** -Σ p log p, of a normalised and deterministic circuit. */
export const entropyOf = (p: ProbabilisticCircuit): Expression<number> => negative(crossed(of(p), of(p)));

/** -Σ p log q on the support of q. q must be deterministic, and compatible with p. */
export const crossEntropy = (p: ProbabilisticCircuit, q: ProbabilisticCircuit): Expression<number> =>
  negative(crossed(of(p), of(q)));

/** Σ p log q. */
const crossed = (p: Expression<number>, q: Expression<number>): Expression<number> => p.times(logOf(q)).sum();

const negative = (value: Expression<number>): Expression<number> => scaled(value, -1);

function scaled(value: Expression<number>, factor: number): Expression<number> {
  return value.apply(`times ${factor}`, (circuit) => ({
    ...circuit,
    units: [...circuit.units, { kind: 'sum', children: [circuit.units.length - 1], weights: [factor] }],
  }));
}

/** KL(p ‖ q) = Σ p log p - Σ p log q, where q is above zero wherever p is. Both deterministic, and compatible. */
export function divergenceOf(p: ProbabilisticCircuit, q: ProbabilisticCircuit, options: OperatorOptions = {}): number {
  return crossed(of(p), of(p)).value(options) - crossed(of(p), of(q)).value(options);
}

/** log Σ p^α / (1 - α): deterministic circuits for any α. */
export function renyiEntropy(p: ProbabilisticCircuit, alpha: number, options: OperatorOptions = {}): number {
  if (alpha === 1) throw new InputError('the Rényi entropy of order 1 is the entropy; ask for that');
  return Math.log(of(p).map(power(alpha)).sum().value(options)) / (1 - alpha);
}

/** log Σ p^α / (1 - α) for a whole α of at least 2, by products of p with itself: structured circuits, deterministic or not. */
export function wholeRenyiEntropy(p: ProbabilisticCircuit, alpha: number): number {
  if (!(Number.isInteger(alpha) && alpha >= 2)) throw new InputError('the order must be a whole number of at least 2');
  let product = of(p);
  for (let k = 1; k < alpha; k++) product = product.times(of(p));
  return Math.log(product.sum().value()) / (1 - alpha);
}

/** Σ p q. Compatible circuits. */
export const overlap = (p: ProbabilisticCircuit, q: ProbabilisticCircuit): Expression<number> =>
  of(p).times(of(q)).sum();

/** Σ (p - q)², by three overlaps. Compatible circuits that are structured. */
export const squaredDistance = (p: ProbabilisticCircuit, q: ProbabilisticCircuit): number =>
  overlap(p, p).value() - 2 * overlap(p, q).value() + overlap(q, q).value();

/** -log(Σ p q / √(Σ p² Σ q²)). */
export const cauchySchwarz = (p: ProbabilisticCircuit, q: ProbabilisticCircuit): number =>
  -Math.log(overlap(p, q).value() / Math.sqrt(overlap(p, p).value() * overlap(q, q).value()));

/**
 * I(X; Y) = H(X) + H(Y) - H(X, Y), in nats, for variables X and Y that are all of them. The circuit and both of its marginals must be
 * deterministic.
 */
export function mutualInformation(p: ProbabilisticCircuit, x: Iterable<number>, options: OperatorOptions = {}): number {
  const [inside, outside] = [[...x], except(p, x)];
  const negated = (q: Expression<number>): number => crossed(q, q).value(options);
  return negated(of(p)) - negated(of(p).sum(outside)) - negated(of(p).sum(inside));
}

/**
 * Two-level counting ⊕_x τ(⊕'_y σ(f) ⊗ ω'(y)) ⊗ ω(x), for a circuit of logic f. f must be deterministic, X-deterministic, and X-first
 * too where τ is not multiplicative.
 * @throws InputError naming the unit that breaks a condition, unless forced
 */
export function twoLevelCount<S, T>(
  f: ProbabilisticCircuit,
  x: Iterable<number>,
  inner: { readonly semiring: Semiring<S>; readonly weights: ReadonlyMap<number, readonly S[]> },
  map: ElementMap<S, T>,
  outer: ReadonlyMap<number, readonly T[]>,
  options: OperatorOptions = {},
): T {
  const variables = new Set(x);
  const logic = algebraic(f);
  const first = isFirst(logic, variables);
  if (!map.multiplicative && !first.holds && !options.force) {
    throw new InputError(`${map.name} needs a circuit that is first in ${listed(variables)}: ${first.why}`);
  }
  const truth: ElementMap<number, S> = {
    name: 'truth',
    to: inner.semiring,
    apply: (value) => (value === 0 ? inner.semiring.zero : inner.semiring.one),
    multiplicative: true,
  };
  const told = weigh(mapElements(logic, truth, options), inner.weights);
  const outside = new Set(except(f, variables));
  const counted = weigh(mapElements(aggregate(told, outside, options), map, options), outer);
  return valueAt(aggregate(counted, variables, options));
}

/**
 * The effect of setting X, by the back door: p(y | do(x)) = Σ_z p(z) p(y | x, z), where Z are given by their variables and X and Y by
 * their values. 1/p(x, z) needs (X ∪ Z)-determinism.
 * @throws InputError naming the unit that breaks a condition, unless forced
 */
export function backdoor(
  p: ProbabilisticCircuit,
  x: ReadonlyMap<number, number>,
  y: ReadonlyMap<number, number>,
  z: readonly number[],
  options: OperatorOptions = {},
): number {
  checkApart(x.keys(), y.keys(), z);
  const whole = of(p).sum(except(p, [...x.keys(), ...y.keys(), ...z]));
  const given = whole.sum(y.keys());
  const fixed = (expression: Expression<number>, values: ReadonlyMap<number, number>) =>
    expression.apply('with values', (circuit) => condition(circuit, values));
  const both = fixed(whole, new Map([...x, ...y]));
  const inverse = fixed(given.map(reciprocal), x);
  return given.sum(x.keys()).times(both).times(inverse).sum(z).value(options);
}

/**
 * The effect of setting X, by the front door: p(y | do(x)) = Σ_m p(m | x) Σ_x' p(y | x', m) p(x'). Needs X-determinism for 1/p(x), and
 * (X ∪ M)-determinism for 1/p(x, m).
 * @throws InputError naming the unit that breaks a condition, unless forced
 */
export function frontdoor(
  p: ProbabilisticCircuit,
  x: ReadonlyMap<number, number>,
  y: ReadonlyMap<number, number>,
  m: readonly number[],
  options: OperatorOptions = {},
): number {
  checkApart(x.keys(), y.keys(), m);
  const whole = of(p).sum(except(p, [...x.keys(), ...y.keys(), ...m]));
  const fixed = (expression: Expression<number>, values: ReadonlyMap<number, number>) =>
    expression.apply('with values', (circuit) => condition(circuit, values));
  const mediated = whole.sum(y.keys());
  const cause = mediated.sum(m);
  const answer = fixed(whole, y).times(mediated.map(reciprocal)).times(cause).sum(x.keys());
  const way = fixed(mediated, x).times(fixed(cause.map(reciprocal), x));
  return way.times(answer).sum(m).value(options);
}

function checkApart(...sets: Iterable<number>[]): void {
  const variables = sets.flatMap((set) => [...set]);
  if (new Set(variables).size < variables.length) {
    throw new InputError('the cause, the effect and what is adjusted for must be different variables');
  }
}

/** Whether a query's circuit has what its conditions ask, for a table of properties. */
export function determinismIn(f: ProbabilisticCircuit, variables: Iterable<number>): boolean {
  return deterministicIn(algebraic(f), new Set(variables)).holds;
}
