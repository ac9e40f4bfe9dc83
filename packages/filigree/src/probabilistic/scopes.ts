import { inputKind, type ProbabilisticCircuit, unitCount } from './circuit.js';

/**
 * The scopes of a circuit's units: the sets of variables that they look at. Equal sets have one number, so that units of one
 * scope are told by a comparison, and large circuits keep each set once.
 */
export class Scopes {
  /** `[units]` number of each unit's scope; 0 is the empty one. */
  readonly of: Uint32Array;
  private readonly sets: Uint32Array[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly unions = new Map<number, number>();
  private readonly words: number;

  constructor(circuit: ProbabilisticCircuit) {
    this.words = Math.max(1, Math.ceil(circuit.variables / 32));
    this.of = new Uint32Array(unitCount(circuit));
    this.intern(new Uint32Array(this.words));
    const { kind, first, child } = circuit;
    for (let unit = 0; unit < this.of.length; unit++) {
      if (kind[unit] === inputKind) {
        const input = circuit.inputs[circuit.inputOf[unit]];
        const set = new Uint32Array(this.words);
        if (input.kind !== 'constant') set[input.variable >>> 5] |= 1 << (input.variable & 31);
        this.of[unit] = this.intern(set);
        continue;
      }
      let scope = 0;
      for (let e = first[unit]; e < first[unit + 1]; e++) scope = this.union(scope, this.of[child[e]]);
      this.of[unit] = scope;
    }
  }

  /** Number of the union of two scopes. */
  union(a: number, b: number): number {
    if (a === b || b === 0) return a;
    if (a === 0) return b;
    const key = Math.min(a, b) * 2 ** 26 + Math.max(a, b);
    const known = this.unions.get(key);
    if (known !== undefined) return known;
    const result = this.intern(this.sets[a].map((word, w) => word | this.sets[b][w]));
    this.unions.set(key, result);
    return result;
  }

  /** Whether two scopes share a variable. */
  meet(a: number, b: number): boolean {
    return this.sets[a].some((word, w) => (word & this.sets[b][w]) !== 0);
  }

  /** The variables of a scope, counted from 0, rising. */
  variables(scope: number): number[] {
    const set = this.sets[scope];
    const result: number[] = [];
    for (let v = 0; v < this.words * 32; v++) if ((set[v >>> 5] >>> (v & 31)) & 1) result.push(v);
    return result;
  }

  /** Number of variables of a scope. */
  size(scope: number): number {
    let count = 0;
    for (const word of this.sets[scope]) for (let rest = word; rest !== 0; rest &= rest - 1) count++;
    return count;
  }

  /** Text that two circuits share for one set of variables. */
  key(scope: number): string {
    return this.sets[scope].join();
  }

  private intern(set: Uint32Array): number {
    const key = set.join();
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    this.numbers.set(key, this.sets.length);
    this.sets.push(set);
    return this.sets.length - 1;
  }
}
