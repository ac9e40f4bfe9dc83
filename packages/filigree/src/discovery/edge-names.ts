import type { Circuit, Provenance } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { quote } from '../validate.js';

/** A node of a transformer's edge graph, told from its name. */
export interface NamedNode {
  readonly id: string;
  readonly kind: 'input' | 'head' | 'mlp' | 'logits';
  /** Layer; -1 for the input, infinity for the logits. */
  readonly layer: number;
  /** Head, -1 where it is none. */
  readonly head: number;
}

/** An edge by the names of its ends, as files list them. */
export interface NamedEdge {
  readonly source: string;
  readonly target: string;
  /** 'q', 'k' or 'v' where the target is a head, '' elsewhere. */
  readonly port: string;
  readonly score: number | null;
  readonly kept: boolean;
}

/** What a node's name says: `input`, `a3.h1`, `m3` or `logits`; undefined for other names. */
export function parseNode(id: string): NamedNode | undefined {
  if (id === 'input') return { id, kind: 'input', layer: -1, head: -1 };
  if (id === 'logits') return { id, kind: 'logits', layer: Number.POSITIVE_INFINITY, head: -1 };
  const [, head, inHead, mlp] = /^(?:a(\d{1,5})\.h(\d{1,5})|m(\d{1,5}))$/.exec(id) ?? [];
  if (mlp !== undefined) return { id, kind: 'mlp', layer: Number(mlp), head: -1 };
  return head === undefined ? undefined : { id, kind: 'head', layer: Number(head), head: Number(inHead) };
}

/** The name of an edge, `source->target<port>`. */
export function edgeName({ source, target, port }: Pick<NamedEdge, 'source' | 'target' | 'port'>): string {
  return `${source}->${target}${port === '' ? '' : `<${port}>`}`;
}

/** The ends of an edge from its name; undefined where it is none. */
export function parseEdge(name: string): Pick<NamedEdge, 'source' | 'target' | 'port'> | undefined {
  const [, source, target, port = ''] = /^([^<>]{1,20})->([^<>]{1,20}?)(?:<([qkv])>)?$/.exec(name) ?? [];
  return source === undefined ? undefined : { source, target, port };
}

/**
 * A transformer's circuit from the edges that a file lists, and nodes that it lists besides.
 * @param file names the file in messages
 * @throws InputError where a name is none of a transformer's, an edge appears twice, leads back, or asks for the wrong input
 */
export function circuitOfEdges(
  edges: readonly NamedEdge[],
  others: readonly string[],
  provenance: Provenance,
  file: string,
): Circuit {
  const ids = new Set(['input', 'logits', ...others, ...edges.flatMap((e) => [e.source, e.target])]);
  const nodes = [...ids].map((id) => {
    const node = parseNode(id);
    if (!node) throw new InputError(`${file} names a node ${quote(id)}; nodes are input, a0.h0, m0 and logits`);
    return node;
  });
  nodes.sort((a, b) => depth(a) - depth(b) || a.head - b.head);
  const places = new Map(nodes.map((node, i) => [node.id, i]));
  const place = (id: string): number => places.get(id) as number;
  const seen = new Set<string>();
  for (const edge of edges) {
    const name = edgeName(edge);
    const [source, target] = [nodes[place(edge.source)], nodes[place(edge.target)]];
    if (seen.has(name)) throw new InputError(`${file} has the edge ${name} twice; leave one of them out`);
    if (depth(source) >= depth(target)) {
      throw new InputError(`${file} has an edge ${name}, but ${edge.target} reads before ${edge.source} has written`);
    }
    if ((target.kind === 'head') !== (edge.port !== '')) {
      throw new InputError(`${file} has an edge ${name}; heads, and they alone, are fed at <q>, <k> or <v>`);
    }
    seen.add(name);
  }
  // The depth of the logits in drawings follows from the layers that are there.
  const last = nodes.reduce((most, n) => (n.kind === 'logits' ? most : Math.max(most, depth(n))), 0);
  const layers = provenance.shape?.layers ?? Math.ceil(last / 2);
  return {
    format: 'filigree-circuit',
    version: 1,
    kind: 'transformer',
    level: 'edge',
    nodes: {
      id: nodes.map((n) => n.id),
      kind: nodes.map((n) => n.kind),
      label: nodes.map((n) => n.id),
      layer: nodes.map((n) => Math.min(depth(n), 2 * layers + 1)),
      position: nodes.map(() => null),
      score: nodes.map(() => null),
    },
    edges: {
      source: edges.map((e) => place(e.source)),
      target: edges.map((e) => place(e.target)),
      port: edges.map((e) => e.port),
      score: edges.map((e) => e.score),
      kept: edges.map((e) => e.kept),
    },
    provenance,
  };
}

/** When a node computes: 0 for the input, attention of layer l at 2l + 1, its MLP at 2l + 2. */
function depth({ kind, layer }: NamedNode): number {
  return kind === 'input' ? 0 : 2 * layer + (kind === 'mlp' ? 2 : 1);
}

/** The edges of a circuit by name. */
export function namedEdges({ nodes, edges }: Circuit): NamedEdge[] {
  return edges.source.map((s, e) => ({
    source: nodes.id[s],
    target: nodes.id[edges.target[e]],
    port: edges.port[e],
    score: edges.score[e],
    kept: edges.kept[e],
  }));
}

/** What is known of a circuit that came from a file without provenance. */
export function importedFrom(
  file: string,
  format: string,
  more: Pick<Provenance, 'shape'> & { readonly sign: Sign },
): Provenance {
  const { shape, sign } = more;
  return {
    model: '',
    modelHash: '',
    task: '',
    method: `${format} file`,
    options: { file, sign },
    seed: 0,
    metrics: {},
    made: '',
    ...(shape ? { shape } : {}),
  };
}

/**
 * What the scores of others' files attribute: a `loss`, whose rise means that an edge helps, so that scores change sign on their
 * way in and out; or what ours do (`as-is`).
 */
export type Sign = 'loss' | 'as-is';

/** A score on its way between a file and a circuit; null stays null, zero has no sign. */
export function signed(score: number | null, sign: Sign): number | null {
  return score === null || sign === 'as-is' ? score : 0 - score;
}
