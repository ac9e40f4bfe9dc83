import { z } from 'zod';
import { InputError } from '../errors.js';
import { quote, validate } from '../validate.js';
import type { Circuit } from './circuit.js';

const whole = z.int();

/** The fields that the viewers of circuit-tracer and Neuronpedia read; others pass. Names as in the files. */
const nodeSchema = z.looseObject({
  node_id: z.string(),
  feature: whole.nullable(),
  layer: z.union([z.string(), z.number()]).transform(String),
  ctx_idx: whole.nonnegative(),
  feature_type: z.string(),
  jsNodeId: z.string(),
  clerp: z.string().nullish(),
  token_prob: z.number().nullish(),
  is_target_logit: z.boolean().nullish(),
  run_idx: z.number().nullish(),
  reverse_ctx_idx: whole.nullish(),
  influence: z.number().nullish(),
  activation: z.number().nullish(),
  // What we add, so that our own circuits come back as they were.
  filigree: z.object({ id: z.string(), kind: z.string(), label: z.string(), layer: z.number() }).optional(),
});

const linkSchema = z.looseObject({
  source: z.string(),
  target: z.string(),
  weight: z.number(),
  /** The share of each named input of the target; they sum to the weight. */
  ports: z.record(z.string(), z.number()).optional(),
});

const metadataSchema = z.looseObject({
  slug: z.string(),
  scan: z.string(),
  transcoder_list: z.array(z.string()).nullish(),
  prompt_tokens: z.array(z.string()),
  prompt: z.string(),
  node_threshold: z.number().nullish(),
  filigree: z
    .object({
      task: z.string(),
      method: z.string(),
      modelHash: z.string(),
      shape: z.object({ layers: whole, heads: whole, width: whole.optional(), parallel: z.boolean() }).optional(),
    })
    .optional(),
});

const graphSchema = z.looseObject({
  metadata: metadataSchema,
  qParams: z
    .looseObject({
      pinnedIds: z.array(z.string()).nullish(),
      supernodes: z.array(z.array(z.string()).min(1)).nullish(),
      linkType: z.string().nullish(),
      clickedId: z.string().nullish(),
      sg_pos: z.string().nullish(),
    })
    .nullish(),
  nodes: z.array(nodeSchema),
  links: z.array(linkSchema),
});

type Graph = z.output<typeof graphSchema>;
type GraphNode = z.output<typeof nodeSchema>;

/** Whether a parsed file looks like an attribution graph; `readAttributionGraph` says what is wrong with one. */
export function isAttributionGraph(json: unknown): boolean {
  const keys = typeof json === 'object' && json !== null ? Object.keys(json) : [];
  return ['metadata', 'nodes', 'links'].every((key) => keys.includes(key));
}

/**
 * Reads an attribution graph (Ameisen et al. 2025, "Circuit Tracing"; the JSON of circuit-tracer and Neuronpedia) as a circuit of
 * kind `attribution`: nodes have the position `ctx_idx` and the layer `E` (0), 0, 1, … (1, 2, …) and logits on top; an edge's score is
 * minus the link's weight, so that what pushes the output up is helpful; all edges are kept. Supernodes and pinned nodes become
 * annotations, the prompt's tokens `provenance.options.tokens`.
 *
 * @param file names the file in messages
 * @throws InputError where a field is missing or of the wrong type, or a link leads to a node that is not there
 */
export function readAttributionGraph(json: unknown, file: string): Circuit {
  const { metadata, qParams, nodes, links } = validate(graphSchema, json, file);
  const place = new Map<string, number>();
  // Errors at position T of layer 0 can have the id of a feature in old files; links go to the first of the two.
  const ids = nodes.map((node, i) => {
    const own = node.filigree?.id ?? node.node_id;
    const taken = place.has(node.node_id);
    if (!taken) place.set(node.node_id, i);
    return taken ? `${own}~${i}` : own;
  });
  const find = (id: string): number => {
    const found = place.get(id);
    if (found === undefined)
      throw new InputError(`${file}: there is a link or a group with ${quote(id)}, but no such node`);
    return found;
  };
  const edges = edgesOf(links, find);
  const ours = nodes.some((node) => node.filigree);
  const grouped = new Set<number>();
  const supernodes = (qParams?.supernodes ?? []).map(([name, ...members]) => {
    const found = members.flatMap((id) => place.get(id) ?? []).filter((node) => !grouped.has(node));
    for (const node of found) grouped.add(node);
    return { name, nodes: found };
  });
  const pinned = (qParams?.pinnedIds ?? []).flatMap((id) => place.get(id) ?? []);
  const { prompt_tokens: tokens, filigree: own } = metadata;
  return {
    format: 'filigree-circuit',
    version: 1,
    kind: ours ? 'transformer' : 'attribution',
    level: ours ? 'edge' : 'feature',
    nodes: {
      id: ids,
      kind: nodes.map(kindOf),
      label: nodes.map((node, i) => node.filigree?.label ?? (node.clerp || unnamed(node) || ids[i])),
      layer: nodes.map((node) => node.filigree?.layer ?? depthOf(node)),
      position: nodes.map((node) => (node.filigree ? null : node.ctx_idx)),
      score: nodes.map((node) => node.activation ?? null),
    },
    edges,
    provenance: {
      model: metadata.scan,
      modelHash: own?.modelHash ?? '',
      task: own?.task ?? metadata.prompt,
      method: own?.method ?? 'attribution graph',
      options: { file, tokens, ...(metadata.node_threshold == null ? {} : { nodeThreshold: metadata.node_threshold }) },
      seed: 0,
      metrics: {},
      made: '',
      ...(own?.shape ? { shape: own.shape } : {}),
    },
    ...(supernodes.length + pinned.length > 0 ? { annotations: { supernodes, pinned } } : {}),
  };
}

function edgesOf(links: Graph['links'], find: (id: string) => number): Circuit['edges'] {
  const scores = new Map<string, { source: number; target: number; port: string; score: number }>();
  for (const { source: from, target: to, weight, ports } of links) {
    const [source, target] = [find(from), find(to)];
    for (const [port, share] of Object.entries(ports ?? { '': weight })) {
      const key = `${source} ${target} ${port}`;
      const found = scores.get(key) ?? { source, target, port, score: 0 };
      found.score -= share;
      scores.set(key, found);
    }
  }
  const all = [...scores.values()];
  return {
    source: all.map((e) => e.source),
    target: all.map((e) => e.target),
    port: all.map((e) => e.port),
    score: all.map((e) => e.score || 0),
    kept: all.map(() => true),
  };
}

/** What a node without words of its own is called. */
const unnamed = ({ feature_type: type, layer }: GraphNode): string =>
  type === 'mlp reconstruction error' ? `error of layer ${layer}` : '';

function kindOf(node: GraphNode): string {
  if (node.filigree) return node.filigree.kind;
  if (node.feature_type === 'embedding') return 'input';
  if (node.feature_type === 'logit') return 'logits';
  if (node.feature_type === 'mlp reconstruction error') return 'error';
  return node.feature_type === 'cross layer transcoder' ? 'feature' : node.feature_type;
}

function depthOf({ layer }: GraphNode): number {
  const number = Number(layer);
  return layer === 'E' || !Number.isFinite(number) ? 0 : number + 1;
}

export interface AttributionGraphOptions {
  /** Names the graph in the viewer's list. */
  readonly slug?: string;
  /** The prompt and its tokens; without them the graph stands at one position. */
  readonly prompt?: string;
  readonly tokens?: readonly string[];
  /** What the logits are asked for, and how probable the model finds it. */
  readonly answer?: { readonly token: string; readonly probability: number };
}

/**
 * Writes the kept edges of a circuit, with the nodes they touch, as an attribution graph that the viewers of circuit-tracer and
 * Neuronpedia open. Heads and MLPs are nodes of their own types, `L_F_T` with F the head, or the number of heads for the MLP; a node
 * without a position stands at the last one. A link's weight is minus the edges' scores, q, k and v summed (`ports` has them apart, and
 * `filigree` what else a circuit needs to come back as it was). A node's `influence` is the cumulative share when nodes are sorted by
 * their influence on the logits through the graph, whose incoming weights are scaled to sum to 1 in size.
 *
 * @throws InputError where no kept edge has a score
 */
export function attributionGraphText(circuit: Circuit, options: AttributionGraphOptions = {}): string {
  return `${JSON.stringify(attributionGraph(circuit, options))}\n`;
}

/** The entry of a graph in the list `graph-metadata.json`, `{graphs: [entry]}`, that the viewers read. */
export function attributionGraphMetadata(
  circuit: Circuit,
  options: AttributionGraphOptions = {},
): Record<string, unknown> {
  return attributionGraph(circuit, options).metadata;
}

function attributionGraph(circuit: Circuit, options: AttributionGraphOptions): z.input<typeof graphSchema> {
  const { nodes, edges, provenance, annotations = {} } = circuit;
  const kept = edges.kept.flatMap((is, e) => (is && edges.score[e] !== null ? [e] : []));
  if (kept.length === 0)
    throw new InputError('The circuit keeps no edge that has a score, so there is no graph to write.');
  const touched = [...new Set(kept.flatMap((e) => [edges.source[e], edges.target[e]]))].sort((a, b) => a - b);
  const told = provenance.options['tokens'];
  const tokens = (options.tokens ?? (Array.isArray(told) ? told.map(String) : ['\u2026'])).map(visible);
  const prompt = options.prompt ?? tokens.join('');
  const heads =
    provenance.shape?.heads ?? 1 + Math.max(-1, ...nodes.id.map((id) => Number(/^a\d+\.h(\d+)$/.exec(id)?.[1] ?? -1)));
  const layers = provenance.shape?.layers ?? Math.max(0, ...nodes.layer);
  const transformer = circuit.kind === 'transformer';
  const ids = new Map(touched.map((n) => [n, viewerId(circuit, n, { heads, layers, last: tokens.length - 1 })]));

  const links = new Map<string, { source: string; target: string; weight: number; ports: Record<string, number> }>();
  for (const e of kept) {
    const [source, target] = [ids.get(edges.source[e])!.node_id, ids.get(edges.target[e])!.node_id];
    const key = `${source} ${target}`;
    const link = links.get(key) ?? { source, target, weight: 0, ports: {} };
    const weight = -(edges.score[e] as number) || 0;
    link.weight += weight;
    link.ports[edges.port[e]] = weight;
    links.set(key, link);
  }
  const share = influences(
    [...links.values()],
    touched.map((n) => ids.get(n)!.node_id),
    (id) => touched.some((n) => ids.get(n)!.node_id === id && nodes.kind[n] === 'logits'),
  );
  const probability = options.answer?.probability ?? 1;
  const answer = options.answer?.token ?? provenance.task;
  return {
    metadata: {
      slug: options.slug ?? (slugOf(`${provenance.task} ${provenance.method}`) || 'circuit'),
      scan: provenance.model,
      transcoder_list: [],
      prompt_tokens: [...tokens],
      prompt,
      node_threshold: 1,
      info: { description: `${provenance.task} by ${provenance.method}`, creator_name: 'filigree' },
      ...(transformer ? { filigree: ownMetadata(circuit) } : {}),
    },
    qParams: {
      pinnedIds: (annotations.pinned ?? []).flatMap((n) => ids.get(n)?.node_id ?? []),
      supernodes: (annotations.supernodes ?? []).flatMap(({ name, nodes: members }) => {
        const found = members.flatMap((n) => ids.get(n)?.node_id ?? []);
        return found.length > 0 ? [[name, ...found]] : [];
      }),
      linkType: 'both',
      clickedId: '',
      sg_pos: '',
    },
    nodes: touched.map((n) => {
      const logit = nodes.kind[n] === 'logits';
      const id = ids.get(n)!;
      return {
        ...id,
        clerp: logit ? `Output "${visible(answer)}" (p=${probability.toFixed(3)})` : nodes.label[n],
        token_prob: logit ? probability : 0,
        is_target_logit: logit,
        run_idx: 0,
        reverse_ctx_idx: tokens.length - 1 - id.ctx_idx,
        influence: share.get(id.node_id) ?? null,
        activation: nodes.score[n],
        ...(transformer
          ? { filigree: { id: nodes.id[n], kind: nodes.kind[n], label: nodes.label[n], layer: nodes.layer[n] } }
          : {}),
      };
    }),
    links: [...links.values()].map(({ ports, ...link }) => ({ ...link, ...('' in ports ? {} : { ports }) })),
  };
}

function ownMetadata({ provenance: { task, method, modelHash, shape } }: Circuit): Graph['metadata']['filigree'] {
  return { task, method, modelHash, ...(shape ? { shape } : {}) };
}

interface ViewerId {
  node_id: string;
  feature: number | null;
  layer: string;
  ctx_idx: number;
  feature_type: string;
  jsNodeId: string;
}

function viewerId(
  { nodes, kind }: Circuit,
  n: number,
  { heads, layers, last }: { heads: number; layers: number; last: number },
): ViewerId {
  const id = nodes.id[n];
  const own = kind === 'transformer' ? /^(?:a(\d+)\.h(\d+)|m(\d+))$/.exec(id) : null;
  const position = Math.min(last, nodes.position[n] ?? last);
  if (nodes.kind[n] === 'input') {
    const node_id = `E_${n}_${position}`;
    return {
      node_id,
      feature: n,
      layer: 'E',
      ctx_idx: position,
      feature_type: 'embedding',
      jsNodeId: `E_${n}-${position}`,
    };
  }
  if (nodes.kind[n] === 'logits') {
    const layer = String(kind === 'transformer' ? layers + 1 : Math.max(0, nodes.layer[n] - 1));
    const node_id = `${layer}_${n}_${position}`;
    return { node_id, feature: n, layer, ctx_idx: position, feature_type: 'logit', jsNodeId: `L_${n}-${position}` };
  }
  const layer = own?.[1] ?? own?.[3] ?? String(Math.max(0, nodes.layer[n] - 1));
  const feature = own ? (own[2] === undefined ? heads : Number(own[2])) : n;
  if (nodes.kind[n] === 'error') {
    const node_id = `err_${layer}_${position}`;
    return {
      node_id,
      feature: -1,
      layer,
      ctx_idx: position,
      feature_type: 'mlp reconstruction error',
      jsNodeId: node_id,
    };
  }
  const types: Readonly<Record<string, string>> = {
    head: 'attention head',
    mlp: 'mlp',
    feature: 'cross layer transcoder',
  };
  return {
    node_id: `${layer}_${feature}_${position}`,
    feature,
    layer,
    ctx_idx: position,
    feature_type: types[nodes.kind[n]] ?? nodes.kind[n],
    jsNodeId: `${layer}_${feature}-0`,
  };
}

/**
 * Per node that is no output, the share of all influence that it and the nodes before it have, from the most influential on:
 * influence = p^T (A + A^2 + …) with A the sizes of the weights, those into a node scaled to sum to 1. A graph without cycles has as many
 * powers as steps; more than there are nodes are never needed.
 */
function influences(
  links: readonly { source: string; target: string; weight: number }[],
  ids: readonly string[],
  isOutput: (id: string) => boolean,
): Map<string, number> {
  const outputs = ids.filter(isOutput);
  const incoming = new Map<string, number>();
  for (const { target, weight } of links) incoming.set(target, (incoming.get(target) ?? 0) + Math.abs(weight));
  const total = new Map<string, number>();
  let wave = new Map(outputs.map((id) => [id, 1 / outputs.length]));
  for (let step = 0; step < ids.length && wave.size > 0; step++) {
    const next = new Map<string, number>();
    for (const { source, target, weight } of links) {
      const from = wave.get(target) ?? 0;
      const all = incoming.get(target) ?? 0;
      if (from > 0 && all > 0) next.set(source, (next.get(source) ?? 0) + (from * Math.abs(weight)) / all);
    }
    for (const [id, value] of next) total.set(id, (total.get(id) ?? 0) + value);
    wave = next;
  }
  const order = ids.filter((id) => !outputs.includes(id)).sort((a, b) => (total.get(b) ?? 0) - (total.get(a) ?? 0));
  const sum = order.reduce((all, id) => all + (total.get(id) ?? 0), 0) || 1;
  let before = 0;
  return new Map(
    order.map((id) => {
      before += total.get(id) ?? 0;
      return [id, Math.min(1, before / sum)];
    }),
  );
}

/** A token as the viewers show it: what would break the line becomes an arrow. */
function visible(token: string): string {
  return token.replaceAll('\n', '\u23ce').replaceAll('\t', '\u2192').replaceAll('\r', '\u21b5');
}

const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
