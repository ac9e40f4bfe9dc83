import { InputError } from '../../errors.js';
import {
  type AlgebraicCircuit,
  type AlgebraicUnit,
  algebraicProperties,
  deterministicIn,
  scopesOf,
  Units,
} from './algebraic.js';
import { real, type Semiring } from './semiring.js';

/** A map of the values of one semiring to another's, and what is known of it. */
export interface ElementMap<S, T> {
  readonly name: string;
  readonly to: Semiring<T>;
  apply(value: S): T;
  /** τ(a + b) = τ(a) + τ(b). */
  readonly additive?: boolean;
  /** τ(a b) = τ(a) τ(b), and τ(1) = 1. */
  readonly multiplicative?: boolean;
}

/** What an operator asks, and whether it is so. */
export interface Condition {
  readonly name: string;
  readonly holds: boolean;
  /** The unit that breaks it. */
  readonly why: string;
}

export interface OperatorOptions {
  /** Computes also where the conditions do not hold: the result is then wrong in general. */
  readonly force?: boolean;
}

function demand(operator: string, conditions: readonly Condition[], { force }: OperatorOptions): void {
  const broken = conditions.find((condition) => !condition.holds);
  if (broken && !force) throw new InputError(`${operator} needs a circuit that is ${broken.name}: ${broken.why}`);
}

/** The conditions of aggregation. */
export function aggregateConditions<T>(circuit: AlgebraicCircuit<T>): Condition[] {
  const { smooth, decomposable, why } = algebraicProperties(circuit);
  const reason = (word: RegExp): string => why.find((text) => word.test(text)) ?? '';
  return [
    { name: 'smooth', holds: smooth, why: reason(/^sum .*child/) },
    { name: 'decomposable', holds: decomposable, why: reason(/^product .*two children/) },
  ];
}

/**
 * ⊕ over some variables: in a smooth and decomposable circuit, each input of one of them becomes the ⊕ of its values, and
 * parts that look at no variable any more become constants.
 * @throws InputError naming the unit that breaks a condition, unless forced
 */
export function aggregate<T>(
  circuit: AlgebraicCircuit<T>,
  variables: ReadonlySet<number>,
  options: OperatorOptions = {},
): AlgebraicCircuit<T> {
  demand('aggregation', aggregateConditions(circuit), options);
  const { semiring } = circuit;
  const units = circuit.units.map((unit): AlgebraicUnit<T> => {
    if (unit.kind !== 'input' || unit.input.variable === undefined || !variables.has(unit.input.variable)) return unit;
    return constant(unit.input.table.reduce((sum, x) => semiring.add(sum, x), semiring.zero));
  });
  return folded({ ...circuit, units });
}

const constant = <T>(value: T): AlgebraicUnit<T> => ({ kind: 'input', input: { variable: undefined, table: [value] } });

/** The circuit with every part that looks at no variable computed to the one value that it has. */
function folded<T>(circuit: AlgebraicCircuit<T>): AlgebraicCircuit<T> {
  const { semiring, states } = circuit;
  const values: (T | undefined)[] = [];
  const known = (c: number): boolean => values[c] !== undefined;
  const units = circuit.units.map((unit): AlgebraicUnit<T> => {
    if (unit.kind === 'input') {
      values.push(unit.input.variable === undefined ? unit.input.table[0] : undefined);
      return unit;
    }
    if (!unit.children.every(known)) {
      values.push(undefined);
      return unit;
    }
    const value =
      unit.kind === 'product'
        ? unit.children.reduce((product, c) => semiring.multiply(product, values[c]!), semiring.one)
        : unit.children.reduce(
            (sum, c, i) => semiring.add(sum, semiring.multiply(unit.weights[i], values[c]!)),
            semiring.zero,
          );
    values.push(value);
    return constant(value);
  });
  const kept = new Units<T>(semiring);
  for (const unit of units) kept.add(unit);
  return kept.finish(states, units.length - 1);
}

/** Most pairs of units that a product may have. */
const mostPairs = 2 ** 22;

/**
 * The product of two compatible circuits: smooth, decomposable, and splitting the variables that they share alike. Its size is at most
 * that of one times that of the other.
 * @throws InputError naming two units that split their variables in other ways
 */
export function multiply<T>(a: AlgebraicCircuit<T>, b: AlgebraicCircuit<T>): AlgebraicCircuit<T> {
  if (a.semiring.name !== b.semiring.name) {
    throw new InputError(`a product needs circuits over one semiring, not ${a.semiring.name} and ${b.semiring.name}`);
  }
  if (a.states.join() !== b.states.join()) throw new InputError('a product needs circuits over the same variables');
  const product = new Product(a, b);
  return product.units.finish(a.states, product.root());
}

type Term<T> = readonly [ours: number, theirs: number, weight: T];

class Product<T> {
  readonly units: Units<T>;
  private readonly known = new Map<number, number>();
  private readonly copies: readonly [Map<number, number>, Map<number, number>] = [new Map(), new Map()];
  private readonly scopes: readonly (readonly ReadonlySet<number>[])[];

  constructor(
    private readonly a: AlgebraicCircuit<T>,
    private readonly b: AlgebraicCircuit<T>,
  ) {
    this.units = new Units(a.semiring);
    this.scopes = [scopesOf(a), scopesOf(b)];
  }

  /** The unit of the whole product. */
  root(): number {
    const root = this.of(this.a.units.length - 1, this.b.units.length - 1);
    return root >= 0 ? root : this.units.constant(this.a.semiring.zero);
  }

  /** The product of two units, -1 where it is zero everywhere. */
  private of(n: number, m: number): number {
    const key = n * this.b.units.length + m;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    if (this.known.size >= mostPairs) throw new InputError(`the product needs more than ${mostPairs} pairs of units`);
    const result = this.compute(n, m);
    this.known.set(key, result);
    return result;
  }

  private compute(n: number, m: number): number {
    const { semiring } = this.a;
    const [x, y] = [this.a.units[n], this.b.units[m]];
    if (!meet(this.scopes[0][n], this.scopes[1][m])) return this.units.product([this.copy(0, n), this.copy(1, m)]);
    if (x.kind === 'sum' && y.kind === 'sum') {
      return this.sum(
        x.children.flatMap((c, i) =>
          y.children.map((d, j): Term<T> => [c, d, semiring.multiply(x.weights[i], y.weights[j])]),
        ),
      );
    }
    if (x.kind === 'sum') return this.sum(x.children.map((c, i): Term<T> => [c, m, x.weights[i]]));
    if (y.kind === 'sum') return this.sum(y.children.map((d, j): Term<T> => [n, d, y.weights[j]]));
    if (x.kind === 'input' && y.kind === 'input') {
      const table = x.input.table.map((value, v) => semiring.multiply(value, y.input.table[v]));
      if (table.every((value) => semiring.isZero(value))) return -1;
      return this.units.add({ kind: 'input', input: { variable: x.input.variable, table } });
    }
    return this.products(n, m, x.kind === 'product' ? x.children : [n], y.kind === 'product' ? y.children : [m]);
  }

  /** A sum of products of units, without those that are zero: of deterministic circuits most are. */
  private sum(terms: readonly Term<T>[]): number {
    const kept = terms.flatMap(([c, d, weight]) => {
      const unit = this.a.semiring.isZero(weight) ? -1 : this.of(c, d);
      return unit < 0 ? [] : [{ unit, weight }];
    });
    if (kept.length === 0) return -1;
    return this.units.sum(
      kept.map(({ unit }) => unit),
      kept.map(({ weight }) => weight),
    );
  }

  /**
   * Each part of one is multiplied with the part of the other that shares variables with it. Small parts first: where one is zero, the
   * others need not be looked at, which keeps products of deterministic circuits small.
   */
  private products(n: number, m: number, ours: readonly number[], theirs: readonly number[]): number {
    const [left, right] = this.scopes;
    const partner = new Map<number, number>();
    const taken = new Set<number>();
    for (const c of ours) {
      const partners = theirs.filter((d) => meet(left[c], right[d]));
      if (partners.length > 1 || taken.has(partners[0])) this.incompatible(n, m);
      if (partners.length === 0) continue;
      partner.set(c, partners[0]);
      taken.add(partners[0]);
    }
    const smallFirst = [...partner].sort(([c], [d]) => left[c].size - left[d].size);
    for (const [c, d] of smallFirst) if (this.of(c, d) < 0) return -1;
    const parts = ours.map((c) => (partner.has(c) ? this.of(c, partner.get(c)!) : this.copy(0, c)));
    return this.units.product([...parts, ...theirs.filter((d) => !taken.has(d)).map((d) => this.copy(1, d))]);
  }

  private copy(side: 0 | 1, unit: number): number {
    const known = this.copies[side].get(unit);
    if (known !== undefined) return known;
    const own = (side === 0 ? this.a : this.b).units[unit];
    const result = this.units.add(
      own.kind === 'input' ? own : { ...own, children: own.children.map((c) => this.copy(side, c)) },
    );
    this.copies[side].set(unit, result);
    return result;
  }

  private incompatible(n: number, m: number): never {
    throw new InputError(
      `a product needs circuits that are compatible: unit ${n} of the first and unit ${m} of the second split the same variables in other ways`,
    );
  }
}

const meet = (a: ReadonlySet<number>, b: ReadonlySet<number>): boolean => {
  for (const v of a) if (b.has(v)) return true;
  return false;
};

/**
 * The product of a deterministic circuit with another of the same units, such as a map of itself: unit by unit, since of any row at
 * most one child of a sum is above zero, the same in both. The size stays.
 * @throws InputError when the units differ, or the first circuit is not deterministic
 */
export function multiplyAligned<T>(
  a: AlgebraicCircuit<T>,
  b: AlgebraicCircuit<T>,
  options: OperatorOptions = {},
): AlgebraicCircuit<T> {
  const { semiring, states } = a;
  demand('a product unit by unit', [determinism(a)], options);
  const differ = (u: number): never => {
    throw new InputError(`a product unit by unit needs circuits of the same units; unit ${u} differs`);
  };
  if (a.units.length !== b.units.length) differ(Math.min(a.units.length, b.units.length));
  const units = a.units.map((x, u): AlgebraicUnit<T> => {
    const y = b.units[u];
    if (x.kind === 'input' && y.kind === 'input' && x.input.variable === y.input.variable) {
      const table = x.input.table.map((value, v) => semiring.multiply(value, y.input.table[v]));
      return { kind: 'input', input: { ...x.input, table } };
    }
    if (x.kind === 'input' || y.kind === 'input' || x.kind !== y.kind || x.children.join() !== y.children.join())
      return differ(u);
    if (x.kind === 'product' || y.kind === 'product') return x;
    return { ...x, weights: x.weights.map((w, i) => semiring.multiply(w, y.weights[i])) };
  });
  return { semiring, states, units };
}

const all = <T>({ states }: AlgebraicCircuit<T>): Set<number> => new Set(states.keys());

function determinism<T>(circuit: AlgebraicCircuit<T>): Condition {
  const { holds, why } = deterministicIn(circuit, all(circuit));
  return { name: 'deterministic', holds, why };
}

/** The conditions of a map: where it is not additive, determinism; where it is not multiplicative, products of zeros and ones. */
export function mapConditions<S, T>(circuit: AlgebraicCircuit<S>, map: ElementMap<S, T>): Condition[] {
  const conditions: Condition[] = [];
  const { semiring } = circuit;
  const keepsZero = map.to.isZero(map.apply(semiring.zero));
  if (!map.additive) {
    conditions.push(determinism(circuit));
    conditions.push({
      name: `mapped to zero where it is zero`,
      holds: keepsZero,
      why: `${map.name} of zero is not zero`,
    });
  }
  if (!map.multiplicative) {
    const odd = oddProduct(circuit);
    conditions.push({
      name: 'of products of zeros and ones but for one child each',
      holds: odd < 0,
      why: `unit ${odd} multiplies two values that are neither`,
    });
  }
  return conditions;
}

/** The first unit that multiplies two values outside {0, 1}, -1 where there is none. Weights of sums are factors too. */
function oddProduct<T>({ semiring, units }: AlgebraicCircuit<T>): number {
  const isOne = (x: T): boolean =>
    typeof x === 'object' ? JSON.stringify(x) === JSON.stringify(semiring.one) : x === semiring.one;
  const trivial = (x: T): boolean => semiring.isZero(x) || isOne(x);
  const plain: boolean[] = [];
  for (const [u, unit] of units.entries()) {
    if (unit.kind === 'input') plain.push(unit.input.table.every(trivial));
    else if (unit.kind === 'product') {
      const odd = unit.children.filter((c) => !plain[c]).length;
      if (odd > 1) return u;
      plain.push(odd === 0);
    } else {
      if (unit.children.some((c, i) => !plain[c] && !trivial(unit.weights[i]))) return u;
      plain.push(unit.children.every((c, i) => plain[c] && trivial(unit.weights[i])));
    }
  }
  return -1;
}

/**
 * The circuit of τ(value), with τ pushed down to inputs and weights: past sums where τ is additive, or at most one child is above
 * zero and τ(0) = 0; past products where τ is multiplicative, or all children but one are 0 or 1. The size stays, and so does the
 * support.
 * @throws InputError naming the unit that breaks a condition, unless forced
 */
export function mapElements<S, T>(
  circuit: AlgebraicCircuit<S>,
  map: ElementMap<S, T>,
  options: OperatorOptions = {},
): AlgebraicCircuit<T> {
  demand(map.name, mapConditions(circuit, map), options);
  const units = circuit.units.map((unit): AlgebraicUnit<T> => {
    if (unit.kind === 'product') return unit;
    if (unit.kind === 'sum') return { ...unit, weights: unit.weights.map((w) => map.apply(w)) };
    return { kind: 'input', input: { ...unit.input, table: unit.input.table.map((x) => map.apply(x)) } };
  });
  return { semiring: map.to, states: circuit.states, units };
}

/**
 * The circuit of log f on the support of f, 0 elsewhere, over the real numbers: beside it goes the support s, and
 * l(sum) = Σ l(c) + log w s(c), l(product) = Σ_i l(c_i) Π_(j≠i) s(c_j). Three times the size, times the children of products.
 * @throws InputError when the circuit is not deterministic and decomposable
 */
export function logCircuit(circuit: AlgebraicCircuit<number>, options: OperatorOptions = {}): AlgebraicCircuit<number> {
  demand('a logarithm', [...aggregateConditions(circuit), determinism(circuit)], options);
  const units = new Units(real);
  const log: number[] = [];
  const support: number[] = [];
  const safe = (x: number): number => (x > 0 ? Math.log(x) : 0);
  for (const unit of circuit.units) {
    if (unit.kind === 'input') {
      const on = unit.input.table.map((x) => (x > 0 ? 1 : 0));
      support.push(units.add({ kind: 'input', input: { ...unit.input, table: on } }));
      log.push(units.add({ kind: 'input', input: { ...unit.input, table: unit.input.table.map(safe) } }));
    } else if (unit.kind === 'sum') {
      const { children, weights } = unit;
      support.push(
        units.sum(
          children.map((c) => support[c]),
          weights.map((w) => (w > 0 ? 1 : 0)),
        ),
      );
      const both = [...children.map((c) => log[c]), ...children.map((c) => support[c])];
      log.push(units.sum(both, [...weights.map((w) => (w > 0 ? 1 : 0)), ...weights.map(safe)]));
    } else {
      const { children } = unit;
      support.push(units.product(children.map((c) => support[c])));
      const terms = children.map((c, i) => units.product(children.map((d, j) => (i === j ? log[c] : support[d]))));
      log.push(
        units.sum(
          terms,
          terms.map(() => 1),
        ),
      );
    }
  }
  return units.finish(circuit.states, log[log.length - 1]);
}

/** The circuit with the inputs of each variable multiplied by its weights: the product with a factorised circuit. */
export function weigh<T>(
  circuit: AlgebraicCircuit<T>,
  weights: ReadonlyMap<number, readonly T[]>,
): AlgebraicCircuit<T> {
  const { semiring } = circuit;
  const units = circuit.units.map((unit): AlgebraicUnit<T> => {
    const by =
      unit.kind === 'input' && unit.input.variable !== undefined ? weights.get(unit.input.variable) : undefined;
    if (unit.kind !== 'input' || !by) return unit;
    const table = unit.input.table.map((x, v) => semiring.multiply(x, by[v]));
    return { kind: 'input', input: { ...unit.input, table } };
  });
  return { ...circuit, units };
}

/** The circuit where variables have these values: the others keep theirs. */
export function condition<T>(circuit: AlgebraicCircuit<T>, values: ReadonlyMap<number, number>): AlgebraicCircuit<T> {
  const units = circuit.units.map((unit): AlgebraicUnit<T> => {
    const value =
      unit.kind === 'input' && unit.input.variable !== undefined ? values.get(unit.input.variable) : undefined;
    if (unit.kind !== 'input' || value === undefined) return unit;
    return constant(unit.input.table[value]);
  });
  return folded({ ...circuit, units });
}
