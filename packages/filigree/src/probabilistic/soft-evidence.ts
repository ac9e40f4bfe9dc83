import { InputError } from '../errors.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { checkVariable } from './evaluate.js';
import { inputTable } from './inputs.js';

/**
 * The circuit of p(x) Π_v λ_v(x_v): soft evidence says of a variable how likely what was seen is at each of its values. The
 * structure stays, so every query can be asked of the result; its own total is the probability of the evidence. An indicator of
 * one value as λ is hard evidence.
 * @param likelihoods λ by variable from 0, one number of at least 0 per value
 * @throws InputError for a variable that is not there, that is real, or a λ of another length, with negative numbers or all zero
 */
export function softEvidence(
  circuit: ProbabilisticCircuit,
  likelihoods: ReadonlyMap<number, readonly number[]>,
): ProbabilisticCircuit {
  const logs = new Map<number, readonly number[]>();
  for (const [variable, lambda] of likelihoods) {
    checkVariable(circuit, variable);
    const states = circuit.states[variable];
    const name = `soft evidence of variable ${variable + 1}`;
    if (states === 0) throw new InputError(`${name} needs a variable with finitely many values; it is real`);
    if (lambda.length !== states) throw new InputError(`${name} has ${lambda.length} numbers for ${states} values`);
    if (!lambda.every((x) => x >= 0 && x < Number.POSITIVE_INFINITY) || Math.max(...lambda) === 0) {
      throw new InputError(`${name} must be numbers of at least 0, not all 0`);
    }
    logs.set(variable, lambda.map(Math.log));
  }
  const inputs = circuit.inputs.map((input) => {
    const log = input.kind === 'constant' ? undefined : logs.get(input.variable);
    if (input.kind === 'constant' || !log) return input;
    const table = inputTable(input, circuit.states[input.variable]);
    return {
      kind: 'categorical',
      variable: input.variable,
      logProbabilities: table.map((x, v) => x + log[v]),
    } as const;
  });
  return { ...circuit, inputs };
}
