import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit, sumKind } from './circuit.js';
import type { FlowSums } from './evaluator.js';
import { categorical } from './inputs.js';
import { randomShares } from './random-shares.js';

export interface HmmOptions {
  /** States of the hidden variable, K. */
  readonly latents: number;
  readonly seed?: number;
}

/**
 * A hidden Markov model of sequences of one length: p(x) = Σ_z p(z_1) Π p(z_t | z_t-1) Π p(x_t | z_t), the same transitions and the same
 * emissions at every step (see `ProbabilisticCircuit.tied`).
 * @param length number of variables, one for each step
 * @param states number of values of each of them
 */
export function hmm(length: number, states: number, options: HmmOptions): ProbabilisticCircuit {
  const { latents, seed = 0 } = options;
  if (!(Number.isInteger(latents) && latents >= 1)) throw new InputError('the number of latents must be at least 1');
  if (!(Number.isInteger(length) && length >= 1)) throw new InputError('a sequence has at least one step');
  const random = new Random(seed);
  const list = <T>(make: (k: number) => T): T[] => Array.from({ length: latents }, (_, k) => make(k));
  const emissions = list(() => randomShares(states, random));
  const transitions = list(() => randomShares(latents, random));
  const build = new CircuitBuilder(new Array<number>(length).fill(states));
  let message: number[] | undefined;
  let units: number[] = [];
  for (let t = length - 1; t >= 0; t--) {
    units = list((k) => {
      const input = build.tie(build.input(categorical(t, emissions[k])), k);
      return message ? build.product([input, message[k]]) : input;
    });
    if (t === 0) break;
    message = list((k) => build.tie(build.sum(units, transitions[k]), k));
  }
  return build.finish(build.sum(units, randomShares(latents, random)));
}

/** Gives every tied unit the counts of all that share its parameters, in place. */
export function poolTied({ tied, kind, first }: ProbabilisticCircuit, sums: FlowSums, statisticsAt: Uint32Array): void {
  if (!tied) return;
  const edges = Array.from(tied.sums, (group, unit) =>
    group >= 0 && kind[unit] === sumKind
      ? { group, part: sums.edges.subarray(first[unit], first[unit + 1]) }
      : undefined,
  );
  const inputs = Array.from(tied.inputs, (group, i) =>
    group >= 0 ? { group, part: sums.inputs.subarray(statisticsAt[i], statisticsAt[i + 1]) } : undefined,
  );
  for (const members of [edges, inputs]) {
    const totals = new Map<number, Float64Array>();
    for (const member of members) {
      if (!member) continue;
      const total = totals.get(member.group);
      if (total) for (let k = 0; k < total.length; k++) total[k] += member.part[k];
      else totals.set(member.group, member.part.slice());
    }
    for (const member of members) member?.part.set(totals.get(member.group)!);
  }
}
