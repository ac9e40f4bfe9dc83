import { InputError } from '../errors.js';
import { inputKind, type ProbabilisticCircuit, sumKind, unitCount, unitName } from './circuit.js';
import { topDown } from './evaluate.js';
import { inputTable } from './inputs.js';
import { requireProperties } from './properties.js';
import { Scopes } from './scopes.js';

/** Most pairs of units that are computed. */
const mostPairs = 2 ** 24;

/**
 * Kullback-Leibler divergence Σ p log(p / q), in nats; +∞ where q is 0 and p is not. Both circuits must be smooth, decomposable and
 * deterministic, and compatible: their products split the same variables alike. Weights need not be normalised.
 *
 * For units n of p and m of q over the same variables, with A the p-mass of n where m is above zero and K = Σ p_n log(p_n / q_m)
 * there: a sum n gives A = Σ θ A(c,m), K = Σ θ (K(c,m) + A(c,m) log θ); a sum m gives A = Σ A(n,c), K = Σ K(n,c) - A(n,c) log φ;
 * two products give A = Π A_i and K = Σ_i K_i Π_{j≠i} A_j over the parts of the split.
 * @throws InputError when a property is missing, or the circuits are not over the same variables
 */
export function klDivergence(p: ProbabilisticCircuit, q: ProbabilisticCircuit): number {
  const needed = ['smooth', 'decomposable', 'deterministic'] as const;
  requireProperties(p, needed, 'the divergence, for its first circuit,');
  requireProperties(q, needed, 'the divergence, for its second circuit,');
  if (p.variables !== q.variables || p.states.some((states, v) => states !== q.states[v])) {
    throw new InputError('the two circuits are not over the same variables; a divergence needs that');
  }
  const [zp, zq] = [topDown(p).log, topDown(q).log];
  if (zp === Number.NEGATIVE_INFINITY)
    throw new InputError('the first circuit is zero everywhere; it is no distribution');
  const [mass, sum] = new Pairs(p, q).get(unitCount(p) - 1, unitCount(q) - 1);
  // Rounding leaves the mass within a few ulps of the whole where q covers all of p.
  if (mass < Math.exp(zp) * (1 - 1e-9)) return Number.POSITIVE_INFINITY;
  return sum / Math.exp(zp) - zp + zq;
}

type Result = readonly [mass: number, sum: number];

const nothing: Result = [0, 0];

class Pairs {
  private readonly known = new Map<number, Result>();
  private readonly scopes: readonly [Scopes, Scopes];
  private readonly units: number;

  constructor(
    private readonly p: ProbabilisticCircuit,
    private readonly q: ProbabilisticCircuit,
  ) {
    this.scopes = [new Scopes(p), new Scopes(q)];
    this.units = unitCount(q);
  }

  get(n: number, m: number): Result {
    const key = n * this.units + m;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    if (this.known.size >= mostPairs) {
      throw new InputError(`the divergence needs more than ${mostPairs} pairs of units; give smaller circuits`);
    }
    const result = this.compute(n, m);
    this.known.set(key, result);
    return result;
  }

  private compute(n: number, m: number): Result {
    const { p, q } = this;
    if (p.kind[n] === sumKind) {
      let [mass, sum] = nothing;
      for (let e = p.first[n]; e < p.first[n + 1]; e++) {
        const log = p.logWeight[e];
        if (log === Number.NEGATIVE_INFINITY) continue;
        const [a, k] = this.get(p.child[e], m);
        mass += Math.exp(log) * a;
        sum += Math.exp(log) * (k + a * log);
      }
      return [mass, sum];
    }
    if (q.kind[m] === sumKind) {
      let [mass, sum] = nothing;
      for (let e = q.first[m]; e < q.first[m + 1]; e++) {
        const log = q.logWeight[e];
        if (log === Number.NEGATIVE_INFINITY) continue;
        const [a, k] = this.get(n, q.child[e]);
        mass += a;
        sum += k - a * log;
      }
      return [mass, sum];
    }
    if (p.kind[n] === inputKind && q.kind[m] === inputKind) return this.inputs(n, m);
    return this.products(n, m);
  }

  private products(n: number, m: number): Result {
    const [ours, theirs] = [this.parts(0, n), this.parts(1, m)];
    let [mass, sum] = [Math.exp(ours.log), Math.exp(ours.log) * (ours.log - theirs.log)];
    if (mass === 0 || theirs.log === Number.NEGATIVE_INFINITY) return nothing;
    if (ours.parts.size !== theirs.parts.size) this.incompatible(n, m);
    for (const [scope, c] of ours.parts) {
      const other = theirs.parts.get(scope) ?? this.incompatible(n, m);
      const [a, k] = this.get(c, other);
      // The order matters: the sum takes the old mass.
      [mass, sum] = [mass * a, sum * a + mass * k];
      if (mass === 0) return nothing;
    }
    return [mass, sum];
  }

  /** The children of a product by scope, and the product of its constants; an input is its own only part. */
  private parts(side: 0 | 1, unit: number): { parts: Map<string, number>; log: number } {
    const circuit = side === 0 ? this.p : this.q;
    const scopes = this.scopes[side];
    const parts = new Map<string, number>();
    let log = 0;
    const isInput = circuit.kind[unit] === inputKind;
    const children = isInput ? [unit] : circuit.child.subarray(circuit.first[unit], circuit.first[unit + 1]);
    for (const c of children) {
      if (scopes.of[c] !== 0) parts.set(scopes.key(scopes.of[c]), c);
      else log += constantOf(circuit, c);
    }
    return { parts, log };
  }

  private inputs(n: number, m: number): Result {
    const a = this.p.inputs[this.p.inputOf[n]];
    const b = this.q.inputs[this.q.inputOf[m]];
    if (a.kind === 'constant' && b.kind === 'constant') {
      const mass = Math.exp(a.log);
      return mass === 0 || b.log === Number.NEGATIVE_INFINITY ? nothing : [mass, mass * (a.log - b.log)];
    }
    if (a.kind === 'constant' || b.kind === 'constant' || a.variable !== b.variable) return this.incompatible(n, m);
    if (a.kind === 'gaussian' && b.kind === 'gaussian') {
      const ratio = (a.deviation / b.deviation) ** 2;
      const shift = ((a.mean - b.mean) / b.deviation) ** 2;
      return [1, 0.5 * (ratio + shift - 1 - Math.log(ratio))];
    }
    const states = this.p.states[a.variable];
    const [x, y] = [inputTable(a, states), inputTable(b, states)];
    let [mass, sum] = nothing;
    for (let v = 0; v < states; v++) {
      if (x[v] === Number.NEGATIVE_INFINITY || y[v] === Number.NEGATIVE_INFINITY) continue;
      mass += Math.exp(x[v]);
      sum += Math.exp(x[v]) * (x[v] - y[v]);
    }
    return [mass, sum];
  }

  private incompatible(n: number, m: number): never {
    throw new InputError(
      `the circuits are not compatible: ${unitName(this.p, n)} of the first and ${unitName(this.q, m)} of the second split the same variables in other ways`,
    );
  }
}

/** Logarithm of a unit that looks at no variable. */
function constantOf(circuit: ProbabilisticCircuit, unit: number): number {
  const input = circuit.inputs[circuit.inputOf[unit]];
  if (circuit.kind[unit] === inputKind && input.kind === 'constant') return input.log;
  throw new InputError(`${unitName(circuit, unit)} computes a constant from constants; give the constant itself`);
}
