import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { bernoulli, indicator } from './inputs.js';
import { Ids, type Line, mostVariables, notThis, textLines } from './lines.js';
import { plainExp } from './plain-math.js';
import { type Vtree, vtreeSpans, vtreeVariables } from './vtree.js';

/** How far from one the weights of a decision may sum: files have their logarithms to about seven digits. */
const slack = 1e-4;

/**
 * Reads a probabilistic sentential decision diagram: lines `L id vtree literal`, `T id vtree variable log(p(variable = 1))` and
 * `D id vtree k {prime sub log weight}…`, children before parents, the last node the root. Files differ in what their header
 * counts, so the body is trusted.
 * @param vtree the tree that the nodes are of; when it is given, every node is checked against it
 * @throws InputError naming the line: text that is no PSDD, a node used before it is defined, weights that do not sum to one, a
 * node that does not fit the vtree
 */
export function readPsdd(text: string, file: string, vtree?: Vtree): ProbabilisticCircuit {
  const nodes = parse(text, file);
  const variables = Math.max(vtree ? vtreeVariables(vtree) : 0, nodes.variables);
  if (vtree) checkVtree(nodes.placed, vtree);
  const build = new CircuitBuilder(new Array<number>(variables).fill(2));
  const unit: number[] = [];
  for (const node of nodes.list) {
    if (node.kind === 'L') unit.push(build.input(indicator(node.variable, node.value)));
    else if (node.kind === 'T') unit.push(build.input(bernoulli(node.variable, plainExp(node.log))));
    else {
      const products = node.elements.map(([prime, sub]) => build.product([unit[prime], unit[sub]]));
      unit.push(
        build.logSum(
          products,
          node.elements.map(([, , log]) => log),
        ),
      );
    }
  }
  return build.finish();
}

type PsddNode =
  | { kind: 'L'; variable: number; value: 0 | 1 }
  | { kind: 'T'; variable: number; log: number }
  | { kind: 'D'; elements: [prime: number, sub: number, log: number][] };

/** A node with the vtree node that it says it is of, and its children there. */
export interface Placed {
  readonly line: Line;
  readonly vtree: number;
  readonly variable: number | undefined;
  readonly pairs: readonly (readonly [prime: Placed | undefined, sub: Placed | undefined])[];
}

function parse(text: string, file: string): { list: PsddNode[]; placed: Placed[]; variables: number } {
  const ids = new Ids();
  const list: PsddNode[] = [];
  const placed: Placed[] = [];
  let variables = 0;
  let header = false;
  for (const line of textLines(text, file)) {
    const kind = line.word('the kind of node');
    if (!header) {
      if (kind !== 'psdd') break;
      header = true;
      continue;
    }
    if (kind !== 'L' && kind !== 'T' && kind !== 'D') line.fail('does not begin with L, T or D');
    const id = line.integer('the node');
    const place = line.integer('the vtree node');
    let variable: number | undefined;
    let pairs: Placed['pairs'] = [];
    if (kind === 'L') {
      const literal = line.literal('the literal');
      variable = literal.variable;
      list.push({ kind: 'L', ...literal });
    } else if (kind === 'T') {
      variable = line.integer('the variable', 1, mostVariables) - 1;
      const log = line.logarithm('log p');
      // Rounded logarithms of one may be a little above 0.
      if (log > slack) line.fail(`has ${log} for log p, which must be at most 0`);
      list.push({ kind: 'T', variable, log: Math.min(0, log) });
    } else {
      const elements = readElements(line, ids);
      pairs = elements.map(([prime, sub]) => [placed[prime], placed[sub]]);
      list.push({ kind: 'D', elements });
    }
    line.end();
    ids.set(id, list.length - 1, line);
    placed.push({ line, vtree: place, variable, pairs });
    variables = Math.max(variables, (variable ?? -1) + 1);
  }
  if (!header || list.length === 0) throw notThis(file, 'psdd N', 'a PSDD');
  return { list, placed, variables };
}

function readElements(line: Line, ids: Ids): [number, number, number][] {
  const count = line.integer('the number of elements', 1);
  if (line.left !== 3 * count) line.fail(`should have ${count} elements of three words; it may be cut short`);
  let sum = 0;
  const elements = Array.from({ length: count }, (): [number, number, number] => {
    const element: [number, number, number] = [
      ids.get(line, 'a prime'),
      ids.get(line, 'a sub'),
      line.logarithm('a weight'),
    ];
    sum += Math.exp(element[2]);
    return element;
  });
  if (!(Math.abs(sum - 1) <= slack)) line.fail(`has weights that sum to ${sum.toPrecision(6)}, not to one`);
  return elements;
}

/** Throws InputError when a node is not of the vtree node that it names: primes are of its left side, subs of its right. */
export function checkVtree(nodes: readonly Placed[], vtree: Vtree): void {
  const number = new Map(Array.from(vtree.id, (id, node) => [id, node]));
  const { from, to } = vtreeSpans(vtree);
  const find = ({ line, vtree: id }: Placed): number =>
    number.get(id) ?? line.fail(`names vtree node ${id}, which the vtree has not; is it the vtree of this circuit?`);
  const inside = (a: number, b: number): boolean => from[a] >= from[b] && to[a] <= to[b];
  for (const node of nodes) {
    const place = find(node);
    const wrong = (): never =>
      node.line.fail(`does not fit vtree node ${node.vtree}; is it the vtree of this circuit?`);
    if (node.variable !== undefined && vtree.variable[place] !== node.variable) wrong();
    for (const [prime, sub] of node.pairs) {
      if (vtree.variable[place] >= 0) wrong();
      if (prime && !inside(find(prime), vtree.left[place])) wrong();
      if (sub && !inside(find(sub), vtree.right[place])) wrong();
    }
  }
}
