import type { Circuit, Provenance } from '../circuit/index.js';
import { InputError } from '../errors.js';
import type { EdgeGraph } from './graph.js';
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
      score: places.map((place) => scores?.[place] ?? null),
      kept: places.map((place) => edges[place] === 1),
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
