import { InputError } from '../errors.js';
import { inputKind, type ProbabilisticCircuit, sumKind, unitCount } from './circuit.js';
import { logLikelihood, topDown } from './evaluate.js';
import { inputEntropy } from './input-queries.js';
import { requireProperties } from './properties.js';
import { type SampleOptions, sampleRows } from './sample.js';

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

/**
 * The entropy of any smooth and decomposable circuit, estimated: the mean of -log p(x) over samples x of it, and the standard error of that.
 * Throws as `sampleRows` does, and for fewer than two samples.
 */
export async function sampledEntropy(
  circuit: ProbabilisticCircuit,
  samples: number,
  options: SampleOptions = {},
): Promise<{ entropy: number; error: number }> {
  if (!(samples >= 2)) throw new InputError(`an estimate needs at least two samples, not ${samples}`);
  const { evidence: _, ...rest } = options;
  const rows = await sampleRows(circuit, samples, rest);
  const { log: mass } = topDown(circuit);
  const surprises = (await logLikelihood(circuit, rows, { signal: rest.signal })).map((log) => mass - log);
  const mean = surprises.reduce((a, b) => a + b, 0) / samples;
  const variance = surprises.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (samples - 1);
  return { entropy: mean, error: Math.sqrt(variance / samples) };
}
