import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { checkTable, checkVariable, unknownRow } from './evaluate.js';
import { Evaluator } from './evaluator.js';
import { requireProperties } from './properties.js';

/** Values of some variables, by variable from 0. */
export type Evidence = ReadonlyMap<number, number>;

/** One row that knows the evidence only. Throws InputError when it does not fit the circuit. */
export function evidenceRow(circuit: ProbabilisticCircuit, evidence: Evidence): Table {
  const row = unknownRow(circuit.variables);
  for (const [variable, value] of evidence) {
    checkVariable(circuit, variable);
    row.values[variable] = value;
  }
  checkTable(circuit, row);
  return row;
}

/**
 * Natural logarithm of the probability of some values, all else summed out: log p(query), or log p(query | evidence).
 * Without evidence it is the circuit's own value, so that a circuit which is not normalised, such as one of logic, counts.
 * @throws InputError when the circuit is not smooth and decomposable, the query says otherwise than the evidence, or the evidence
 * has probability 0
 */
export function logProbability(circuit: ProbabilisticCircuit, query: Evidence, evidence: Evidence = new Map()): number {
  requireProperties(circuit, ['smooth', 'decomposable'], 'a marginal');
  for (const [variable, value] of query) {
    const other = evidence.get(variable);
    if (other !== undefined && other !== value) {
      throw new InputError(`variable ${variable + 1} is ${other} in the evidence and ${value} in the query`);
    }
  }
  const evaluator = new Evaluator(circuit, { batch: 1 });
  const ask = (values: Evidence): number => evaluator.forward(evidenceRow(circuit, values), 0, 1)[0];
  if (evidence.size === 0) return ask(query);
  const given = ask(evidence);
  if (given === Number.NEGATIVE_INFINITY)
    throw new InputError('the evidence has probability 0; nothing follows from it');
  return ask(new Map([...evidence, ...query])) - given;
}
