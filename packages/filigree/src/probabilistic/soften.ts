import type { FlowSums, Parameters } from './evaluator.js';

/**
 * Data softening: a cell that says v is taken to be v with chance 1 - s and any other of its V values with chance s / (V - 1) each, so that
 * no probability is driven to 0 by data that happen to lack a value. Rows need not be changed: an input with the table T is computed as
 * if its table were T'[v] = Σ_u q(u|v) T[u]. Liu and Van den Broeck, "Tractable regularization of probabilistic circuits", NeurIPS 2021.
 * @param softness s, from 0 to below 1
 */
export function soften(parameters: Parameters, softness: number): Parameters {
  if (softness === 0) return parameters;
  const inputs = parameters.inputs.map((unit) => {
    if (unit.kind !== 'categorical' || unit.logProbabilities.length < 2) return unit;
    const { own, any } = chances(unit.logProbabilities.length, softness);
    const table = unit.logProbabilities.map(Math.exp);
    const mass = table.reduce((a, b) => a + b, 0);
    return { ...unit, logProbabilities: table.map((t) => Math.log(own * t + any * mass)) };
  });
  return { ...parameters, inputs };
}

/** Turns the statistics that came from softened tables into those of the tables themselves, in place. */
export function unsoften(sums: FlowSums, statisticsAt: Uint32Array, { inputs }: Parameters, softness: number): void {
  if (softness === 0) return;
  inputs.forEach((unit, i) => {
    if (unit.kind !== 'categorical' || unit.logProbabilities.length < 2) return;
    const counts = sums.inputs.subarray(statisticsAt[i], statisticsAt[i + 1]);
    const { own, any } = chances(counts.length, softness);
    const table = unit.logProbabilities.map(Math.exp);
    const mass = table.reduce((a, b) => a + b, 0);
    const shares = counts.map((count, v) => (count > 0 ? count / (own * table[v] + any * mass) : 0));
    const all = shares.reduce((a, b) => a + b, 0);
    table.forEach((t, v) => {
      counts[v] = t * (own * shares[v] + any * all);
    });
  });
}

/** T' = own T + any Σ T. */
function chances(values: number, softness: number): { own: number; any: number } {
  const any = softness / (values - 1);
  return { own: 1 - softness - any, any };
}
