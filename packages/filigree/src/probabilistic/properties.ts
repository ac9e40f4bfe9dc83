import { InputError } from '../errors.js';
import { type ProbabilisticCircuit, productKind, sumKind, unitCount, unitName } from './circuit.js';
import { checkDeterminism } from './determinism.js';
import { Scopes } from './scopes.js';

export type PropertyName = 'smooth' | 'decomposable' | 'structuredDecomposable' | 'deterministic';

/** Why a circuit lacks a property. */
export interface Violation {
  readonly property: PropertyName;
  /** The unit that breaks it. */
  readonly unit: number;
  /** One line that names the unit. */
  readonly why: string;
}

export interface Properties {
  /** The children of every sum look at the same variables. Needed by marginals. */
  readonly smooth: boolean;
  /** The children of every product look at different variables. Needed by marginals. */
  readonly decomposable: boolean;
  /** Also, all products over the same variables split them alike. Needed to compare two circuits. */
  readonly structuredDecomposable: boolean;
  /** At most one child of every sum is above zero on any row. Needed by exact MAP, and by entropy and divergence. */
  readonly deterministic: boolean | 'unknown';
  /** The first unit that breaks each property that is missing. */
  readonly why: readonly Violation[];
}

const cache = new WeakMap<ProbabilisticCircuit, Properties>();

/** Checks what a circuit's structure allows to ask of it, and names the first unit that breaks each property. */
export function checkProperties(circuit: ProbabilisticCircuit): Properties {
  const known = cache.get(circuit);
  if (known) return known;
  const scopes = new Scopes(circuit);
  const why: Violation[] = [];
  const note = (property: PropertyName, unit: number, text: string): void => {
    if (!why.some((violation) => violation.property === property)) {
      why.push({ property, unit, why: `${unitName(circuit, unit)} ${text}` });
    }
  };
  const splits = new Map<number, string>();
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    const children = circuit.child.subarray(circuit.first[unit], circuit.first[unit + 1]);
    if (circuit.kind[unit] === sumKind) checkSmooth(unit, children, scopes, note);
    else if (circuit.kind[unit] === productKind) checkProduct(unit, children, scopes, splits, note);
  }
  const lacks = (property: PropertyName): boolean => why.some((violation) => violation.property === property);
  const decomposable = !lacks('decomposable');
  const structuredDecomposable = decomposable && !lacks('structuredDecomposable');
  const { deterministic, unit } = checkDeterminism(circuit, scopes, structuredDecomposable);
  if (unit !== undefined) {
    const text = deterministic === false ? 'has children that share rows' : 'could not be shown to be deterministic';
    note('deterministic', unit, text);
  }
  const result = { smooth: !lacks('smooth'), decomposable, structuredDecomposable, deterministic, why };
  cache.set(circuit, result);
  return result;
}

type Note = (property: PropertyName, unit: number, text: string) => void;

function checkSmooth(unit: number, children: Uint32Array, scopes: Scopes, note: Note): void {
  const odd = children.find((c) => scopes.of[c] !== scopes.of[children[0]]);
  if (odd === undefined) return;
  const [a, b] = [children[0], odd].map((c) => new Set(scopes.variables(scopes.of[c])));
  const only = [...a].find((v) => !b.has(v)) ?? [...b].find((v) => !a.has(v))!;
  note('smooth', unit, `has a child that looks at variable ${only + 1} and a child that does not`);
}

function checkProduct(
  unit: number,
  children: Uint32Array,
  scopes: Scopes,
  splits: Map<number, string>,
  note: Note,
): void {
  let seen = 0;
  for (const c of children) {
    if (scopes.meet(seen, scopes.of[c])) {
      const before = new Set(scopes.variables(seen));
      const twice = scopes.variables(scopes.of[c]).find((v) => before.has(v))!;
      note('decomposable', unit, `looks at variable ${twice + 1} in two children`);
    }
    seen = scopes.union(seen, scopes.of[c]);
  }
  const split = splitOf(children, scopes);
  if (split === undefined) return;
  const known = splits.get(seen);
  if (known === undefined) splits.set(seen, split);
  else if (known !== split) {
    note(
      'structuredDecomposable',
      unit,
      'splits its variables in another way than an earlier product over the same ones',
    );
  }
}

/** How a product splits its variables, as text; undefined where it passes on all of them to one child. */
function splitOf(children: Uint32Array, scopes: Scopes): string | undefined {
  const parts = [...new Set(Array.from(children, (c) => scopes.of[c]))].filter((scope) => scope !== 0);
  return parts.length < 2 ? undefined : parts.sort((a, b) => a - b).join();
}

/**
 * Throws InputError, naming the query and the offending unit, when the circuit lacks a property that the query needs.
 * @param query such as 'a marginal'
 */
export function requireProperties(circuit: ProbabilisticCircuit, needed: readonly PropertyName[], query: string): void {
  const properties = checkProperties(circuit);
  for (const property of needed) {
    if (properties[property] === true) continue;
    const name = property === 'structuredDecomposable' ? 'structured-decomposable' : property;
    const reason = properties.why.find((violation) => violation.property === property)?.why;
    throw new InputError(`${query} needs a circuit that is ${name}: ${reason ?? 'it is not decomposable'}`);
  }
}

/**
 * Throws InputError, naming the unit, when the weights of a sum do not sum to one: what is about probabilities of edges needs that.
 * @param query such as 'pruning'
 */
export function requireNormalised(circuit: ProbabilisticCircuit, query: string): void {
  const { kind, first, logWeight } = circuit;
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    if (kind[unit] !== sumKind) continue;
    let total = 0;
    for (let e = first[unit]; e < first[unit + 1]; e++) total += Math.exp(logWeight[e]);
    if (Math.abs(total - 1) <= 1e-4) continue;
    throw new InputError(
      `${query} needs weights that sum to one, but those of ${unitName(circuit, unit)} sum to ${Number(total.toPrecision(6))}`,
    );
  }
}
