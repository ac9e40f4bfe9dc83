import { InputError } from '../errors.js';
import { inputKind, type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { topDown } from './evaluate.js';
import { inputEntropy } from './input-queries.js';
import { requireProperties } from './properties.js';

/**
 * Entropy -Σ p log p of a circuit's distribution, in nats: with F the flows when nothing is known,
 * H = -Σ F(n,c) log(F(n,c) / F(n)) over the edges of sums + Σ F(leaf) H(leaf). Weights need not be normalised.
 * @throws InputError when the circuit is not smooth, decomposable and deterministic
 */
export function entropy(circuit: ProbabilisticCircuit): number {
  requireProperties(circuit, ['smooth', 'decomposable', 'deterministic'], 'entropy');
  const { log, edges, units } = topDown(circuit);
  if (log === Number.NEGATIVE_INFINITY) throw new InputError('the circuit is zero everywhere; it is no distribution');
  const { kind, first, inputs, inputOf } = circuit;
  let result = 0;
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    if (units[unit] === 0) continue;
    if (kind[unit] === sumKind) {
      for (let e = first[unit]; e < first[unit + 1]; e++) {
        if (edges[e] > 0) result -= edges[e] * Math.log(edges[e] / units[unit]);
      }
    } else if (kind[unit] === inputKind) {
      const input = inputs[inputOf[unit]];
      if (input.kind === 'constant') continue;
      result += units[unit] * inputEntropy(input, circuit.states[input.variable]);
    }
  }
  return result;
}
