import { InputError } from '../errors.js';
import { type ProbabilisticCircuit, productKind, sumKind, unitCount, unitName } from './circuit.js';

/** How the covariance of two units follows from that of others, by number; -1 is a covariance of zero. */
export type PairStep =
  /** Σ_i r(e_i) R(c_i, m) over the edges of a sum. */
  | { readonly kind: 'sum'; readonly first: number; readonly pairs: Int32Array }
  /** The variance of a sum: pairs (i, j) of its children, j ≤ i, row by row. */
  | {
      readonly kind: 'variance';
      readonly unit: number;
      readonly first: number;
      readonly count: number;
      readonly pairs: Int32Array;
    }
  /** Π (1 + R) - 1 over the parts of products. */
  | { readonly kind: 'product'; readonly pairs: Int32Array };

/** Most pairs of units, and most words of the table of which dropped sums are below which unit. */
const mostPairs = 2 ** 22;
const mostWords = 2 ** 26;

/**
 * Which covariances are needed for some units, in the order in which they follow from each other. Two units covary only through the
 * dropped sums that are below both. Of two units the one that cannot be below the other is taken apart: a sum into its children, a
 * product into the part that shares sums with the other, two products into the parts that share sums pairwise.
 */
export class DropoutPlan {
  readonly steps: PairStep[] = [];
  private readonly known = new Map<number, number>();
  private readonly words: number;
  /** `[units][words]` dropped sums at or below each unit. */
  private readonly below: Uint32Array;
  private readonly units: number;

  /**
   * @param dropped `[units]` sums whose edges are dropped
   * @param full whether covariances of different units count; otherwise variances only
   * @throws InputError when the circuit is too large
   */
  constructor(
    private readonly circuit: ProbabilisticCircuit,
    dropped: Uint8Array,
    private readonly full: boolean,
  ) {
    const { first, child } = circuit;
    this.units = unitCount(circuit);
    const sums = dropped.reduce((count, is) => count + is, 0);
    this.words = Math.max(1, Math.ceil(sums / 32));
    if (this.words * this.units > mostWords)
      throw new InputError('the circuit is too large for covariances under dropout');
    this.below = new Uint32Array(this.words * this.units);
    let next = 0;
    for (let unit = 0; unit < this.units; unit++) {
      const at = unit * this.words;
      for (let e = first[unit]; e < first[unit + 1]; e++) {
        for (let w = 0, c = child[e] * this.words; w < this.words; w++) this.below[at + w] |= this.below[c + w];
      }
      if (!dropped[unit]) continue;
      this.below[at + (next >>> 5)] |= 1 << (next & 31);
      next++;
    }
  }

  /** Number of the covariance of two units, -1 where it is zero. */
  pair(a: number, b: number): number {
    const [n, m] = a >= b ? [a, b] : [b, a];
    if (!this.share(n, m) || (n !== m && !this.full)) return -1;
    const key = n * this.units + m;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const result = this.make(n, m);
    this.known.set(key, result);
    return result;
  }

  private make(n: number, m: number): number {
    const { kind, first } = this.circuit;
    if (kind[n] === sumKind) {
      if (n !== m) return this.sum(n, m);
      const children = this.children(n);
      const pairs = Int32Array.from(children.flatMap((c, i) => children.slice(0, i + 1).map((d) => this.pair(c, d))));
      return this.add({ kind: 'variance', unit: n, first: first[n], count: children.length, pairs });
    }
    const parts = this.children(n).filter((c) => this.share(c, m));
    if (n === m) return this.add({ kind: 'product', pairs: Int32Array.from(parts, (c) => this.pair(c, c)) });
    if (parts.length === 1) return this.pair(parts[0], m);
    if (kind[m] === sumKind) return this.sum(m, n);
    const others = this.children(m).filter((d) => this.share(d, n));
    if (others.length === 1) return this.pair(n, others[0]);
    const taken = new Set<number>();
    const pairs = Int32Array.from(parts, (c) => {
      const partners = others.filter((d) => this.share(c, d));
      if (partners.length !== 1 || taken.has(partners[0])) {
        throw new InputError(
          `covariances under dropout need products that split shared parts alike; ${unitName(this.circuit, n)} and ${unitName(this.circuit, m)} do not`,
        );
      }
      taken.add(partners[0]);
      return this.pair(c, partners[0]);
    });
    return this.add({ kind: 'product', pairs });
  }

  private sum(n: number, m: number): number {
    const pairs = Int32Array.from(this.children(n), (c) => this.pair(c, m));
    return this.add({ kind: 'sum', first: this.circuit.first[n], pairs });
  }

  private add(step: PairStep): number {
    if (this.steps.length >= mostPairs)
      throw new InputError(`covariances under dropout need more than ${mostPairs} pairs of units`);
    return this.steps.push(step) - 1;
  }

  private children(unit: number): number[] {
    const { kind, first, child } = this.circuit;
    return kind[unit] === productKind || kind[unit] === sumKind
      ? Array.from(child.subarray(first[unit], first[unit + 1]))
      : [];
  }

  /** Whether a dropped sum is at or below both. */
  private share(a: number, b: number): boolean {
    for (let w = 0, i = a * this.words, j = b * this.words; w < this.words; w++) {
      if ((this.below[i + w] & this.below[j + w]) !== 0) return true;
    }
    return false;
  }
}
