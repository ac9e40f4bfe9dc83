import { z } from 'zod';
import type { Circuit } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { quote, validate } from '../validate.js';
import {
  circuitOfEdges,
  edgeName,
  importedFrom,
  type NamedEdge,
  type NamedNode,
  namedEdges,
  parseNode,
  type Sign,
  signed,
} from './edge-names.js';

const place = z.array(z.int().min(0).max(99_999).nullable()).max(4);
const ends = z.tuple([z.string().max(200), place, z.string().max(200), place]);
const effect = z.number().nullable();
const schema = z.array(z.union([z.tuple([ends, effect]), ends]));

export interface AcdcOptions {
  /** What the file's effects are of (default `loss`). */
  readonly sign?: Sign;
}

/** Activations that belong to a component and are no edges between components: a head's own q, k, v, result, an MLP's output. */
const inner = /^blocks\.\d+\.(attn\.hook_[qkv]|attn\.hook_result|hook_mlp_out)$/;

/**
 * A circuit from a list of the edges that ACDC kept (Conmy et al. 2023): what its `save_edges` pickles, written as JSON by
 * `[[[child, child index, parent, parent index], effect], …]`, with names of TransformerLens and indices such as [null, null, 3] for
 * head 3; the effect may be left out. The effect is the rise of a loss when the edge is cut. Token and position embeddings become
 * one input, with the larger effect of two edges; steps inside a component are left out.
 * @param file names the file in messages
 * @throws InputError where the file is no such list
 */
export function readAcdcEdges(json: unknown, file: string, options: AcdcOptions = {}): Circuit {
  const { sign = 'loss' } = options;
  const edges = new Map<string, NamedEdge>();
  let end: number | undefined;
  for (const entry of validate(schema, json, file)) {
    const [own, value] = entry.length === 2 ? entry : [entry, null];
    const [child, childIndex, parent, parentIndex] = own;
    if (inner.test(child)) continue;
    const source = writer(parent, parentIndex);
    const target = reader(child, childIndex);
    if (source === undefined || target === undefined) {
      const [name, index] = source === undefined ? [parent, parentIndex] : [child, childIndex];
      throw new InputError(
        `${file} names ${quote(name)} ${quote(JSON.stringify(index))}, which is no end of ACDC's edges`,
      );
    }
    if (target.layer !== undefined) {
      if (end !== undefined && end !== target.layer) {
        throw new InputError(`${file} has edges to the end of two models, of ${end} and of ${target.layer} layers`);
      }
      end = target.layer;
    }
    const edge = { source, ...target.end, score: signed(value, sign), kept: true };
    const name = edgeName(edge);
    const before = edges.get(name);
    if (before && source !== 'input') throw new InputError(`${file} has the edge ${name} twice; leave one of them out`);
    if (!before || Math.abs(edge.score ?? 0) > Math.abs(before.score ?? 0)) edges.set(name, edge);
  }
  const circuit = circuitOfEdges([...edges.values()], [], importedFrom(file, 'ACDC', { sign }), file);
  const layers = circuit.nodes.id.map((id) => parseNode(id)?.layer ?? -1).filter(Number.isFinite);
  const last = layers.reduce((most, layer) => Math.max(most, layer), -1);
  if (end !== undefined && last >= end) {
    throw new InputError(`${file} has a node of layer ${last} in a model of ${end} layers`);
  }
  return circuit;
}

const head = (index: readonly (number | null)[]): number | undefined =>
  index.length === 3 && index[0] === null && index[1] === null ? (index[2] ?? undefined) : undefined;

const whole = (index: readonly (number | null)[]): boolean => index.every((i) => i === null);

function writer(name: string, index: readonly (number | null)[]): string | undefined {
  if (/^(blocks\.0\.hook_resid_pre|hook_embed|hook_pos_embed)$/.test(name)) return whole(index) ? 'input' : undefined;
  const [, layer, what] = /^blocks\.(\d{1,5})\.(attn\.hook_result|hook_mlp_out)$/.exec(name) ?? [];
  if (what === 'hook_mlp_out') return whole(index) ? `m${layer}` : undefined;
  return what === undefined || head(index) === undefined ? undefined : `a${layer}.h${head(index)}`;
}

/** The end of an edge, and the number of layers where it is the model's end. */
function reader(
  name: string,
  index: readonly (number | null)[],
): { end: Pick<NamedEdge, 'target' | 'port'>; layer?: number } | undefined {
  const [, layer, what] = /^blocks\.(\d{1,5})\.hook_([qkv]_input|resid_mid|mlp_in|resid_post)$/.exec(name) ?? [];
  if (what === undefined) return undefined;
  if (what.endsWith('_input')) {
    if (head(index) === undefined) return undefined;
    return { end: { target: `a${layer}.h${head(index)}`, port: what[0] } };
  }
  if (!whole(index)) return undefined;
  if (what === 'resid_post') return { end: { target: 'logits', port: '' }, layer: Number(layer) + 1 };
  return { end: { target: `m${layer}`, port: '' } };
}

/**
 * The text of a circuit's kept edges as ACDC lists them (see `readAcdcEdges`), one a line.
 * @param layers of the model, where the circuit does not say it
 * @throws InputError where the circuit is not a transformer's, or has edges to the logits and the number of layers is not known
 */
export function acdcEdgesText(circuit: Circuit, options: AcdcOptions & { layers?: number } = {}): string {
  const { sign = 'loss', layers = circuit.provenance.shape?.layers } = options;
  if (circuit.kind !== 'transformer') {
    throw new InputError(`a circuit of kind ${quote(circuit.kind)} cannot be written as ACDC's edges`);
  }
  const parallel = circuit.provenance.shape?.parallel ?? false;
  const node = (id: string): NamedNode => {
    const found = parseNode(id);
    if (!found) throw new InputError(`the circuit has a node ${quote(id)}, which ACDC's edges cannot name`);
    return found;
  };
  const lines = namedEdges(circuit)
    .filter((edge) => edge.kept)
    .map((edge) => {
      const [from, to] = [node(edge.source), node(edge.target)];
      if (to.kind === 'logits' && layers === undefined) {
        throw new InputError("ACDC's edges name the model's last layer, which the circuit does not say");
      }
      const child = {
        input: '',
        head: `blocks.${to.layer}.hook_${edge.port}_input`,
        mlp: `blocks.${to.layer}.hook_${parallel ? 'mlp_in' : 'resid_mid'}`,
        logits: `blocks.${(layers ?? 0) - 1}.hook_resid_post`,
      }[to.kind];
      const parent = {
        input: 'blocks.0.hook_resid_pre',
        head: `blocks.${from.layer}.attn.hook_result`,
        mlp: `blocks.${from.layer}.hook_mlp_out`,
        logits: '',
      }[from.kind];
      const index = ({ kind, head: h }: NamedNode): (number | null)[] => (kind === 'head' ? [null, null, h] : [null]);
      return JSON.stringify([[child, index(to), parent, index(from)], signed(edge.score, sign)]);
    });
  return `[${lines.join(',\n')}]\n`;
}
