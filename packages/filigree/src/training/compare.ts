import { InputError } from '../errors.js';
import { platform } from '../platform.js';

/** What one run of one arm gave; figures by name, larger = better for the ones that are compared. */
export type Outcome = Readonly<Record<string, number>>;

/** Trains once with a seed; all arms get the same seeds. */
export type Arm = (seed: number, options: { signal?: AbortSignal }) => Promise<Outcome>;

export interface CompareOptions {
  seeds: readonly number[];
  signal?: AbortSignal;
  onProgress?: (state: { done: number; total: number; unit: 'runs' }) => void;
  /** Where runs are kept, so that an interrupted comparison goes on. */
  store?: {
    read(arm: string, seed: number): Promise<Outcome | undefined>;
    write(arm: string, seed: number, outcome: Outcome): Promise<void>;
  };
}

/** A mean with the half width of its 95 % interval (Student's t; 0 for one run). */
export interface Estimate {
  readonly mean: number;
  readonly half: number;
}

export interface Comparison {
  /** By arm, in the order of the seeds. */
  readonly outcomes: ReadonlyMap<string, readonly Outcome[]>;
  /** Mean of a figure of an arm. */
  of(arm: string, figure: string): Estimate;
  /** Mean of the differences `arm - other` over the seeds, each between two runs of one seed. */
  difference(arm: string, other: string, figure: string): Estimate;
}

/**
 * Runs every arm with every seed, seed by seed, so that what differs within a seed is the arm alone. Each outcome gets `seconds`, its
 * wall-clock time.
 * @throws InputError without arms or seeds, or with a seed given twice
 */
export async function compare(arms: Readonly<Record<string, Arm>>, options: CompareOptions): Promise<Comparison> {
  const { seeds, signal, onProgress, store } = options;
  const names = Object.keys(arms);
  if (names.length === 0 || seeds.length === 0) throw new InputError('a comparison needs an arm and a seed at least');
  if (new Set(seeds).size !== seeds.length) throw new InputError('a seed is given twice');
  const outcomes = new Map<string, Outcome[]>(names.map((name) => [name, []]));
  const total = names.length * seeds.length;
  let done = 0;
  for (const seed of seeds) {
    for (const name of names) {
      signal?.throwIfAborted();
      let outcome = await store?.read(name, seed);
      if (!outcome) {
        const started = platform()?.now() ?? 0;
        outcome = await arms[name](seed, { signal });
        outcome = { ...outcome, seconds: ((platform()?.now() ?? 0) - started) / 1000 };
        await store?.write(name, seed, outcome);
      }
      outcomes.get(name)?.push(outcome);
      onProgress?.({ done: ++done, total, unit: 'runs' });
    }
  }
  return comparisonOf(outcomes);
}

/** A comparison from runs that are there. */
export function comparisonOf(outcomes: ReadonlyMap<string, readonly Outcome[]>): Comparison {
  const figures = (arm: string, figure: string): number[] => {
    const runs = outcomes.get(arm);
    if (!runs) throw new InputError(`there is no arm '${arm}'; there are ${[...outcomes.keys()].join(', ')}`);
    return runs.map((run) => {
      if (run[figure] === undefined) throw new InputError(`arm '${arm}' has no figure '${figure}'`);
      return run[figure];
    });
  };
  return {
    outcomes,
    of: (arm, figure) => estimate(figures(arm, figure)),
    difference(arm, other, figure) {
      const theirs = figures(other, figure);
      return estimate(figures(arm, figure).map((value, k) => value - theirs[k]));
    },
  };
}

/** 97.5 % quantiles of Student's t for 1, 2, … degrees of freedom. */
const quantiles = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145];

/** Mean and half width of its 95 % interval. */
export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return { mean, half: 0 };
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  const t = quantiles[n - 2] ?? 1.96 + 2.5 / (n - 1);
  return { mean, half: t * Math.sqrt(variance / n) };
}
