import { type Ablation, InputError, type MetricName, type Pair, type Progress, type Ranking } from 'filigree';
import { type Level, type Units, unitsText } from '../units.js';

export const selections = ['top', 'greedy', 'greedy-reverse', 'threshold'] as const;
export type Select = (typeof selections)[number];

export interface ChooseOptions extends Progress {
  select?: Select;
  size?: number;
  tau?: number;
  ranking: Ranking;
  ablation: Ablation;
  metric: MetricName;
  memory: number;
}

/** A circuit and how it was chosen. */
export interface Choice<C> {
  readonly circuit: C;
  /** The circuit before pruning, and its size. */
  readonly chosen: C;
  readonly size: number;
  /** What chose them, for the file's provenance. */
  readonly settings: Record<string, unknown>;
  /** The same in words. */
  readonly how: string;
}

/** What a circuit must reach for its size to be taken where the user gives none. */
const enough = 0.85;

/** Sizes to try: 5, 7, 10, 15, 20, 30, 50 and so on, up to all; of nodes, which are few, from 1 on. */
function candidates(total: number, level: Level): number[] {
  const sizes: number[] = [];
  for (let ten = 1; ten < total; ten *= 10) {
    const parts = level === 'node' && ten === 1 ? [1, 2, 3, 4, 5, 6, 7, 8] : [1, 1.5, 2, 3, 5, 7];
    sizes.push(...parts.map((part) => part * ten));
  }
  const least = level === 'node' ? 1 : 5;
  return [...sizes.filter((n) => n >= least && n < total && Number.isInteger(n)), total];
}

/**
 * The circuit by threshold, by size, or, where neither is given, the smallest candidate size whose circuit is 0.85 faithful on the
 * discovery pairs (the evaluation pairs must not choose what they judge).
 * @throws InputError when nothing reaches the threshold
 */
export async function chooseCircuit<C>(
  units: Units<C>,
  pairs: readonly Pair[],
  options: ChooseOptions,
): Promise<Choice<C>> {
  const { tau, ranking } = options;
  const { level } = units;
  const choice = (chosen: C, settings: Record<string, unknown>, how: string): Choice<C> => {
    return { circuit: units.trimmed(chosen), chosen, size: units.count(chosen), settings, how };
  };
  if (tau !== undefined) {
    const chosen = units.atLeast(tau, ranking);
    if (units.count(chosen) === 0) {
      const largest = units.strongest(ranking);
      throw new InputError(`No ${level} reaches --tau ${tau}; the strongest has ${largest.toPrecision(3)}. Lower it.`);
    }
    return choice(chosen, { select: 'threshold', tau }, `those of at least ${tau}`);
  }
  const select = options.select ?? 'top';
  const top = (size: number): C => units.top(size, ranking);
  if (options.size !== undefined) {
    const { size } = options;
    return choice(top(size), { select, size }, 'as many as asked for');
  }
  const sizes = candidates(units.total, level);
  const circuits = [units.nothing, ...sizes.map((n) => units.trimmed(top(n)))];
  const measured = await units.measure(pairs, circuits, options);
  const [empty, ...metrics] = measured.circuits.map(mean);
  const full = mean(measured.clean);
  const first = metrics.findIndex((value) => (value - empty) / (full - empty) >= enough);
  const size = sizes[first < 0 ? sizes.length - 1 : first];
  const how = `the fewest tried that are ${enough} faithful on the pairs it was found on`;
  return choice(top(size), { select, size }, how);
}

/**
 * The circuit that the method itself found.
 * @throws InputError when nothing is left of it
 */
export function ownChoice<C>(units: Units<C>, circuit: C): Choice<C> {
  const size = units.count(circuit);
  if (size === 0) {
    throw new InputError(
      'The search kept no edge that leads from input to logits: ask for more of them (a lower --tau, a larger --size).',
    );
  }
  return { circuit, chosen: circuit, size, settings: { select: 'own' }, how: 'what the method kept' };
}

/** Throws InputError for more than the model has. */
export function checkSize(flag: string, size: number | undefined, total: number, level: Level, model: string): void {
  if (size !== undefined && size > total) {
    throw new InputError(`${flag} ${size} is more than the ${unitsText(total, level)} of ${model}.`);
  }
}

const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
