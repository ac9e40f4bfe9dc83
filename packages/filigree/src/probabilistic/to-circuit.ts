import type { Circuit, Provenance } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';
import { type Flows, topDown } from './evaluate.js';
import type { InputUnit } from './inputs.js';

/** Most edges that are turned into the shared graph, which is for looking at. */
const most = 200_000;

/**
 * A probabilistic circuit as the shared graph, of kind `probabilistic` and level `unit`: nodes are units, of kinds `input`, `product` and
 * `sum`; edges lead from children to parents; `layer` is the longest way from an input, but inputs stand
 * right below their lowest parent. The score of an edge is minus its flow, how often it is expected to be used (`flows(...).edges`, for one row), so that the most used edges are ranked first; without flows it is minus the
 * weight of a sum's child, and a product's edges have no score. All edges are kept.
 *
 * @param flows `[edges]`, in the order of the circuit's `child`, such as those of `edgeUse`
 * @param names what the variables are called, instead of x1, x2, …
 * @throws InputError when the circuit is too large to be looked at
 */
export function probabilisticGraph(
  circuit: ProbabilisticCircuit,
  provenance: Provenance,
  flows?: ArrayLike<number>,
  names?: readonly string[],
): Circuit {
  const { kind, first, child, logWeight, inputs, inputOf } = circuit;
  const units = unitCount(circuit);
  if (child.length > most) {
    throw new InputError(`the circuit has ${child.length} edges, and at most ${most} can be shown`);
  }
  const layer = new Array<number>(units).fill(0);
  const source: number[] = [];
  const target: number[] = [];
  const port: string[] = [];
  const score: (number | null)[] = [];
  for (let unit = 0; unit < units; unit++) {
    const again = new Map<number, number>();
    for (let e = first[unit]; e < first[unit + 1]; e++) {
      layer[unit] = Math.max(layer[unit], layer[child[e]] + 1);
      source.push(child[e]);
      target.push(unit);
      // A unit may be a child of another several times.
      const times = again.get(child[e]) ?? 0;
      again.set(child[e], times + 1);
      port.push(times === 0 ? '' : String(times + 1));
      score.push(flows ? -flows[e] || 0 : kind[unit] === productKind ? null : -Math.exp(logWeight[e]));
    }
  }
  // A parent comes after its children, so the lowest parent of each is known once all edges have been seen.
  const lowest = new Array<number>(units).fill(Number.POSITIVE_INFINITY);
  source.forEach((from, e) => {
    lowest[from] = Math.min(lowest[from], layer[target[e]]);
  });
  for (let unit = 0; unit < units; unit++) {
    if (kind[unit] === inputKind && Number.isFinite(lowest[unit])) layer[unit] = lowest[unit] - 1;
  }
  const name = (unit: number): string => {
    if (kind[unit] === inputKind) return inputName(inputs[inputOf[unit]], names);
    return kind[unit] === productKind ? '\u00d7' : '+';
  };
  const all = Array.from({ length: units }, (_, unit) => unit);
  return {
    format: 'filigree-circuit',
    version: 1,
    kind: 'probabilistic',
    level: 'unit',
    nodes: {
      id: all.map((unit) => `u${unit}`),
      kind: all.map((unit) => ['input', 'product', 'sum'][kind[unit]]),
      label: all.map(name),
      layer,
      position: all.map(() => null),
      score: all.map(() => null),
    },
    edges: { source, target, port, score, kept: source.map(() => true) },
    provenance,
  };
}

/**
 * How often each edge is expected to be used, in the order of the circuit's `child`: as `Flows.edges` says for the edges of sums; all
 * edges of a product are used as often as the product.
 */
export function edgeFlows(
  circuit: ProbabilisticCircuit,
  { edges, units }: Pick<Flows, 'edges' | 'units'>,
): Float64Array {
  const result = Float64Array.from(edges);
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    if (circuit.kind[unit] === productKind) result.fill(units[unit], circuit.first[unit], circuit.first[unit + 1]);
  }
  return result;
}

/** `edgeFlows` of a sample when nothing is known. */
export const edgeUse = (circuit: ProbabilisticCircuit): Float64Array => edgeFlows(circuit, topDown(circuit));

/**
 * The graph with at most `most` edges kept: a search from the root goes on with the most used edge that it can reach, so that what
 * is kept hangs together.
 */
export function keepMostUsed(graph: Circuit, most: number): Circuit {
  const { source, target, score } = graph.edges;
  if (source.length <= most) return graph;
  const below: number[][] = graph.nodes.id.map(() => []);
  for (let e = 0; e < target.length; e++) below[target[e]].push(e);
  const kept = source.map(() => false);
  const met = new Set([below.length - 1]);
  let reach = [...below[below.length - 1]];
  for (let count = 0; count < most && reach.length > 0; count++) {
    const next = reach.reduce((best, e) => ((score[e] ?? 0) < (score[best] ?? 0) ? e : best));
    kept[next] = true;
    reach = reach.filter((e) => e !== next);
    if (met.has(source[next])) continue;
    met.add(source[next]);
    for (const e of below[source[next]]) reach.push(e);
  }
  return { ...graph, edges: { ...graph.edges, kept } };
}

const short = (x: number): string => String(Number(x.toPrecision(3)));

/** What an input says, in a few letters; variables count from 1. */
function inputName(input: InputUnit, names: readonly string[] | undefined): string {
  if (input.kind === 'constant') return short(Math.exp(input.log));
  const name = names?.[input.variable] ?? `x${input.variable + 1}`;
  switch (input.kind) {
    case 'indicator':
      return `${name}=${input.value}`;
    case 'binomial':
      return `${name}~Bin ${short(input.probability)}`;
    case 'gaussian':
      return `${name}~N ${short(input.mean)}`;
    case 'logistic':
      return `${name}~L ${short(input.mean)}`;
    case 'categorical': {
      const p = input.logProbabilities.map(Math.exp);
      const sure = p.reduce((count, x) => count + Number(x > 0), 0) === 1;
      if (sure) return `${name}=${p.findIndex((x) => x > 0)}`;
      return p.length === 2 ? `${name} ${short(p[1] / (p[0] + p[1]))}` : name;
    }
  }
}
