import { type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import type { FlowSums, Parameters } from './evaluator.js';
import { type InputUnit, inputTable } from './inputs.js';

export interface MaximiseOptions {
  /** How far to go from the old parameters to the new ones: 1 is all the way. */
  readonly step: number;
  /** Spread evenly over the edges of each sum, and over the values of each categorical input. */
  readonly pseudocount: number;
}

/** Least standard deviation of a gaussian input and least scale of a logistic one: narrower ones would fit single rows. */
const narrowest = 0.01;

/**
 * The M step of EM: θ ← (1 - step) θ + step (F(n,c) + α / |ch(n)|) / Σ for every sum that had flow, and each input's own estimate
 * from its statistics. Weights of zero stay zero, so that pruned edges do not come back.
 */
export function maximise(
  circuit: ProbabilisticCircuit,
  old: Parameters,
  sums: FlowSums,
  statisticsAt: Uint32Array,
  options: MaximiseOptions,
): Parameters {
  const { kind, first } = circuit;
  const logWeight = old.logWeight.slice();
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    if (kind[unit] !== sumKind) continue;
    blend(logWeight.subarray(first[unit], first[unit + 1]), sums.edges.subarray(first[unit], first[unit + 1]), options);
  }
  const inputs = old.inputs.map((unit, i) =>
    estimate(unit, circuit.inputs[i], sums.inputs.subarray(statisticsAt[i], statisticsAt[i + 1]), options),
  );
  return { logWeight, inputs };
}

/** Moves logarithms of shares towards those of counts, in place. */
function blend(logs: Float64Array, counts: Float64Array, { step, pseudocount }: MaximiseOptions): void {
  let [flow, alive] = [0, 0];
  for (let i = 0; i < logs.length; i++) {
    flow += counts[i];
    if (logs[i] > Number.NEGATIVE_INFINITY) alive++;
  }
  if (!(flow > 0)) return;
  const total = flow + pseudocount;
  const each = pseudocount / alive;
  for (let i = 0; i < logs.length; i++) {
    if (logs[i] === Number.NEGATIVE_INFINITY) continue;
    const wanted = (counts[i] + each) / total;
    logs[i] = Math.log(step === 1 ? wanted : (1 - step) * Math.exp(logs[i]) + step * wanted);
  }
}

/**
 * An input's own estimate from its statistics (see `FlowSums`).
 * @param first the same input in the circuit that learning began with
 */
export function estimate(
  unit: InputUnit,
  first: InputUnit,
  statistics: Float64Array,
  options: MaximiseOptions,
): InputUnit {
  const { step } = options;
  const mix = (old: number, wanted: number): number => old + step * (wanted - old);
  switch (unit.kind) {
    case 'constant':
    case 'indicator':
      return unit;
    case 'categorical': {
      const logProbabilities = unit.logProbabilities.slice();
      blend(logProbabilities, statistics, options);
      return { ...unit, logProbabilities };
    }
    case 'binomial': {
      const { weight, mean } = moments(statistics);
      return weight > 0 ? { ...unit, probability: mix(unit.probability, mean / unit.trials) } : unit;
    }
    case 'gaussian': {
      const [weight, sum, square] = statistics;
      if (!(weight > 0)) return unit;
      const centre = first.kind === 'gaussian' ? first.mean : 0;
      const moved = mix(unit.mean - centre, sum / weight);
      const second = mix((unit.mean - centre) ** 2 + unit.deviation ** 2, square / weight);
      const deviation = Math.max(narrowest, Math.sqrt(Math.max(0, second - moved * moved)));
      return { ...unit, mean: centre + moved, deviation };
    }
    case 'logistic':
      return estimateLogistic(unit, statistics, step);
  }
}

function moments(counts: Float64Array): { weight: number; mean: number; variance: number } {
  let [weight, sum, square] = [0, 0, 0];
  counts.forEach((count, v) => {
    weight += count;
    sum += count * v;
    square += count * v * v;
  });
  const mean = sum / weight;
  return { weight, mean, variance: Math.max(0, square / weight - mean * mean) };
}

/** The logistic has no closed form: goes towards mean and variance of the counts as far as that makes them more likely. */
function estimateLogistic(
  unit: Extract<InputUnit, { kind: 'logistic' }>,
  counts: Float64Array,
  step: number,
): InputUnit {
  const { weight, mean, variance } = moments(counts);
  if (!(weight > 0)) return unit;
  const wanted = Math.max(narrowest, Math.sqrt(3 * variance) / Math.PI);
  const fit = (candidate: InputUnit): number =>
    inputTable(candidate, counts.length).reduce((sum, log, v) => (counts[v] > 0 ? sum + counts[v] * log : sum), 0);
  const before = fit(unit);
  for (let share = step; share > step / 64; share /= 2) {
    const scale = unit.scale * (wanted / unit.scale) ** share;
    const candidate = { ...unit, mean: unit.mean + share * (mean - unit.mean), scale };
    if (fit(candidate) >= before) return candidate;
  }
  return unit;
}
