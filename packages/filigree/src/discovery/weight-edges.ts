import type { ChannelFamily, ChannelModel } from './channels.js';

/** A nonzero weight between two channels. */
export interface WeightEdge {
  readonly source: number;
  readonly target: number;
  readonly weight: number;
}

/** The matrices that lead from one family of channels of a layer to another, and their names after `blocks.{layer}.`. */
const families: readonly (readonly [from: ChannelFamily, to: ChannelFamily, matrices: readonly string[]])[] = [
  ['attn_in', 'q', ['attn.q.weight']],
  ['attn_in', 'k', ['attn.k.weight']],
  ['attn_in', 'v', ['attn.v.weight']],
  ['v', 'attn_out', ['attn.out.weight']],
  ['mlp_in', 'neuron', ['mlp.in.weight', 'mlp.gate.weight']],
  ['neuron', 'mlp_out', ['mlp.out.weight']],
];

/**
 * The edges of a circuit of channels: nonzero weights from one kept channel to another, in the families attention in to queries, keys
 * and values; values to attention out; MLP in to neurons; neurons to MLP out. What a channel writes and another reads from the same
 * place of the stream is wiring and no edge. With gated MLPs the weights of both maps count.
 */
export async function weightEdges(
  { model, space }: Pick<ChannelModel, 'model' | 'space'>,
  kept: ArrayLike<number>,
): Promise<WeightEdge[]> {
  const { layers, heads, kvHeads, headWidth } = model.config;
  const edges: WeightEdge[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (const [from, to, matrices] of families) {
      if (model.config.mlpWidth === 0 && (from === 'mlp_in' || from === 'neuron')) continue;
      const [source, target] = [space.group(layer, from), space.group(layer, to)];
      // Heads that share a value channel each have a column for it.
      const columns = from === 'v' ? heads * headWidth : source.size;
      const columnOf = (column: number): number => {
        if (from !== 'v' || heads === kvHeads) return column;
        const head = Math.floor(column / headWidth);
        return Math.floor(head / (heads / kvHeads)) * headWidth + (column % headWidth);
      };
      for (const matrix of matrices) {
        const parameter = model.parameters.get(`blocks.${layer}.${matrix}`);
        if (!parameter) continue;
        const weights = await parameter.data();
        for (let row = 0; row < target.size; row++) {
          if (!kept[target.first + row]) continue;
          for (let column = 0; column < columns; column++) {
            const weight = weights[row * columns + column];
            const from = source.first + columnOf(column);
            if (weight !== 0 && kept[from]) edges.push({ source: from, target: target.first + row, weight });
          }
        }
      }
    }
  }
  return edges;
}
