import { inputKind, type ProbabilisticCircuit, productKind, sumKind, unitCount } from './circuit.js';
import { inputTable } from './inputs.js';
import type { Scopes } from './scopes.js';

/** What is known of a circuit's determinism, and the sum that breaks it or that could not be decided. */
export interface Determinism {
  readonly deterministic: boolean | 'unknown';
  readonly unit?: number;
}

/** Most pairs of units that are compared before the answer is "unknown", and how deep one comparison may go. */
const mostPairs = 2 ** 23;
const deepest = 2000;

/**
 * Decides whether at most one child of every sum is above zero on every row. Two units are told apart when they are inputs of one
 * variable without a common value; a sum, when all its children are; a product, when one of its children is. The answer is exact
 * where products over one scope split it alike (`structured`); elsewhere units that are not told apart leave it unknown, since the
 * question is hard in general.
 * @param asked the sums that are looked at, all of them by default
 */
export function checkDeterminism(
  circuit: ProbabilisticCircuit,
  scopes: Scopes,
  structured: boolean,
  asked: (unit: number) => boolean = () => true,
): Determinism {
  const { kind, first, child, logWeight } = circuit;
  const apart = new Apartness(circuit, scopes);
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    if (kind[unit] !== sumKind || !asked(unit)) continue;
    for (let e = first[unit]; e < first[unit + 1]; e++) {
      if (logWeight[e] === Number.NEGATIVE_INFINITY) continue;
      for (let f = e + 1; f < first[unit + 1]; f++) {
        if (logWeight[f] === Number.NEGATIVE_INFINITY || apart.test(child[e], child[f])) continue;
        return { deterministic: structured && !apart.tired ? false : 'unknown', unit };
      }
    }
  }
  return { deterministic: true };
}

/** Tells whether the supports of two units have no row in common. */
class Apartness {
  /** Whether the search was given up. */
  tired = false;
  private depth = 0;
  private readonly known = new Map<number, boolean>();
  private readonly units: number;
  private readonly marks: Marks;
  private readonly supports: (Uint8Array | undefined)[];
  /** Units that are zero everywhere: apart from all. */
  private readonly zero: Uint8Array;

  constructor(
    private readonly circuit: ProbabilisticCircuit,
    private readonly scopes: Scopes,
  ) {
    this.units = unitCount(circuit);
    this.supports = circuit.inputs.map((input) => {
      if (input.kind === 'constant' || input.kind === 'gaussian') return undefined;
      const table = inputTable(input, circuit.states[input.variable]);
      return Uint8Array.from(table, (log) => (log > Number.NEGATIVE_INFINITY ? 1 : 0));
    });
    this.marks = new Marks(circuit, this.supports);
    this.zero = new Uint8Array(this.units);
    const { kind, first, child, logWeight, inputOf, inputs } = circuit;
    for (let unit = 0; unit < this.units; unit++) {
      const edges = Array.from({ length: first[unit + 1] - first[unit] }, (_, i) => first[unit] + i);
      if (kind[unit] === productKind) this.zero[unit] = Number(edges.some((e) => this.zero[child[e]]));
      else if (kind[unit] === sumKind) {
        this.zero[unit] = Number(edges.every((e) => this.zero[child[e]] || logWeight[e] === Number.NEGATIVE_INFINITY));
      } else {
        const input = inputs[inputOf[unit]];
        const nothing = input.kind === 'constant' && input.log === Number.NEGATIVE_INFINITY;
        this.zero[unit] = Number(nothing || this.supports[inputOf[unit]]?.every((x) => x === 0) === true);
      }
    }
  }

  test(a: number, b: number): boolean {
    if (this.zero[a] || this.zero[b]) return true;
    if (a === b) return false;
    const { kind } = this.circuit;
    if (!this.scopes.meet(this.scopes.of[a], this.scopes.of[b])) return false;
    if (this.marks.apart(a, b)) return true;
    if (kind[a] === inputKind && kind[b] === inputKind) return this.inputs(a, b);
    const key = Math.min(a, b) * this.units + Math.max(a, b);
    const known = this.known.get(key);
    if (known !== undefined) return known;
    if (this.known.size >= mostPairs || this.depth >= deepest) {
      this.tired = true;
      return false;
    }
    this.depth++;
    const result = this.compare(a, b);
    this.depth--;
    this.known.set(key, result);
    return result;
  }

  private compare(a: number, b: number): boolean {
    const { kind } = this.circuit;
    if (kind[a] === sumKind) return this.all(a, b);
    if (kind[b] === sumKind) return this.all(b, a);
    return kind[a] === productKind ? this.some(a, b) : this.some(b, a);
  }

  private all(sum: number, other: number): boolean {
    const { first, child, logWeight } = this.circuit;
    for (let e = first[sum]; e < first[sum + 1]; e++) {
      if (logWeight[e] > Number.NEGATIVE_INFINITY && !this.test(child[e], other)) return false;
    }
    return true;
  }

  private some(product: number, other: number): boolean {
    const { first, child } = this.circuit;
    for (let e = first[product]; e < first[product + 1]; e++) {
      if (this.test(child[e], this.partner(child[e], other))) return true;
    }
    return false;
  }

  /** The one child of a product that shares variables with `unit`, where it is the only one; else the other unit itself. */
  private partner(unit: number, other: number): number {
    const { kind, first, child } = this.circuit;
    if (kind[other] !== productKind) return other;
    const scope = this.scopes.of[unit];
    const meeting = child
      .subarray(first[other], first[other + 1])
      .filter((c) => this.scopes.meet(scope, this.scopes.of[c]));
    return meeting.length === 1 ? meeting[0] : other;
  }

  private inputs(a: number, b: number): boolean {
    const { inputOf } = this.circuit;
    const [x, y] = [this.supports[inputOf[a]], this.supports[inputOf[b]]];
    return x !== undefined && y !== undefined && !x.some((seen, v) => seen && y[v]);
  }
}

/**
 * For every unit and every variable of two values, the values that the unit allows at all: a quick proof that two units are apart,
 * and mostly enough, since learned circuits split their rows by one variable at a time.
 */
class Marks {
  private readonly words: number;
  /** `[units][value 0: words, value 1: words]` */
  private readonly bits: Uint32Array;

  constructor(circuit: ProbabilisticCircuit, supports: readonly (Uint8Array | undefined)[]) {
    const { kind, first, child, logWeight, inputOf, inputs } = circuit;
    this.words = Math.ceil(circuit.variables / 32);
    const size = 2 * this.words;
    this.bits = new Uint32Array(size * unitCount(circuit)).fill(0xffffffff);
    for (let unit = 0; unit < unitCount(circuit); unit++) {
      const at = unit * size;
      if (kind[unit] === inputKind) {
        const [input, support] = [inputs[inputOf[unit]], supports[inputOf[unit]]];
        if (input.kind === 'constant' || support?.length !== 2) continue;
        for (const value of [0, 1]) {
          const mask = 1 << (input.variable & 31);
          if (!support[value]) this.bits[at + value * this.words + (input.variable >>> 5)] &= ~mask;
        }
        continue;
      }
      if (kind[unit] === sumKind) this.bits.fill(0, at, at + size);
      for (let e = first[unit]; e < first[unit + 1]; e++) {
        if (logWeight[e] === Number.NEGATIVE_INFINITY) continue;
        for (let w = 0, c = child[e] * size; w < size; w++, c++) {
          if (kind[unit] === sumKind) this.bits[at + w] |= this.bits[c];
          else this.bits[at + w] &= this.bits[c];
        }
      }
    }
  }

  apart(a: number, b: number): boolean {
    const { bits, words } = this;
    for (let w = 0, i = 2 * words * a, j = 2 * words * b; w < words; w++, i++, j++) {
      if (((bits[i] & bits[j]) | (bits[i + words] & bits[j + words])) !== -1) return true;
    }
    return false;
  }
}
