import { InputError } from '../errors.js';
import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { indicator } from './inputs.js';
import { type Line, mostVariables, notThis, textLines } from './lines.js';
import { smooth } from './smooth.js';

/**
 * Reads a formula in negation normal form, as compilers to d-DNNF write it: c2d's (`nnf V E n`, then `L literal`,
 * `A k children…`, `O j k children…`, nodes counted from 0 in their order) or d4's (`o|a|t|f id 0`, then edges
 * `source target literals… 0`, the root first). The circuit is smooth over all variables; it counts models where the formula is
 * decomposable and deterministic, which `checkProperties` tells.
 * @param variables number of variables, for files that do not say (d4's); at least the greatest that is named
 * @throws InputError naming the line
 */
export function readNnf(text: string, file: string, variables = 0): ProbabilisticCircuit {
  const lines = [...textLines(text, file)];
  if (lines.length === 0) throw notThis(file, 'nnf V E n', 'an NNF');
  const formula = lines[0].words[0] === 'nnf' ? readC2d(lines, file) : readD4(lines, file);
  return smooth(build(formula, Math.max(variables, formula.variables)));
}

/** A node: a literal, or the conjunction (`and`) or disjunction of nodes before it; of none, it is true or false. */
type Node = { literal: { variable: number; value: 0 | 1 } } | { and: boolean; children: number[] };

interface Formula {
  variables: number;
  nodes: Node[];
}

function readC2d(lines: readonly Line[], file: string): Formula {
  const [header, ...rest] = lines;
  header.word('nnf');
  const count = header.integer('the nodes', 1);
  header.integer('the edges');
  const variables = header.integer('the variables', 0, mostVariables);
  header.end();
  const nodes = rest.map((line, at): Node => {
    const kind = line.word('the kind of node');
    let node: Node;
    if (kind === 'L') node = { literal: line.literal('the literal') };
    else if (kind === 'A' || kind === 'O') {
      if (kind === 'O') line.integer('the deciding variable', 0, mostVariables);
      const size = line.integer('the number of children');
      if (line.left !== size) line.fail(`should have ${size} children; it may be cut short`);
      node = { and: kind === 'A', children: Array.from({ length: size }, () => childOf(line, at)) };
    } else return line.fail('does not begin with L, A or O');
    if ('literal' in node && node.literal.variable >= variables) line.fail(`has a variable above ${variables}`);
    line.end();
    return node;
  });
  if (nodes.length !== count) {
    throw new InputError(`${file} has ${nodes.length} nodes, but its header says ${count}; it may be cut short`);
  }
  return { variables, nodes };
}

function childOf(line: Line, before: number): number {
  const child = line.integer('a child');
  if (child >= before)
    line.fail(`names node ${child}, which is not defined before it; children stand before their parents`);
  return child;
}

interface D4Edge {
  line: Line;
  target: number;
  literals: { variable: number; value: 0 | 1 }[];
}

/** d4 lists parents before children and puts literals on edges; the nodes are put in order, each edge a conjunction. */
function readD4(lines: readonly Line[], file: string): Formula {
  const kinds = new Map<number, string>();
  const edges = new Map<number, D4Edge[]>();
  let variables = 0;
  for (const line of lines) {
    const [kind] = line.words;
    if (/^[oatf]$/.test(kind)) {
      line.word('the kind of node');
      const id = line.integer('the node');
      if (kinds.has(id)) line.fail(`defines node ${id} a second time`);
      kinds.set(id, kind);
      edges.set(id, []);
    } else {
      const [source, target] = [line.integer('the source'), line.integer('the target')];
      const literals: D4Edge['literals'] = [];
      while (line.left > 1) literals.push(line.literal('a literal'));
      const own = edges.get(source);
      if (!own || !kinds.has(target)) return line.fail('names a node that is not defined before it');
      own.push({ line, target, literals });
      for (const { variable } of literals) variables = Math.max(variables, variable + 1);
    }
    line.integer('the end of the line', 0, 0);
    line.end();
  }
  if (kinds.size === 0) throw notThis(file, 'nnf V E n", "o 1 0', 'an NNF');
  return { variables, nodes: inOrder([...kinds.keys()][0], kinds, edges) };
}

function inOrder(root: number, kinds: ReadonlyMap<number, string>, edges: ReadonlyMap<number, D4Edge[]>): Node[] {
  const nodes: Node[] = [];
  const place = new Map<number, number>();
  const open = new Set<number>();
  const waiting = [root];
  while (waiting.length > 0) {
    const id = waiting[waiting.length - 1];
    if (place.has(id)) {
      waiting.pop();
      continue;
    }
    const own = edges.get(id)!;
    if (!open.has(id)) {
      open.add(id);
      for (const { line, target } of own) {
        if (open.has(target) && !place.has(target)) line.fail('closes a circle');
        if (!place.has(target)) waiting.push(target);
      }
      continue;
    }
    waiting.pop();
    const kind = kinds.get(id)!;
    const children = own.map(({ target, literals }) => {
      if (literals.length === 0) return place.get(target)!;
      const leaves = literals.map((literal) => nodes.push({ literal }) - 1);
      return nodes.push({ and: true, children: [...leaves, place.get(target)!] }) - 1;
    });
    place.set(id, nodes.push({ and: kind === 'a' || kind === 't', children }) - 1);
  }
  return nodes;
}

function build({ nodes }: Formula, variables: number): ProbabilisticCircuit {
  const circuit = new CircuitBuilder(new Array<number>(variables).fill(2));
  const units: number[] = [];
  const never: boolean[] = [];
  for (const node of nodes) {
    if ('literal' in node) {
      never.push(false);
      units.push(circuit.input(indicator(node.literal.variable, node.literal.value)));
      continue;
    }
    const children = node.and ? node.children : node.children.filter((c) => !never[c]);
    const impossible = node.and ? children.some((c) => never[c]) : children.length === 0;
    never.push(impossible);
    if (impossible) units.push(circuit.input({ kind: 'constant', log: Number.NEGATIVE_INFINITY }));
    else if (children.length === 0) units.push(circuit.input({ kind: 'constant', log: 0 }));
    else {
      const own = children.map((c) => units[c]);
      units.push(node.and ? circuit.product(own) : circuit.logSum(own, new Float64Array(own.length)));
    }
  }
  return circuit.finish(units[units.length - 1]);
}
