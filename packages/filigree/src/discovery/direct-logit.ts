import type { TransformerConfig } from '../nn/config.js';
import type { NormWeights } from '../nn/norm.js';
import type { Run, Transformer } from '../nn/transformer.js';
import type { BlockWeights } from '../nn/weights.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  concat,
  div,
  einsum,
  gather,
  mean,
  mul,
  reshape,
  sub,
  sum,
  type Tensor,
  tensor,
} from '../tensor/index.js';
import { type Progress, planBatches } from './batches.js';
import { EdgeGraph } from './graph.js';
import { readValues } from './read-values.js';
import { type Batch, makeBatch } from './sources.js';

/** What every component adds to the logit difference, averaged over pairs; all parts sum to `total`. */
export interface DirectLogits {
  readonly layers: number;
  readonly heads: number;
  readonly mlpWidth: number;
  /** The logit difference of whole runs. */
  readonly total: number;
  /** Token and position embedding. */
  readonly embed: number;
  /** `[layers, heads]`, row-major; without the bias of the output map. */
  readonly head: Float64Array;
  /** `[layers, mlpWidth]`, row-major; without the bias of the output map. */
  readonly neuron: Float64Array;
  /** By layer: the biases of the two output maps, 0 where there are none. */
  readonly attentionBias: Float64Array;
  readonly mlpBias: Float64Array;
  /** The final norm's bias. */
  readonly normBias: number;
}

/**
 * Direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"; Wang et al. 2022,
 * "Interpretability in the Wild"): the residual stream is a sum of what components y write into it, so with the final norm's scale s
 * held at its value the logit difference at the last position is a sum too,
 *
 *     contribution(y) = < C y / s * gain , mean_a W_U[a] - mean_w W_U[w] >
 *
 * over answers a and wrong tokens w (a pair without wrong ones gives the answers' logit), where C removes the mean in a layer norm.
 * It sees the direct path only: what a component does through later ones is theirs. Heads write W_O^h z_h, neurons
 * W_out[:, i] post_i; where what is written goes through a norm, its scale is held at its value too. Logits are those before a cap.
 *
 * @throws InputError for pairs that the model cannot read.
 */
export async function directLogits(
  model: Transformer,
  pairs: readonly Pair[],
  options: Progress & { memory?: number } = {},
): Promise<DirectLogits> {
  const { config } = model;
  const { layers, heads, mlpWidth } = config;
  const sums = new Float64Array(2 + layers * (heads + mlpWidth + 2) + 1);
  let done = 0;
  for (const { pairs: part } of planBatches(config, new EdgeGraph(config), pairs, 1, options.memory)([1])) {
    options.signal?.throwIfAborted();
    const values = await readValues(() => contributions(model, makeBatch(part)));
    values.forEach((value, i) => {
      sums[i] += value / pairs.length;
    });
    done += part.length;
    options.onProgress?.({ done, total: pairs.length, unit: 'pairs' });
  }
  const [total, normBias, embed] = sums;
  const head = new Float64Array(layers * heads);
  const neuron = new Float64Array(layers * mlpWidth);
  const [attentionBias, mlpBias] = [new Float64Array(layers), new Float64Array(layers)];
  for (let layer = 0, at = 3; layer < layers; layer++) {
    head.set(sums.subarray(at, at + heads), layer * heads);
    attentionBias[layer] = sums[at + heads];
    neuron.set(sums.subarray(at + heads + 1, at + heads + 1 + mlpWidth), layer * mlpWidth);
    mlpBias[layer] = sums[at + heads + 1 + mlpWidth];
    at += heads + mlpWidth + 2;
  }
  return { layers, heads, mlpWidth, total, embed, head, neuron, attentionBias, mlpBias, normBias };
}

/** What whole blocks add to the logit difference, by layer. */
export function directByLayer(of: DirectLogits): { attention: Float64Array; mlp: Float64Array } {
  const by = (values: Float64Array, width: number, bias: Float64Array): Float64Array =>
    bias.map((own, l) => values.subarray(l * width, (l + 1) * width).reduce((a, b) => a + b, own));
  return { attention: by(of.head, of.heads, of.attentionBias), mlp: by(of.neuron, of.mlpWidth, of.mlpBias) };
}

/** Total, norm bias, embedding, then by layer heads, attention bias, neurons, MLP bias: summed over the pairs of a batch. */
function contributions(model: Transformer, batch: Batch): Tensor {
  const { config, weights } = model;
  const layers = Array.from({ length: config.layers }, (_, l) => l);
  const sites = [
    'blocks.0.resid_pre',
    ...layers.map((l) => `blocks.${l}.attn.z`),
    ...(config.mlpWidth > 0 ? layers.map((l) => `blocks.${l}.mlp.post`) : []),
    ...(config.norm === 'none' ? [] : ['ln_final.scale']),
    ...(config.postNorms ? layers.flatMap((l) => [`blocks.${l}.ln1_post.scale`, `blocks.${l}.ln2_post.scale`]) : []),
    'ln_final.normalized',
  ];
  const run = model.run(batch.clean, { at: batch.last, sites });
  const last = (site: string): Tensor => lastRows(run.site(site), batch.last);
  const wanted = einsum('bv,vd->bd', tokenWeights(batch.pairs, config.vocabulary, run.logits), weights.unembed);
  const direction = throughNorm(config, model, run, wanted);
  const none = tensor([0], [1], undefined, run.logits.device);
  const constant = (vector: Tensor | undefined, by: Tensor): Tensor =>
    vector ? reshape(sum(einsum('bd,d->b', by, vector)), [1]) : none;
  /** The direction as what is written sees it, before the norm that it goes through. */
  const before = (norm: NormWeights | undefined, scale: string): Tensor =>
    norm ? div(mul(direction, norm.weight), last(scale)) : direction;
  const block = (layer: number, { attention, postNorm1, mlp, postNorm2 }: BlockWeights): Tensor[] => {
    const byHeads = before(postNorm1, `blocks.${layer}.ln1_post.scale`);
    const heads = einsum('dhe,bd->bhe', attention.out, byHeads);
    const parts = [sum(sum(mul(heads, last(`blocks.${layer}.attn.z`)), -1), 0), constant(attention.outBias, byHeads)];
    if (!mlp) return [...parts, none];
    const byNeurons = before(postNorm2, `blocks.${layer}.ln2_post.scale`);
    const neurons = einsum('dn,bd->bn', mlp.out, byNeurons);
    parts.push(sum(mul(neurons, last(`blocks.${layer}.mlp.post`)), 0), constant(mlp.outBias, byNeurons));
    return parts;
  };
  const gain = weights.finalNorm?.weight;
  const normalized = run.site('ln_final.normalized');
  const normBias = constant(weights.finalNorm?.bias, wanted);
  const total = add(normBias, sum(mul(gain ? mul(normalized, gain) : normalized, wanted)));
  const embed = sum(mul(last('blocks.0.resid_pre'), direction));
  return concat([total, normBias, reshape(embed, [1]), ...layers.flatMap((l) => block(l, weights.blocks[l]))], 0);
}

/** The weight of each token's logit in the difference, `[pairs, vocabulary]`. */
function tokenWeights(pairs: readonly Pair[], vocabulary: number, { device }: Tensor): Tensor {
  const table = new Float32Array(pairs.length * vocabulary);
  pairs.forEach(({ answers, wrongs }, row) => {
    for (const id of answers) table[row * vocabulary + id] += 1 / answers.length;
    for (const id of wrongs) table[row * vocabulary + id] -= 1 / wrongs.length;
  });
  return tensor(table, [pairs.length, vocabulary], undefined, device);
}

/** A direction behind the final norm, taken before it: the adjoint of `C y / s * gain` with s constant. `[pairs, width]`. */
function throughNorm(config: TransformerConfig, { weights }: Transformer, run: Run, wanted: Tensor): Tensor {
  if (!weights.finalNorm) return wanted;
  const scaled = div(mul(wanted, weights.finalNorm.weight), run.site('ln_final.scale'));
  return config.norm === 'layer' ? sub(scaled, mean(scaled, -1, true)) : scaled;
}

/** Of `[pairs, t, …]` the row at each pair's last position. */
function lastRows(value: Tensor, last: readonly number[]): Tensor {
  const [pairs, length, ...rest] = value.shape;
  const rows = last.map((t, b) => b * length + t);
  const flat = gather(reshape(value, [pairs * length, -1]), tensor(rows, [pairs], 'i32', value.device));
  return reshape(flat, [pairs, ...rest]);
}
