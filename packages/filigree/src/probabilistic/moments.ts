import { InputError } from '../errors.js';
import { inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';
import { checkVariable } from './evaluate.js';
import { Evaluator } from './evaluator.js';
import { type Evidence, evidenceRow } from './evidence.js';
import { inputMoment } from './input-queries.js';
import { requireProperties } from './properties.js';
import { Scopes } from './scopes.js';

export interface Moments {
  /** `[variables]` E[x_v | evidence]. */
  readonly mean: Float64Array;
  /** `[variables]` Var[x_v | evidence]. */
  readonly variance: Float64Array;
}

/**
 * Mean and variance of every variable given evidence. With F the flow of an input under the evidence,
 * E[x_v^k | e] = Σ F(leaf) E_leaf[x^k] over the inputs of v: one pass up and one down for all of them.
 * @throws InputError when the circuit is not smooth and decomposable, or the evidence has probability 0
 */
export function moments(circuit: ProbabilisticCircuit, evidence: Evidence = new Map()): Moments {
  const evaluator = evidenced(circuit, evidence, 'a moment');
  const flow = evaluator.backward(evaluator.emptySums());
  const { variables, kind, inputs, inputOf, states } = circuit;
  const scopes = new Scopes(circuit);
  const whole = new Set(scopes.variables(scopes.of[unitCount(circuit) - 1]));
  const [mean, centred] = [new Float64Array(variables), new Float64Array(variables)];
  for (let v = 0; v < variables; v++) if (!whole.has(v)) mean[v] = evidence.get(v) ?? uniformMean(circuit, v);
  const leaves = Array.from({ length: unitCount(circuit) }, (_, unit) => unit).filter(
    (unit) => kind[unit] === inputKind && flow[unit] > 0,
  );
  const each = (use: (variable: number, share: number, m1: number, m2: number) => void): void => {
    for (const unit of leaves) {
      const input = inputs[inputOf[unit]];
      if (input.kind === 'constant' || evidence.has(input.variable)) continue;
      const m1 = inputMoment(input, states[input.variable], 1);
      use(input.variable, flow[unit], m1, inputMoment(input, states[input.variable], 2));
    }
  };
  for (const [v, x] of evidence) mean[v] = x;
  each((v, share, m1) => {
    mean[v] += share * m1;
  });
  // Around the mean, so that a small variance far from 0 keeps its digits: E (x - m)² = Var_leaf + (m_leaf - m)².
  each((v, share, m1, m2) => {
    centred[v] += share * (Math.max(0, m2 - m1 * m1) + (m1 - mean[v]) ** 2);
  });
  for (let v = 0; v < variables; v++) {
    if (!whole.has(v) && !evidence.has(v)) centred[v] = (states[v] ** 2 - 1) / 12;
  }
  return { mean, variance: centred };
}

/** A finite variable that the circuit does not look at has all its values alike. */
function uniformMean({ states }: ProbabilisticCircuit, v: number): number {
  if (states[v] > 0) return (states[v] - 1) / 2;
  throw new InputError(`moments need a circuit that looks at variable ${v + 1}, which is real`);
}

/**
 * E[Π x_v^k_v | evidence]. Every unit gets the expectation of its own part: a product their product, a sum n the mean of its
 * children with chances θ(n,c) p(c) / p(n), where p is the value under the evidence.
 * @param powers k by variable from 0, whole numbers from 0
 * @throws InputError when the circuit is not smooth and decomposable, or the evidence has probability 0
 */
export function expectation(
  circuit: ProbabilisticCircuit,
  powers: ReadonlyMap<number, number>,
  evidence: Evidence = new Map(),
): number {
  for (const variable of powers.keys()) checkVariable(circuit, variable);
  const { values } = evidenced(circuit, evidence, 'an expectation');
  const { kind, first, child, logWeight, inputs, inputOf, states } = circuit;
  const result = new Float64Array(unitCount(circuit));
  for (let unit = 0; unit < result.length; unit++) {
    if (kind[unit] === inputKind) {
      const input = inputs[inputOf[unit]];
      const power = input.kind === 'constant' ? 0 : (powers.get(input.variable) ?? 0);
      if (input.kind === 'constant' || power === 0) result[unit] = 1;
      else {
        const x = evidence.get(input.variable);
        result[unit] = x === undefined ? inputMoment(input, states[input.variable], power) : x ** power;
      }
      continue;
    }
    result[unit] = kind[unit] === productKind ? 1 : 0;
    for (let e = first[unit]; e < first[unit + 1]; e++) {
      if (kind[unit] === productKind) result[unit] *= result[child[e]];
      else {
        const share = Math.exp(logWeight[e] + values[child[e]] - values[unit]);
        if (share > 0) result[unit] += share * result[child[e]];
      }
    }
  }
  const scopes = new Scopes(circuit);
  const whole = new Set(scopes.variables(scopes.of[result.length - 1]));
  const lost = [...powers].find(([v, power]) => power > 0 && !whole.has(v));
  if (lost) throw new InputError(`an expectation needs a circuit that looks at variable ${lost[0] + 1}`);
  return result[result.length - 1];
}

/** Cov[x_u, x_v | evidence]. Throws as `expectation` does. */
export function covariance(
  circuit: ProbabilisticCircuit,
  u: number,
  v: number,
  evidence: Evidence = new Map(),
): number {
  if (u === v) return moments(circuit, evidence).variance[u];
  const of = (...variables: number[]): number =>
    expectation(circuit, new Map(variables.map((variable) => [variable, 1])), evidence);
  return of(u, v) - of(u) * of(v);
}

/** An evaluator that has gone upwards with the evidence. */
function evidenced(circuit: ProbabilisticCircuit, evidence: Evidence, query: string): Evaluator {
  requireProperties(circuit, ['smooth', 'decomposable'], query);
  const evaluator = new Evaluator(circuit, { batch: 1 });
  const [log] = evaluator.forward(evidenceRow(circuit, evidence), 0, 1);
  if (log === Number.NEGATIVE_INFINITY) throw new InputError('the evidence has probability 0; nothing follows from it');
  return evaluator;
}
