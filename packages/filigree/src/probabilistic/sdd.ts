import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { categorical, indicator } from './inputs.js';
import { Ids, notThis, textLines } from './lines.js';
import { checkVtree, type Placed } from './psdd.js';
import { smooth } from './smooth.js';
import { type Vtree, vtreeSpans, vtreeVariables } from './vtree.js';

type SddNode = {
  literal?: { variable: number; value: 0 | 1 };
  constant?: boolean;
  elements: [prime: number, sub: number][];
};

/**
 * Reads a sentential decision diagram: lines `F id`, `T id`, `L id vtree literal` and `D id vtree k {prime sub}…`, children before
 * parents, the last node the root. The circuit is 1 on every row that satisfies the formula and 0 elsewhere, smooth over all
 * variables of the vtree, so that its marginal is the number of models.
 * @param vtree the tree that the nodes are of; when it is given, every node is checked against it
 * @throws InputError naming the line, as `readPsdd` does
 */
export function readSdd(text: string, file: string, vtree?: Vtree): ProbabilisticCircuit {
  const ids = new Ids();
  const nodes: SddNode[] = [];
  const placed: Placed[] = [];
  let variables = vtree ? vtreeVariables(vtree) : 0;
  let header = false;
  for (const line of textLines(text, file)) {
    const kind = line.word('the kind of node');
    if (!header) {
      if (kind !== 'sdd') break;
      header = true;
      continue;
    }
    const id = line.integer('the node');
    const node: SddNode = { elements: [] };
    if (kind === 'T' || kind === 'F') node.constant = kind === 'T';
    else if (kind === 'L' || kind === 'D') {
      const place = line.integer('the vtree node');
      if (kind === 'L') node.literal = line.literal('the literal');
      else {
        const count = line.integer('the number of elements', 1);
        if (line.left !== 2 * count) line.fail(`should have ${count} elements of two words; it may be cut short`);
        node.elements = Array.from({ length: count }, () => [ids.get(line, 'a prime'), ids.get(line, 'a sub')]);
      }
      const pairs = node.elements.map(([prime, sub]): [Placed, Placed] => [placed[prime], placed[sub]]);
      placed[nodes.length] = { line, vtree: place, variable: node.literal?.variable, pairs };
      variables = Math.max(variables, (node.literal?.variable ?? -1) + 1);
    } else line.fail('does not begin with F, T, L or D');
    line.end();
    ids.set(id, nodes.length, line);
    nodes.push(node);
  }
  if (!header || nodes.length === 0) throw notThis(file, 'sdd N', 'an SDD');
  // Constants have no place, so the list has holes.
  if (vtree) checkVtree(Object.values(placed), vtree);
  return vtree ? buildOn(nodes, placed, vtree) : smooth(build(nodes, variables));
}

/** Leaves out the elements that are false everywhere, and tells which nodes are. */
function possibleNodes(nodes: readonly SddNode[]): { never: boolean[]; elements: SddNode['elements'][] } {
  const never: boolean[] = [];
  const elements = nodes.map((node) => {
    const possible = node.elements.filter(([prime, sub]) => !never[prime] && !never[sub]);
    never.push(node.constant === false || (node.elements.length > 0 && possible.length === 0));
    return possible;
  });
  return { never, elements };
}

const falsehood = { kind: 'constant', log: Number.NEGATIVE_INFINITY } as const;

function build(nodes: readonly SddNode[], variables: number): ProbabilisticCircuit {
  const circuit = new CircuitBuilder(new Array<number>(variables).fill(2));
  const { never, elements } = possibleNodes(nodes);
  const units: number[] = [];
  nodes.forEach(({ literal }, at) => {
    if (literal) units.push(circuit.input(indicator(literal.variable, literal.value)));
    else if (never[at]) units.push(circuit.input(falsehood));
    else if (elements[at].length === 0) units.push(circuit.input({ kind: 'constant', log: 0 }));
    else {
      const products = elements[at].map(([prime, sub]) => circuit.product([units[prime], units[sub]]));
      units.push(circuit.logSum(products, new Float64Array(products.length)));
    }
  });
  return circuit.finish(units[units.length - 1]);
}

/** Makes every unit look at all variables of its vtree node, so that products split as the vtree does. */
function buildOn(nodes: readonly SddNode[], placed: readonly Placed[], vtree: Vtree): ProbabilisticCircuit {
  const circuit = new CircuitBuilder(new Array<number>(vtreeVariables(vtree)).fill(2));
  const { never, elements } = possibleNodes(nodes);
  const number = new Map(Array.from(vtree.id, (id, node) => [id, node]));
  const { from, to } = vtreeSpans(vtree);
  const free: number[] = [];
  vtree.variable.forEach((v, place) => {
    const parts = [free[vtree.left[place]], free[vtree.right[place]]];
    free.push(v >= 0 ? circuit.input(categorical(v, [1, 1])) : circuit.product(parts));
  });
  const units: number[] = [];
  const widened = new Map<string, number>();
  /** A node as a unit over all variables of a vtree node that its own is below. */
  const widen = (node: number, target: number): number => {
    if (nodes[node].constant) return free[target];
    const place = number.get(placed[node].vtree)!;
    if (place === target) return units[node];
    const key = `${node} ${target}`;
    const known = widened.get(key);
    if (known !== undefined) return known;
    const [left, right] = [vtree.left[target], vtree.right[target]];
    const parts =
      from[place] >= from[left] && to[place] <= to[left]
        ? [widen(node, left), free[right]]
        : [free[left], widen(node, right)];
    const unit = circuit.product(parts);
    widened.set(key, unit);
    return unit;
  };
  nodes.forEach(({ literal, constant }, at) => {
    if (literal) units.push(circuit.input(indicator(literal.variable, literal.value)));
    else if (constant || never[at]) units.push(-1);
    else {
      const place = number.get(placed[at].vtree)!;
      const [left, right] = [vtree.left[place], vtree.right[place]];
      const products = elements[at].map(([prime, sub]) => circuit.product([widen(prime, left), widen(sub, right)]));
      units.push(circuit.logSum(products, new Float64Array(products.length)));
    }
  });
  const last = nodes.length - 1;
  if (never[last]) return circuit.finish(circuit.input(falsehood));
  return circuit.finish(widen(last, vtree.variable.length - 1));
}
