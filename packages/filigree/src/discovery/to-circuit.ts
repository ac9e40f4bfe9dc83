import type { Circuit, Provenance } from '../circuit/index.js';
import { InputError } from '../errors.js';
import type { EdgeGraph } from './graph.js';
import type { NodeLevel, NodeScores } from './node-scores.js';
import type { NodeSet } from './run-nodes.js';
import type { EdgeSet } from './select.js';

/**
 * A transformer's edges as a shared circuit: all possible edges with their scores, those of the circuit marked as kept. Layers
 * for drawing alternate: input 0, attention of layer l at 2l + 1, its MLP at 2l + 2, logits last.
 */
export function toCircuit(
  graph: EdgeGraph,
  edges: EdgeSet,
  scores: ArrayLike<number> | undefined,
  provenance: Provenance,
): Circuit {
  return wholeGraph(graph, provenance, (place) => ({ score: scores?.[place] ?? null, kept: edges[place] === 1 }));
}

/**
 * A circuit of nodes or neurons as a shared circuit. Which nodes belong to it, and at the level of neurons which features of each,
 * stands beside the nodes; edges have no scores, and those between kept nodes, and from them to the logits, are kept: a node's cut is
 * the cut of all edges out of it, so this is the same circuit said in edges, but for nodes of which only some neurons are kept.
 */
export function nodesToCircuit(
  { graph, level, scores }: Pick<NodeScores, 'graph' | 'level' | 'scores'>,
  nodes: NodeSet,
  provenance: Provenance,
): Circuit {
  const width = nodes.length / graph.sources.length;
  const features = graph.sources.map((_, u) => nodes.subarray(u * width, (u + 1) * width));
  const kept = features.map((own) => own.includes(1));
  const circuit = wholeGraph(graph, provenance, (place) => {
    const { source, destination } = graph.ends(place);
    const writer = graph.writerOf(graph.destinations[destination]);
    return { score: null, kept: kept[source] && (writer < 0 || kept[writer]) };
  });
  const own =
    level === 'node'
      ? { score: [...scores, null] }
      : {
          neurons: [...features.map((each) => Array.from(each, Boolean)), null],
          neuronScores: [...features.map((_, u) => [...scores.slice(u * width, (u + 1) * width)]), null],
        };
  return { ...circuit, level, nodes: { ...circuit.nodes, kept: [...kept, true], ...own } };
}

/** All nodes and edges of a transformer, with what is said of each edge. */
function wholeGraph(
  graph: EdgeGraph,
  provenance: Provenance,
  say: (place: number) => { score: number | null; kept: boolean },
): Circuit {
  const { layers, heads, width, parallel = false } = graph.config;
  const nodes = graph.sources.map((s) => ({
    id: s.name,
    kind: s.kind as string,
    layer: s.kind === 'input' ? 0 : 2 * s.layer + (s.kind === 'head' ? 1 : 2),
  }));
  nodes.push({ id: 'logits', kind: 'logits', layer: 2 * layers + 1 });
  const places = [...graph.places()];
  const ends = places.map((place) => graph.ends(place));
  const destinations = ends.map((e) => graph.destinations[e.destination]);
  const said = places.map(say);
  return {
    format: 'filigree-circuit',
    version: 1,
    kind: 'transformer',
    level: 'edge',
    nodes: {
      id: nodes.map((n) => n.id),
      kind: nodes.map((n) => n.kind),
      label: nodes.map((n) => n.id),
      layer: nodes.map((n) => n.layer),
      position: nodes.map(() => null),
      score: nodes.map(() => null),
    },
    edges: {
      source: ends.map((e) => e.source),
      target: destinations.map((d) => (d.kind === 'logits' ? graph.sources.length : graph.writerOf(d))),
      port: destinations.map((d) => (d.head >= 0 ? d.kind : '')),
      score: said.map(({ score }) => score),
      kept: said.map(({ kept }) => kept),
    },
    provenance: { shape: { layers, heads, ...(width === undefined ? {} : { width }), parallel }, ...provenance },
  };
}

/** The kept edges of a circuit file and its scores, in this graph's table. Throws InputError when it is another model's. */
export function fromCircuit(
  circuit: Circuit,
  graph: EdgeGraph,
  file: string,
): { edges: EdgeSet; scores: Float64Array | undefined } {
  if (circuit.kind !== 'transformer') {
    throw new InputError(`${file} is a circuit of kind '${circuit.kind}', not of a transformer.`);
  }
  const sources = new Map(graph.sources.map((s, i) => [s.name, i]));
  const destinations = new Map(graph.destinations.map((d, i) => [d.name, i]));
  const edges = new Uint8Array(graph.tableSize);
  const scores = new Float64Array(graph.tableSize);
  const { source, target, port, score, kept } = circuit.edges;
  for (let e = 0; e < source.length; e++) {
    const from = circuit.nodes.id[source[e]];
    const to = circuit.nodes.id[target[e]] + (port[e] === '' ? '' : `<${port[e]}>`);
    const s = sources.get(from);
    const d = destinations.get(to);
    if (s === undefined || d === undefined || !graph.possible(s, d)) {
      throw new InputError(
        `${file} has an edge ${from}->${to}, which this model does not have; it is another model's.`,
      );
    }
    edges[graph.index(s, d)] = kept[e] ? 1 : 0;
    scores[graph.index(s, d)] = score[e] ?? Number.NaN;
  }
  const scored = source.length === graph.edges && !scores.some(Number.isNaN);
  return { edges, scores: scored ? scores : undefined };
}

/**
 * The kept nodes or neurons of a circuit file and their scores, in the order of this graph's sources; scores only where all have one.
 * Throws InputError when the file is another model's, or says nothing of nodes.
 */
export function nodesFromCircuit(
  circuit: Circuit,
  graph: EdgeGraph,
  level: NodeLevel,
  width: number,
  file: string,
): { nodes: NodeSet; scores: Float64Array | undefined } {
  fromCircuit(circuit, graph, file);
  const { id, kept, neurons, neuronScores, score } = circuit.nodes;
  if (!kept || (level === 'neuron' && !neurons)) {
    throw new InputError(`${file} is a circuit of ${circuit.level}s, and does not say which ${level}s it keeps.`);
  }
  const places = new Map(id.map((name, i) => [name, i]));
  const nodes = new Uint8Array(graph.sources.length * width);
  const scores = new Float64Array(graph.sources.length * (level === 'node' ? 1 : width)).fill(Number.NaN);
  graph.sources.forEach(({ name }, u) => {
    const i = places.get(name) ?? -1;
    const own = level === 'neuron' ? neurons?.[i] : undefined;
    const ownScores = level === 'neuron' ? neuronScores?.[i] : [score[i] ?? null];
    for (const list of [own, level === 'neuron' ? ownScores : undefined]) {
      if (list && list.length !== width) {
        throw new InputError(`${file} has ${list.length} neurons of ${name}, of which this model has ${width}.`);
      }
    }
    nodes.set(own ? own.map(Number) : new Array<number>(width).fill(Number(kept[i] ?? false)), u * width);
    ownScores?.forEach((value, f) => {
      scores[u * ownScores.length + f] = value ?? Number.NaN;
    });
  });
  return { nodes, scores: scores.some(Number.isNaN) ? undefined : scores };
}
