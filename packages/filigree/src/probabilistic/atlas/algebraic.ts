import { InputError } from '../../errors.js';
import { CircuitBuilder, type ProbabilisticCircuit, productKind, sumKind } from '../circuit.js';
import { checkDeterminism } from '../determinism.js';
import { inputTable } from '../inputs.js';
import { checkProperties } from '../properties.js';
import { Scopes } from '../scopes.js';
import { real, type Semiring } from './semiring.js';

/** An input of an algebraic circuit: a value for each value of one variable, or, without a variable, one value. */
export interface AlgebraicInput<T> {
  readonly variable: number | undefined;
  readonly table: readonly T[];
}

/** A unit: an input, a product of units, or a sum of weighted units. Children stand before their parents. */
export type AlgebraicUnit<T> =
  | { readonly kind: 'input'; readonly input: AlgebraicInput<T> }
  | { readonly kind: 'product'; readonly children: readonly number[] }
  | { readonly kind: 'sum'; readonly children: readonly number[]; readonly weights: readonly T[] };

/** A circuit whose values are of any semiring; its variables are finite. The root is the last unit. */
export interface AlgebraicCircuit<T> {
  readonly semiring: Semiring<T>;
  /** `[variables]` number of values of each. */
  readonly states: readonly number[];
  readonly units: readonly AlgebraicUnit<T>[];
}

/** Number of edges, or of units where there are none: what operators' bounds speak of. */
export const sizeOf = <T>({ units }: AlgebraicCircuit<T>): number =>
  units.reduce((sum, unit) => sum + (unit.kind === 'input' ? 1 : unit.children.length), 0);

/** A probabilistic circuit over the real numbers. Throws InputError when a variable is real. */
export function algebraic(circuit: ProbabilisticCircuit): AlgebraicCircuit<number> {
  const { states, kind, first, child, logWeight, inputs, inputOf } = circuit;
  const real_ = states.indexOf(0);
  if (real_ >= 0)
    throw new InputError(`the atlas needs variables of finitely many values; variable ${real_ + 1} is real`);
  const units = Array.from(kind, (k, unit): AlgebraicUnit<number> => {
    const children = Array.from(child.subarray(first[unit], first[unit + 1]));
    if (k === productKind) return { kind: 'product', children };
    if (k === sumKind) {
      return { kind: 'sum', children, weights: Array.from(logWeight.subarray(first[unit], first[unit + 1]), Math.exp) };
    }
    const input = inputs[inputOf[unit]];
    if (input.kind === 'constant')
      return { kind: 'input', input: { variable: undefined, table: [Math.exp(input.log)] } };
    const table = Array.from(inputTable(input, states[input.variable]), Math.exp);
    return { kind: 'input', input: { variable: input.variable, table } };
  });
  const whole = scopesOf({ semiring: real, states: [], units })[units.length - 1];
  const root = units.length - 1;
  const free = Array.from(states.keys()).filter((v) => !whole.has(v));
  // Every variable is looked at, so that what is not counts all its values.
  for (const v of free)
    units.push({ kind: 'input', input: { variable: v, table: new Array<number>(states[v]).fill(1) } });
  if (free.length > 0) units.push({ kind: 'product', children: [root, ...free.map((_, i) => root + 1 + i)] });
  return { semiring: real, states: Array.from(states), units };
}

/** Collects units, children first, each once. */
export class Units<T> {
  readonly list: AlgebraicUnit<T>[] = [];

  constructor(private readonly semiring: Semiring<T>) {}

  add(unit: AlgebraicUnit<T>): number {
    return this.list.push(unit) - 1;
  }

  constant(value: T): number {
    return this.add({ kind: 'input', input: { variable: undefined, table: [value] } });
  }

  product(children: readonly number[]): number {
    if (children.length === 0) return this.constant(this.semiring.one);
    return children.length === 1 ? children[0] : this.add({ kind: 'product', children });
  }

  sum(children: readonly number[], weights: readonly T[]): number {
    return children.length === 0 ? this.constant(this.semiring.zero) : this.add({ kind: 'sum', children, weights });
  }

  /** The circuit below a unit. */
  finish(states: readonly number[], root: number): AlgebraicCircuit<T> {
    const place = new Map<number, number>();
    const needed = new Uint8Array(root + 1);
    needed[root] = 1;
    for (let u = root; u >= 0; u--) {
      const unit = this.list[u];
      if (needed[u] && unit.kind !== 'input') for (const c of unit.children) needed[c] = 1;
    }
    const units: AlgebraicUnit<T>[] = [];
    for (let u = 0; u <= root; u++) {
      if (!needed[u]) continue;
      const unit = this.list[u];
      place.set(u, units.length);
      units.push(unit.kind === 'input' ? unit : { ...unit, children: unit.children.map((c) => place.get(c)!) });
    }
    return { semiring: this.semiring, states, units };
  }
}

/** The circuit's value on one complete row, or, where all variables have been aggregated, its only value. */
export function valueAt<T>(circuit: AlgebraicCircuit<T>, row: ArrayLike<number> = []): T {
  const { semiring, units } = circuit;
  const values: T[] = [];
  for (const unit of units) {
    if (unit.kind === 'input') {
      const { variable, table } = unit.input;
      values.push(variable === undefined ? table[0] : table[row[variable]]);
    } else if (unit.kind === 'product') {
      values.push(unit.children.reduce((product, c) => semiring.multiply(product, values[c]), semiring.one));
    } else {
      values.push(
        unit.children.reduce(
          (sum, c, i) => semiring.add(sum, semiring.multiply(unit.weights[i], values[c])),
          semiring.zero,
        ),
      );
    }
  }
  return values[values.length - 1];
}

/** What a circuit's structure is known to have; each thing that is missing comes with the unit that lacks it. */
export interface AlgebraicProperties {
  readonly smooth: boolean;
  readonly decomposable: boolean;
  readonly deterministic: boolean | 'unknown';
  readonly why: readonly string[];
}

/** The support of a circuit as a probabilistic circuit of zeros and ones; inputs outside `within` are one everywhere. */
function supportOf<T>(circuit: AlgebraicCircuit<T>, within?: ReadonlySet<number>): ProbabilisticCircuit {
  const { semiring, states, units } = circuit;
  const build = new CircuitBuilder(states);
  const log = (x: T): number => (semiring.isZero(x) ? Number.NEGATIVE_INFINITY : 0);
  for (const unit of units) {
    if (unit.kind === 'product') build.product(unit.children);
    else if (unit.kind === 'sum') build.logSum(unit.children, unit.weights.map(log));
    else {
      const { variable, table } = unit.input;
      if (variable === undefined) build.input({ kind: 'constant', log: log(table[0]) });
      else {
        const logs = table.map(log);
        const open = within !== undefined && !within.has(variable) && logs.some((x) => x === 0);
        build.input({
          kind: 'categorical',
          variable,
          logProbabilities: Float64Array.from(open ? logs.map(() => 0) : logs),
        });
      }
    }
  }
  return build.finish();
}

export function algebraicProperties<T>(circuit: AlgebraicCircuit<T>): AlgebraicProperties {
  const { smooth, decomposable, deterministic, why } = checkProperties(supportOf(circuit));
  return { smooth, decomposable, deterministic, why: why.map((violation) => violation.why) };
}

/**
 * Whether any assignment of the variables X leaves at most one child of every sum whose scope meets X above zero; all variables as X
 * is determinism. Gives the unit that breaks it, as text.
 */
export function deterministicIn<T>(
  circuit: AlgebraicCircuit<T>,
  variables: ReadonlySet<number>,
): { readonly holds: boolean; readonly why: string } {
  const support = supportOf(circuit, variables);
  const scopes = new Scopes(support);
  const meets = (unit: number): boolean => scopes.variables(scopes.of[unit]).some((v) => variables.has(v));
  const { structuredDecomposable } = checkProperties(support);
  const { deterministic, unit } = checkDeterminism(support, scopes, structuredDecomposable, meets);
  if (deterministic === true) return { holds: true, why: '' };
  const how = deterministic === false ? 'has children that share rows' : 'could not be shown to have children apart';
  return { holds: false, why: `sum unit ${unit} ${how} when only ${listed(variables)} are known` };
}

/** Whether every product that looks at variables of X has at most one child that looks at others. */
export function isFirst<T>(
  circuit: AlgebraicCircuit<T>,
  variables: ReadonlySet<number>,
): { readonly holds: boolean; readonly why: string } {
  const scopes = scopesOf(circuit);
  const odd = circuit.units.findIndex((unit, u) => {
    if (unit.kind !== 'product' || ![...scopes[u]].some((v) => variables.has(v))) return false;
    return unit.children.filter((c) => [...scopes[c]].some((v) => !variables.has(v))).length > 1;
  });
  if (odd < 0) return { holds: true, why: '' };
  return {
    holds: false,
    why: `product unit ${odd} has two children that look at variables other than ${listed(variables)}`,
  };
}

/** `[units]` the variables that each unit looks at. */
export function scopesOf<T>({ units }: AlgebraicCircuit<T>): readonly ReadonlySet<number>[] {
  const scopes: ReadonlySet<number>[] = [];
  for (const unit of units) {
    if (unit.kind === 'input') scopes.push(new Set(unit.input.variable === undefined ? [] : [unit.input.variable]));
    else scopes.push(new Set(unit.children.flatMap((c) => [...scopes[c]])));
  }
  return scopes;
}

export const listed = (variables: Iterable<number>): string =>
  [...variables]
    .sort((a, b) => a - b)
    .map((v) => `x${v + 1}`)
    .join(', ');
