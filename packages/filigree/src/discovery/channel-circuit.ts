import type { Circuit, Provenance } from '../circuit/index.js';
import type { Transformer } from '../nn/transformer.js';
import type { ChannelFamily, ChannelModel } from './channels.js';
import { weightEdges } from './weight-edges.js';

/** Rows of a drawing within a layer. */
const rowOf: Readonly<Record<ChannelFamily, number>> = {
  attn_in: 1,
  q: 2,
  k: 2,
  v: 2,
  attn_out: 4,
  mlp_in: 5,
  neuron: 6,
  mlp_out: 7,
};
const rowsPerLayer = 7;
const patternRow = 3;

/**
 * A circuit of channels as a shared circuit. Nodes are the kept channels, the input, the logits, and each head whose pattern is made by kept
 * queries or keys. Edges with a score are the nonzero weights between kept channels, and the score is the weight; edges without one are
 * wiring: what is written to a place of the residual stream and read from it, queries and keys that make a head's pattern, and the
 * pattern that decides what the head's values write. Scores of nodes are -tau, so that those which are needed most are the lowest.
 */
export async function channelCircuit(
  own: Pick<ChannelModel, 'model' | 'space'>,
  kept: ArrayLike<number>,
  tau: ArrayLike<number> | undefined,
  provenance: Provenance,
): Promise<Circuit> {
  const { model, space } = own;
  const weights = await weightEdges(own, kept);
  const nodes = { id: [] as string[], kind: [] as string[], layer: [] as number[], score: [] as (number | null)[] };
  const edges = {
    source: [] as number[],
    target: [] as number[],
    port: [] as string[],
    score: [] as (number | null)[],
  };
  const places = new Map<string, number>();
  const node = (id: string, kind: string, layer: number, score: number | null = null): number => {
    const known = places.get(id);
    if (known !== undefined) return known;
    nodes.id.push(id);
    nodes.kind.push(kind);
    nodes.layer.push(layer);
    nodes.score.push(score);
    places.set(id, nodes.id.length - 1);
    return nodes.id.length - 1;
  };
  const edge = (source: number, target: number, score: number | null, port = ''): void => {
    edges.source.push(source);
    edges.target.push(target);
    edges.port.push(port);
    edges.score.push(score);
  };
  const input = node('input', 'input', 0);
  const channels = new Map<number, number>();
  for (let channel = 0; channel < space.size; channel++) {
    if (!kept[channel]) continue;
    const { layer, family } = space.groupOf(channel);
    const row = layer * rowsPerLayer + rowOf[family];
    channels.set(channel, node(space.name(channel), family, row, tau ? -tau[channel] : null));
  }
  const logits = node('logits', 'logits', model.config.layers * rowsPerLayer + 1);
  const placeOf = (channel: number): number => channels.get(channel) as number;
  for (const { source, target, weight } of merged(weights)) edge(placeOf(source), placeOf(target), weight);

  for (const { layer, pattern, queries, keys, outs } of patternsOf(own, channels, weights)) {
    const head = node(pattern, 'head', layer * rowsPerLayer + patternRow);
    for (const channel of queries) edge(placeOf(channel), head, null, 'q');
    for (const channel of keys) edge(placeOf(channel), head, null, 'k');
    for (const channel of outs) edge(head, placeOf(channel), null);
  }
  const stream = await streamOf(model);
  const written = new Map<number, number[]>();
  // In order of their numbers, so that what is written is known before it is read.
  for (const channel of channels.keys()) {
    const { family, first } = space.groupOf(channel);
    const place = channel - first;
    if (family === 'attn_in' || family === 'mlp_in') {
      if (stream.embedded[place]) edge(input, placeOf(channel), null);
      for (const writer of written.get(place) ?? []) edge(placeOf(writer), placeOf(channel), null);
    } else if (family === 'attn_out' || family === 'mlp_out') {
      written.set(place, [...(written.get(place) ?? []), channel]);
      if (stream.read[place]) edge(placeOf(channel), logits, null);
    }
  }
  return {
    format: 'filigree-circuit',
    version: 1,
    kind: 'weight-sparse',
    level: 'edge',
    nodes: { ...nodes, label: [...nodes.id], position: nodes.id.map(() => null) },
    edges: { ...edges, kept: edges.source.map(() => true) },
    provenance,
  };
}

/** Gated MLPs have two weights between the same channels; they are drawn as one, with the larger. */
function merged<T extends { source: number; target: number; weight: number }>(edges: readonly T[]): T[] {
  const found = new Map<string, T>();
  for (const each of edges) {
    const key = `${each.source} ${each.target}`;
    const other = found.get(key);
    if (!other || Math.abs(each.weight) > Math.abs(other.weight)) found.set(key, each);
  }
  return [...found.values()];
}

interface Pattern {
  readonly layer: number;
  readonly pattern: string;
  readonly queries: number[];
  readonly keys: number[];
  /** What the head's kept values write. */
  readonly outs: number[];
}

/** The heads whose pattern is made by kept queries or keys and moves kept values. */
function patternsOf(
  { model, space }: Pick<ChannelModel, 'model' | 'space'>,
  kept: ReadonlyMap<number, number>,
  weights: readonly { source: number; target: number }[],
): Pattern[] {
  const { layers, heads, kvHeads, headWidth } = model.config;
  const patterns: Pattern[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (let head = 0; head < heads; head++) {
      const within = (family: 'q' | 'k' | 'v', own: number): number[] => {
        const { first } = space.group(layer, family);
        return Array.from({ length: headWidth }, (_, i) => first + own * headWidth + i).filter((c) => kept.has(c));
      };
      const group = Math.floor(head / (heads / kvHeads));
      const [queries, keys, values] = [within('q', head), within('k', group), new Set(within('v', group))];
      const outs = [...new Set(weights.flatMap(({ source, target }) => (values.has(source) ? [target] : [])))];
      if (queries.length + keys.length > 0 && outs.length > 0) {
        patterns.push({ layer, pattern: `${layer}.h${head}`, queries, keys, outs });
      }
    }
  }
  return patterns;
}

/** Places of the stream that some token's embedding writes, and that the unembedding reads. */
async function streamOf(model: Transformer): Promise<{ embedded: boolean[]; read: boolean[] }> {
  const { width, tied } = model.config;
  const used = async (name: string): Promise<boolean[]> => {
    const values = (await model.parameters.get(name)?.data()) ?? [];
    return Array.from({ length: width }, (_, i) => {
      for (let at = i; at < values.length; at += width) if (values[at] !== 0) return true;
      return false;
    });
  };
  const embedded = await used('embed.weight');
  return { embedded, read: tied ? embedded : await used('unembed.weight') };
}
