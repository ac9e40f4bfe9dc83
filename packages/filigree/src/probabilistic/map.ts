import { InputError } from '../errors.js';
import { inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';
import { Evaluator } from './evaluator.js';
import { type Evidence, evidenceRow } from './evidence.js';
import { inputLog, inputMode } from './input-queries.js';
import type { InputUnit } from './inputs.js';
import { checkProperties, requireProperties } from './properties.js';

export interface MostProbable {
  /** log p of the state, evidence included; the largest one where `exact`, else a lower bound of it. */
  readonly log: number;
  /** `[variables]` the state, which agrees with the evidence. */
  readonly state: Float64Array;
  /** Whether the circuit is deterministic, so that no state is more probable. */
  readonly exact: boolean;
}

/**
 * The most probable state given evidence: sums are replaced by maxima of their weighted children, and the best children are
 * followed down from the root. That is exact on a deterministic circuit; elsewhere it is a state whose probability is a bound.
 * @throws InputError when the circuit is not smooth and decomposable, or the evidence has probability 0
 */
export function mostProbable(circuit: ProbabilisticCircuit, evidence: Evidence = new Map()): MostProbable {
  requireProperties(circuit, ['smooth', 'decomposable'], 'a most probable state');
  const row = evidenceRow(circuit, evidence);
  const { kind, first, child, logWeight, inputs, inputOf } = circuit;
  const units = unitCount(circuit);
  const best = new Float64Array(units);
  /** The best child of a sum, the best value of an input. */
  const choice = new Float64Array(units).fill(-1);
  for (let unit = 0; unit < units; unit++) {
    if (kind[unit] === inputKind) {
      const input = inputs[inputOf[unit]];
      const states = input.kind === 'constant' ? 0 : circuit.states[input.variable];
      [best[unit], choice[unit]] = bestValue(input, states, input.kind === 'constant' ? 0 : row.values[input.variable]);
      continue;
    }
    if (kind[unit] !== productKind) best[unit] = Number.NEGATIVE_INFINITY;
    for (let e = first[unit]; e < first[unit + 1]; e++) {
      const value = best[child[e]] + logWeight[e];
      if (kind[unit] === productKind) best[unit] += value;
      else if (value > best[unit]) {
        best[unit] = value;
        choice[unit] = child[e];
      }
    }
  }
  if (best[units - 1] === Number.NEGATIVE_INFINITY) {
    throw new InputError('the evidence has probability 0; no state agrees with it');
  }
  const state = follow(circuit, choice, row.values.slice());
  const [log] = new Evaluator(circuit, { batch: 1 }).forward(
    { rows: 1, columns: circuit.variables, values: state },
    0,
    1,
  );
  return { log, state, exact: checkProperties(circuit).deterministic === true };
}

/** The largest value of an input where its variable is `x` (NaN: where it is free), and the variable's value there. */
function bestValue(input: InputUnit, states: number, x: number): [log: number, value: number] {
  if (input.kind === 'constant') return [input.log, 0];
  if (!Number.isNaN(x)) return [inputLog(input, states, x), x];
  const { log, value } = inputMode(input, states);
  return [log, value];
}

/** Fills the unknown cells of the state from the chosen units. */
function follow(circuit: ProbabilisticCircuit, choice: Float64Array, state: Float64Array): Float64Array {
  const { kind, first, child, inputs, inputOf } = circuit;
  const waiting = [unitCount(circuit) - 1];
  for (let unit = waiting.pop(); unit !== undefined; unit = waiting.pop()) {
    if (kind[unit] === inputKind) {
      const input = inputs[inputOf[unit]];
      if (input.kind === 'constant' || !Number.isNaN(state[input.variable])) continue;
      state[input.variable] = choice[unit];
    } else if (kind[unit] === productKind) waiting.push(...child.subarray(first[unit], first[unit + 1]));
    else waiting.push(choice[unit]);
  }
  return state;
}
