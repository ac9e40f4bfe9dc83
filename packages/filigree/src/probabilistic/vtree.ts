import { InputError } from '../errors.js';
import { type ProbabilisticCircuit, productKind, unitCount, unitName } from './circuit.js';
import { Ids, notThis, textLines } from './lines.js';
import { Scopes } from './scopes.js';

/** A binary tree whose leaves are variables: how the products of a structured circuit split them. Children before parents. */
export interface Vtree {
  /** `[nodes]` the variable of a leaf, from 0; -1 inside. */
  readonly variable: Int32Array;
  /** `[nodes]` children; -1 at leaves. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** `[nodes]` the numbers that the file gave them. */
  readonly id: Int32Array;
}

/**
 * Reads a vtree: `vtree N`, then `L id variable` and `I id left right`, children before parents; the last node is the root.
 * @throws InputError for text that is no vtree, a node with two parents, a variable with two leaves, and more than one root
 */
export function readVtree(text: string, file: string): Vtree {
  const ids = new Ids();
  const [variable, left, right, id]: number[][] = [[], [], [], []];
  const parented = new Set<number>();
  const seen = new Set<number>();
  let header = false;
  for (const line of textLines(text, file)) {
    const kind = line.word('the kind of node');
    if (!header) {
      if (kind !== 'vtree') break;
      header = true;
      continue;
    }
    if (kind !== 'L' && kind !== 'I') line.fail('does not begin with L or I');
    const own = line.integer('the node');
    if (kind === 'L') {
      const { variable: v, value } = line.literal('the variable');
      if (value === 0 || seen.has(v)) line.fail(`gives variable ${v + 1} a second leaf, or a negative number`);
      seen.add(v);
      variable.push(v);
      left.push(-1);
      right.push(-1);
    } else {
      const children = [ids.get(line, 'the left child'), ids.get(line, 'the right child')];
      for (const c of children) {
        if (parented.has(c)) line.fail('uses a node that has a parent already');
        parented.add(c);
      }
      variable.push(-1);
      left.push(children[0]);
      right.push(children[1]);
    }
    line.end();
    ids.set(own, variable.length - 1, line);
    id.push(own);
    if (variable.length - parented.size < 1) line.fail('closes a circle');
  }
  if (!header || variable.length === 0) throw notThis(file, 'vtree N', 'a vtree');
  if (parented.size !== variable.length - 1) throw notThis(file, 'vtree N', 'one whole vtree (it has several roots)');
  return {
    variable: Int32Array.from(variable),
    left: Int32Array.from(left),
    right: Int32Array.from(right),
    id: Int32Array.from(id),
  };
}

/** Number of variables: the greatest that a leaf has. */
export const vtreeVariables = ({ variable }: Vtree): number => variable.reduce((most, v) => Math.max(most, v + 1), 0);

/**
 * `[nodes]` for each node the first and last place of its variables when the leaves are counted from left to right: node a is
 * inside node b when a's span is inside b's.
 */
export function vtreeSpans({ variable, left, right }: Vtree): { from: Int32Array; to: Int32Array } {
  const [from, to] = [new Int32Array(variable.length), new Int32Array(variable.length)];
  const width = new Int32Array(variable.length);
  variable.forEach((v, node) => {
    width[node] = v >= 0 ? 1 : width[left[node]] + width[right[node]];
  });
  for (let node = variable.length - 1; node >= 0; node--) {
    to[node] = from[node] + width[node];
    if (variable[node] >= 0) continue;
    from[left[node]] = from[node];
    from[right[node]] = from[node] + width[left[node]];
  }
  return { from, to };
}

/**
 * Checks that a circuit's products split their variables as a vtree may: read from left to right, the leaves of one part do not
 * lie among those of another, and every variable has a leaf. Formats that name vtree nodes are checked node by node by their readers.
 * @throws InputError naming the unit
 */
export function checkRespects(circuit: ProbabilisticCircuit, vtree: Vtree, file: string): void {
  const { from } = vtreeSpans(vtree);
  const place = new Map<number, number>();
  vtree.variable.forEach((v, node) => {
    if (v >= 0) place.set(v, from[node]);
  });
  const scopes = new Scopes(circuit);
  const spans = new Map<number, [least: number, greatest: number]>();
  const spanOf = (unit: number, scope: number): [number, number] => {
    const known = spans.get(scope);
    if (known) return known;
    let span: [number, number] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const v of scopes.variables(scope)) {
      const at = place.get(v);
      if (at === undefined) {
        throw new InputError(`${file}: ${unitName(circuit, unit)} looks at variable ${v + 1}, which the vtree has not`);
      }
      span = [Math.min(span[0], at), Math.max(span[1], at)];
    }
    spans.set(scope, span);
    return span;
  };
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    const children = circuit.child.subarray(circuit.first[unit], circuit.first[unit + 1]);
    if (circuit.kind[unit] !== productKind) {
      if (scopes.of[unit] !== 0) spanOf(unit, scopes.of[unit]);
      continue;
    }
    const parts = Array.from(children, (c) => scopes.of[c]).filter((scope) => scope !== 0);
    const ordered = parts.map((scope) => spanOf(unit, scope)).sort((a, b) => a[0] - b[0]);
    if (ordered.some(([least], i) => i > 0 && least <= ordered[i - 1][1])) {
      throw new InputError(
        `${file}: ${unitName(circuit, unit)} splits its variables in a way that the vtree does not; is it the vtree of this circuit?`,
      );
    }
  }
}
