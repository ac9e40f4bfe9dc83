import { Random } from '../tensor/index.js';
import type { AblationName } from './ablation.js';
import type { Measured, MeasureOptions } from './measure.js';
import type { Ranking } from './select.js';

/** The sizes at which circuits are judged, as shares of all units (Mueller et al. 2025, MIB). */
export const fractions = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** How faithful circuits are, against the whole model (1) and nothing (0). */
export interface Faithfulness {
  readonly clean: number;
  readonly corrupt: number;
  /** Metric with everything cut. */
  readonly empty: number;
  readonly ablation: AblationName;
  readonly metric: number[];
  /** (m(circuit) - m(empty)) / (m(full) - m(empty)), never clipped. */
  readonly faithfulness: number[];
  /** 95 % bootstrap interval of the faithfulness over pairs. */
  readonly interval: { readonly low: number[]; readonly high: number[] };
  /** Faithfulness of everything but the circuit; near 0 when the circuit is all there is. */
  readonly completeness: number[];
}

/** How faithful the circuits of several sizes are that one ranking gives. */
export interface Curve extends Faithfulness {
  readonly ranking: Ranking;
  readonly sizes: readonly number[];
  /** Mean faithfulness of random circuits of equal size, with the lowest and the highest; null without the control. */
  readonly random: { readonly mean: number[]; readonly low: number[]; readonly high: number[] } | null;
  /** Area under the faithfulness of the signed ranking over the share of edges; null for other sizes than the ten shares. */
  readonly cpr: number | null;
  /** Area between 1 and the faithfulness of the absolute ranking; null for other sizes than the ten shares. */
  readonly cmd: number | null;
}

/** What circuits are made of: edges, nodes or neurons. */
export interface Family<C> {
  /** Number of units, and the circuit of some of them. */
  readonly units: number;
  circuit(units: readonly number[]): C;
  complement(circuit: C): C;
  /** The share of the graph's edges that the circuit of the first `size` units of a ranking counts for. */
  share(circuit: C, size: number): number;
  measure(circuits: readonly C[]): Promise<Measured>;
}

export interface JudgeOptions extends Pick<MeasureOptions, 'ablation'> {
  sizes?: readonly number[];
  ranking?: Ranking;
  randomCircuits?: number;
  seed?: number;
}

/**
 * Judges the circuits of the first units of a ranking, with their complements, random circuits of equal size and, for the ten shares,
 * the circuits of the other ranking, since CPR and CMD each have one of their own.
 * @param rankings units from the most to the least important
 */
export async function judgeRankings<C>(
  family: Family<C>,
  rankings: Readonly<Record<Ranking, readonly number[]>>,
  options: JudgeOptions,
): Promise<{ curve: Curve; circuits: C[] }> {
  const { ranking = 'abs', sizes: asked, randomCircuits = 3, seed = 0 } = options;
  const sizes = asked ?? fractions.map((f) => Math.max(1, Math.round(f * family.units)));
  const tops = (order: readonly number[]): C[] => sizes.map((n) => family.circuit(order.slice(0, n)));
  const circuits = tops(rankings[ranking]);
  const other = asked ? [] : tops(rankings[ranking === 'abs' ? 'signed' : 'abs']);
  const random = new Random(seed).fork('random circuits');
  const units = [...rankings.abs].sort((a, b) => a - b);
  const controls = Array.from({ length: randomCircuits }, () => tops(random.shuffle(units)));
  const { judged, further } = await judge(family, circuits, [...other, ...controls.flat()], options);
  const curveOf = (own: readonly C[], faithfulness: readonly number[]) => ({
    share: own.map((c, i) => family.share(c, sizes[i])),
    faithfulness,
  });
  const reported = curveOf(circuits, judged.faithfulness);
  const otherCurve = curveOf(other, further.slice(0, other.length));
  const [signed, absolute] = ranking === 'signed' ? [reported, otherCurve] : [otherCurve, reported];
  const runs = controls.map((_, i) => further.slice(other.length + i * sizes.length).slice(0, sizes.length));
  const curve = {
    ...judged,
    ranking,
    sizes,
    random: across(runs),
    cpr: asked ? null : trapezoid(signed.share, signed.faithfulness),
    cmd: asked
      ? null
      : trapezoid(
          absolute.share,
          absolute.faithfulness.map((f) => Math.abs(1 - f)),
        ),
  };
  return { curve, circuits };
}

/** Judges one circuit, with random ones of `size` units as the control. */
export async function judgeCircuit<C>(
  family: Family<C>,
  circuit: C,
  units: readonly number[],
  size: number,
  options: Omit<JudgeOptions, 'sizes' | 'ranking'>,
): Promise<Curve> {
  const { randomCircuits = 3, seed = 0 } = options;
  const random = new Random(seed).fork('random circuits');
  const controls = Array.from({ length: randomCircuits }, () => family.circuit(random.shuffle(units).slice(0, size)));
  const { judged, further } = await judge(family, [circuit], controls, options);
  return { ...judged, ranking: 'abs', sizes: [size], random: across(further.map((f) => [f])), cpr: null, cmd: null };
}

/** Measures circuits, their complements and further circuits, of which only the faithfulness is wanted, in one go. */
async function judge<C>(
  family: Family<C>,
  circuits: readonly C[],
  further: readonly C[],
  options: JudgeOptions,
): Promise<{ judged: Faithfulness; further: number[] }> {
  const complements = circuits.map((c) => family.complement(c));
  const measured = await family.measure([family.circuit([]), ...circuits, ...complements, ...further]);
  const [empty, ...rest] = measured.circuits;
  const [full, zero] = [mean(measured.clean), mean(empty)];
  const faithful = (values: Float64Array): number => (mean(values) - zero) / (full - zero);
  const own = rest.slice(0, circuits.length);
  return {
    judged: {
      clean: full,
      corrupt: mean(measured.corrupt),
      empty: zero,
      ablation: options.ablation?.kind ?? 'patch',
      metric: own.map(mean),
      faithfulness: own.map(faithful),
      interval: bootstrap(own, measured.clean, empty, options.seed ?? 0),
      completeness: rest.slice(circuits.length, 2 * circuits.length).map(faithful),
    },
    further: rest.slice(2 * circuits.length).map(faithful),
  };
}

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** Mean, lowest and highest of several curves at each size; null where there is none. */
function across(curves: readonly (readonly number[])[]): Curve['random'] {
  if (curves.length === 0) return null;
  const pick = (of: (...values: number[]) => number): number[] =>
    curves[0].map((_, i) => of(...curves.map((c) => c[i])));
  return { mean: pick((...v) => mean(v)), low: pick(Math.min), high: pick(Math.max) };
}

/** Area under `y` over `x` by the trapezoid rule, from the first to the last point. */
function trapezoid(x: readonly number[], y: readonly number[]): number {
  let area = 0;
  for (let i = 1; i < x.length; i++) area += ((x[i] - x[i - 1]) * (y[i] + y[i - 1])) / 2;
  return area;
}

/** Resamples of the pairs. */
const resamples = 1000;

/** 95 % percentile interval of the faithfulness when pairs are drawn again with replacement; one pair gives no interval. */
function bootstrap(
  circuits: readonly Float64Array[],
  full: Float64Array,
  empty: Float64Array,
  seed: number,
): { low: number[]; high: number[] } {
  const n = full.length;
  const random = new Random(seed).fork('bootstrap');
  const draws = Array.from({ length: resamples }, () => Int32Array.from({ length: n }, () => random.integer(n)));
  const total = (values: Float64Array, draw: Int32Array): number => draw.reduce((sum, i) => sum + values[i], 0);
  const bounds = circuits.map((values) => {
    const samples = draws
      .map((draw) => (total(values, draw) - total(empty, draw)) / (total(full, draw) - total(empty, draw)))
      .sort((a, b) => a - b);
    return [samples[Math.floor(0.025 * resamples)], samples[Math.ceil(0.975 * resamples) - 1]];
  });
  return { low: bounds.map((b) => b[0]), high: bounds.map((b) => b[1]) };
}
