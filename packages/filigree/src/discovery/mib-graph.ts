import { z } from 'zod';
import type { Circuit, TransformerShape } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { quote, validate } from '../validate.js';
import {
  circuitOfEdges,
  edgeName,
  importedFrom,
  type NamedNode,
  namedEdges,
  parseEdge,
  parseNode,
  type Sign,
  signed,
} from './edge-names.js';
import { EdgeGraph } from './graph.js';

const count = z.int().min(1).max(99_999);
// Python's NaN, which says that something was not scored, has become null.
const score = z.number().nullable();
const flag = z.union([z.boolean(), z.literal([0, 1])]);

const schema = z.looseObject({
  cfg: z.looseObject({ n_layers: count, n_heads: count, parallel_attn_mlp: z.boolean(), d_model: count.optional() }),
  nodes: z.record(
    z.string(),
    z.looseObject({
      in_graph: flag,
      score: score.optional(),
      neurons: z.union([z.array(flag), z.array(z.array(flag))]).nullish(),
      neurons_scores: z.union([z.array(score), z.array(z.array(score))]).nullish(),
    }),
  ),
  edges: z.record(z.string(), z.looseObject({ score: score.optional(), in_graph: flag })),
});

export interface MibOptions {
  /** What the file's scores attribute (default `loss`). */
  readonly sign?: Sign;
}

/**
 * A circuit from the graph JSON of EAP-IG (Hanna et al. 2024) and of the MIB benchmark (Mueller et al. 2025):
 * `{cfg: {n_layers, n_heads, parallel_attn_mlp, d_model}, nodes: {name: {in_graph, score?, neurons?, neurons_scores?}},
 * edges: {"a0.h1->m0": {score, in_graph}}}`, parsed by `parsePythonJson`. Neurons are features of what a node writes, a list of
 * d_model; for heads also the lists of all heads of the layer, as the authors' code writes them.
 * @param file names the file in messages
 * @throws InputError where the file does not say such a graph
 */
export function readMibGraph(json: unknown, file: string, options: MibOptions = {}): Circuit {
  const { sign = 'loss' } = options;
  const { cfg, nodes, edges } = validate(schema, json, file);
  const shape: TransformerShape = {
    layers: cfg.n_layers,
    heads: cfg.n_heads,
    ...(cfg.d_model === undefined ? {} : { width: cfg.d_model }),
    parallel: cfg.parallel_attn_mlp,
  };
  const named = Object.entries(edges).map(([name, edge]) => {
    const ends = parseEdge(name);
    if (!ends) throw new InputError(`${file} has an edge ${quote(name)}; edges are named like input->a0.h0<q>`);
    const layerOf = (id: string): number | undefined => parseNode(id)?.layer;
    if (shape.parallel && ends.target.startsWith('m') && layerOf(ends.source) === layerOf(ends.target)) {
      throw new InputError(`${file} has an edge ${name}, which a model of parallel blocks does not have`);
    }
    return { ...ends, score: signed(edge.score ?? null, sign), kept: Boolean(edge.in_graph) };
  });
  const provenance = importedFrom(file, 'EAP-IG/MIB', { shape, sign });
  const circuit = circuitOfEdges(named, Object.keys(nodes), provenance, file);
  const { id } = circuit.nodes;
  const known = id.map((name) => parseNode(name) as NamedNode);
  const stranger = known.find(
    ({ kind, layer, head }) => kind !== 'logits' && (layer >= shape.layers || head >= shape.heads),
  );
  if (stranger) {
    throw new InputError(`${file} names ${stranger.id}, but has ${shape.layers} layers of ${shape.heads} heads`);
  }
  const own = id.map((name) => (Object.hasOwn(nodes, name) ? nodes[name] : undefined));
  const neurons = own.map((node, i) => {
    const list = ownList<boolean | 0 | 1>(node?.neurons, known[i], shape, file);
    return list === null ? null : list.map(Boolean);
  });
  const neuronScores = own.map((node, i) => {
    const list = ownList<number | null>(node?.neurons_scores, known[i], shape, file);
    return list === null ? null : list.map((value) => signed(value, sign));
  });
  const scores = own.map((node) => signed(node?.score ?? null, sign));
  const hasNeurons = [...neurons, ...neuronScores].some((list) => list !== null);
  return {
    ...circuit,
    level: hasNeurons ? 'neuron' : scores.some((value) => value !== null) ? 'node' : 'edge',
    nodes: {
      ...circuit.nodes,
      score: scores,
      kept: own.map((node, i) => id[i] === 'logits' || Boolean(node?.in_graph)),
      ...(neurons.some((list) => list !== null) ? { neurons } : {}),
      ...(neuronScores.some((list) => list !== null) ? { neuronScores } : {}),
    },
  };
}

/** A node's own list of neurons, of a head from those of its layer where they stand together; null where there is none. */
function ownList<T>(
  lists: readonly T[] | readonly (readonly T[])[] | null | undefined,
  node: NamedNode,
  shape: TransformerShape,
  file: string,
): readonly T[] | null {
  if (!lists || node.kind === 'logits') return null;
  const wrong = (): InputError =>
    new InputError(
      `${file}: the neurons of ${node.id} are not one list of d_model, nor one for each head of its layer`,
    );
  const isNested = (all: readonly unknown[]): all is readonly (readonly T[])[] => Array.isArray(all[0]);
  let list: readonly T[];
  if (isNested(lists)) {
    if (node.kind !== 'head' || lists.length !== shape.heads) throw wrong();
    list = lists[node.head];
  } else list = lists as readonly T[];
  if (list.length !== shape.width) throw wrong();
  return list;
}

/** Most places of sources by destinations that are written: more than any text can hold. */
const largest = 2 ** 28;

/**
 * The text of a circuit as EAP-IG's graph JSON (see `readMibGraph`): all edges of the model, those that the circuit does not score
 * with 0. A node is `in_graph` as the circuit says, or, where it does not, when kept edges enter and leave it. What was not scored
 * among a node's neurons is NaN, as Python writes and reads it.
 * @param shape the model's, where the circuit does not say it
 * @throws InputError where the circuit is not a transformer's, or its shape or width is not known
 */
export function mibGraphText(circuit: Circuit, options: MibOptions & { shape?: TransformerShape } = {}): string {
  const { sign = 'loss' } = options;
  const shape = options.shape ?? circuit.provenance.shape;
  if (circuit.kind !== 'transformer') {
    throw new InputError(`a circuit of kind ${quote(circuit.kind)} cannot be written as an EAP-IG/MIB graph`);
  }
  if (shape?.width === undefined) {
    throw new InputError(
      "an EAP-IG/MIB graph needs the model's layers, heads and width, which the circuit does not say",
    );
  }
  const { layers, heads, width, parallel } = shape;
  if ((1 + layers * (heads + 1)) * (layers * (3 * heads + 1) + 1) > largest) {
    throw new InputError(`the graph of ${layers} layers of ${heads} heads is too large to be written as text`);
  }
  const graph = new EdgeGraph({ layers, heads, mlpWidth: 1, parallel });
  const named = namedEdges(circuit);
  const edges = new Map(named.map((edge) => [edgeName(edge), edge]));
  const names = [...graph.places()].map((place) => graph.edgeName(place));
  const possible = new Set(names);
  const stranger = [...edges.keys()].find((name) => !possible.has(name));
  if (stranger !== undefined) {
    throw new InputError(
      `the circuit has an edge ${stranger}, which a model of ${layers} layers of ${heads} heads has not`,
    );
  }
  const places = new Map(circuit.nodes.id.map((id, i) => [id, i]));
  const left = new Set(named.flatMap((edge) => (edge.kept ? [edge.source] : [])));
  const entered = new Set(['input', ...named.flatMap((edge) => (edge.kept ? [edge.target] : []))]);
  const isKept = (id: string): boolean => {
    const place = places.get(id);
    if (circuit.nodes.kept) return place !== undefined && circuit.nodes.kept[place];
    return left.has(id) && entered.has(id);
  };
  const nodeText = (id: string): string => {
    const place = places.get(id) ?? -1;
    const value = signed(circuit.nodes.score[place] ?? null, sign);
    const fields = [`"in_graph":${id === 'logits' || isKept(id)}`];
    if (value !== null) fields.push(`"score":${value}`);
    const lists = (what: string, of: (id: string) => string | undefined, missing: (id: string) => string): void => {
      const layer = /^(a\d+)\.h\d+$/.exec(id)?.[1];
      if (layer === undefined) {
        const list = of(id);
        if (list !== undefined) fields.push(`"${what}":[${list}]`);
        return;
      }
      const together = Array.from({ length: heads }, (_, h) => `${layer}.h${h}`);
      if (together.every((head) => of(head) === undefined)) return;
      fields.push(`"${what}":[${together.map((head) => `[${of(head) ?? missing(head)}]`).join(',')}]`);
    };
    const repeated = (text: string): string => new Array<string>(width).fill(text).join(',');
    const { neurons, neuronScores } = circuit.nodes;
    lists(
      'neurons',
      (of) => neurons?.[places.get(of) ?? -1]?.join(','),
      (of) => repeated(String(isKept(of))),
    );
    const scoreText = (of: string): string | undefined =>
      neuronScores?.[places.get(of) ?? -1]?.map((x) => (x === null ? 'NaN' : String(signed(x, sign)))).join(',');
    lists('neurons_scores', scoreText, () => repeated('NaN'));
    return `${JSON.stringify(id)}:{${fields.join(',')}}`;
  };
  const edgeText = (name: string): string => {
    const edge = edges.get(name);
    return `${JSON.stringify(name)}:{"score":${signed(edge?.score ?? 0, sign)},"in_graph":${edge?.kept ?? false}}`;
  };
  const cfg = { n_layers: layers, n_heads: heads, parallel_attn_mlp: parallel, d_model: width };
  const nodes = [...graph.sources.map((source) => source.name), 'logits'].map(nodeText);
  return `{"cfg":${JSON.stringify(cfg)},\n"nodes":{${nodes.join(',\n')}},\n"edges":{${names.map(edgeText).join(',\n')}}}\n`;
}
