import { InputError } from '../errors.js';
import { CircuitBuilder, inputKind, type ProbabilisticCircuit, productKind, unitCount, unitName } from './circuit.js';
import { type InputUnit, indicator, inputStates } from './inputs.js';
import { Ids, type Line, mostVariables, notThis, textLines } from './lines.js';
import { plainExp } from './plain-math.js';
import { Scopes } from './scopes.js';

type Node = { input: InputUnit } | { children: number[]; logWeights?: number[] };

/**
 * Reads Juice's text format: `jpc N`, then `L id vtree literal`, `I id vtree variable value`, `C id vtree variable log p…`,
 * `B id vtree variable trials log p`, `P id vtree k children…`, `S id vtree k {child log weight}…`; children before parents, the
 * last node the root. A variable has as many values as its inputs need, at least two.
 * @throws InputError naming the line
 */
export function readJpc(text: string, file: string): ProbabilisticCircuit {
  const ids = new Ids();
  const nodes: Node[] = [];
  const states: number[] = [];
  let header = false;
  for (const line of textLines(text, file)) {
    const kind = line.word('the kind of node');
    if (!header) {
      if (kind !== 'jpc') break;
      header = true;
      continue;
    }
    const id = line.integer('the node');
    line.integer('the vtree node');
    const node = readNode(kind, line, ids);
    line.end();
    if ('input' in node && node.input.kind !== 'constant') {
      const { variable } = node.input;
      for (let v = states.length; v <= variable; v++) states.push(2);
      states[variable] = Math.max(states[variable], inputStates(node.input)[0]);
    }
    ids.set(id, nodes.length, line);
    nodes.push(node);
  }
  if (!header || nodes.length === 0) throw notThis(file, 'jpc N', 'a circuit of Juice');
  const build = new CircuitBuilder(states);
  for (const node of nodes) {
    if ('input' in node) build.input(node.input);
    else if (node.logWeights) build.logSum(node.children, node.logWeights);
    else build.product(node.children);
  }
  return build.finish();
}

function readNode(kind: string, line: Line, ids: Ids): Node {
  if (kind === 'P' || kind === 'S') {
    const count = line.integer('the number of children', 1);
    const words = kind === 'P' ? 1 : 2;
    if (line.left !== words * count) line.fail(`should have ${count} children of ${words} words; it may be cut short`);
    const node = { children: [] as number[], logWeights: kind === 'S' ? ([] as number[]) : undefined };
    for (let i = 0; i < count; i++) {
      node.children.push(ids.get(line, 'a child'));
      node.logWeights?.push(line.logarithm('a weight'));
    }
    return node;
  }
  if (kind === 'L') {
    const { variable, value } = line.literal('the literal');
    return { input: indicator(variable, value) };
  }
  if (!/^[ICB]$/.test(kind)) line.fail('does not begin with L, I, C, B, P or S');
  const variable = line.integer('the variable', 1, mostVariables) - 1;
  if (kind === 'I') return { input: indicator(variable, line.integer('the value', 0, 2 ** 16)) };
  if (kind === 'C') {
    if (line.left === 0) line.fail('has no probabilities');
    const logProbabilities = Float64Array.from({ length: line.left }, () => line.logarithm('log p'));
    return { input: { kind: 'categorical', variable, logProbabilities } };
  }
  const trials = line.integer('the trials', 1, 2 ** 16);
  const probability = plainExp(line.logarithm('log p'));
  if (probability > 1) line.fail('has a probability above one');
  return { input: { kind: 'binomial', variable, trials, probability } };
}

/**
 * Writes Juice's text format, with all digits. The vtree's column numbers the scopes, since other circuits have no vtree.
 * @throws InputError for gaussian, logistic and constant inputs, which the format does not have
 */
export function writeJpc(circuit: ProbabilisticCircuit): string {
  const scopes = new Scopes(circuit);
  const log = (value: number): string => (value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value));
  const lines = [`jpc ${unitCount(circuit)}`];
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    const place = `${unit} ${scopes.of[unit]}`;
    const edges = Array.from(
      { length: circuit.first[unit + 1] - circuit.first[unit] },
      (_, i) => circuit.first[unit] + i,
    );
    if (circuit.kind[unit] === inputKind) lines.push(inputLine(circuit, unit, place, log));
    else if (circuit.kind[unit] === productKind) {
      lines.push(`P ${place} ${edges.length} ${edges.map((e) => circuit.child[e]).join(' ')}`);
    } else {
      const pairs = edges.map((e) => `${circuit.child[e]} ${log(circuit.logWeight[e])}`);
      lines.push(`S ${place} ${edges.length} ${pairs.join(' ')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function inputLine(circuit: ProbabilisticCircuit, unit: number, place: string, log: (value: number) => string): string {
  const input = circuit.inputs[circuit.inputOf[unit]];
  switch (input.kind) {
    case 'indicator':
      if (circuit.states[input.variable] > 2) return `I ${place} ${input.variable + 1} ${input.value}`;
      return `L ${place} ${input.value ? '' : '-'}${input.variable + 1}`;
    case 'categorical':
      return `C ${place} ${input.variable + 1} ${Array.from(input.logProbabilities, log).join(' ')}`;
    case 'binomial':
      return `B ${place} ${input.variable + 1} ${input.trials} ${log(Math.log(input.probability))}`;
    default:
      throw new InputError(
        `${unitName(circuit, unit)} is a ${input.kind} input, which Juice's text format does not have`,
      );
  }
}
