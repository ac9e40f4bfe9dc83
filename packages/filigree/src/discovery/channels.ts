import { InputError } from '../errors.js';
import type { TransformerConfig } from '../nn/config.js';
import { sparseProducts } from '../nn/sparse-products.js';
import type { RunOptions, Tokens, Transformer } from '../nn/transformer.js';
import { add, concat, mul, noGrad, reshape, scope, slice, sub, sum, type Tensor } from '../tensor/index.js';
import type { Progress } from './batches.js';

/** What a channel is an element of: what a layer's attention reads, its queries, keys and values, what it writes; the same of its MLP. */
export const channelFamilies = ['attn_in', 'q', 'k', 'v', 'attn_out', 'mlp_in', 'neuron', 'mlp_out'] as const;
export type ChannelFamily = (typeof channelFamilies)[number];

const siteOf: Readonly<Record<ChannelFamily, string>> = {
  attn_in: 'attn.in',
  q: 'attn.q',
  k: 'attn.k',
  v: 'attn.v',
  attn_out: 'attn_out',
  mlp_in: 'mlp.in',
  neuron: 'mlp.post',
  mlp_out: 'mlp_out',
};

/** The channels of one site: numbers `first` to `first + size - 1`. */
export interface ChannelGroup {
  readonly layer: number;
  readonly family: ChannelFamily;
  readonly site: string;
  readonly first: number;
  readonly size: number;
  /** Dimensions of the site after batch and position. */
  readonly shape: readonly number[];
}

/**
 * Numbers all single channels of a transformer at which something is computed, in order of computation: elements of what attention
 * and MLP read after their norm, of queries, keys, values and hidden neurons, and of what they write. The residual stream, which only
 * adds up, has none.
 */
export class ChannelSpace {
  readonly groups: readonly ChannelGroup[];
  readonly size: number;
  private readonly bySite: ReadonlyMap<string, ChannelGroup>;

  constructor(readonly config: TransformerConfig) {
    const { layers, heads, kvHeads, headWidth, width, mlpWidth } = config;
    const shapes: Readonly<Record<ChannelFamily, readonly number[]>> = {
      attn_in: [width],
      q: [heads, headWidth],
      k: [kvHeads, headWidth],
      v: [kvHeads, headWidth],
      attn_out: [width],
      mlp_in: [width],
      neuron: [mlpWidth],
      mlp_out: [width],
    };
    const families = channelFamilies.filter((f) => mlpWidth > 0 || !['mlp_in', 'neuron', 'mlp_out'].includes(f));
    let first = 0;
    const groups: ChannelGroup[] = [];
    for (let layer = 0; layer < layers; layer++) {
      for (const family of families) {
        const shape = shapes[family];
        const size = shape.reduce((a, b) => a * b, 1);
        groups.push({ layer, family, site: `blocks.${layer}.${siteOf[family]}`, first, size, shape });
        first += size;
      }
    }
    this.groups = groups;
    this.size = first;
    this.bySite = new Map(groups.map((group) => [group.site, group]));
  }

  /** The channels of a site; undefined where it has none. */
  at(site: string): ChannelGroup | undefined {
    return this.bySite.get(site);
  }

  group(layer: number, family: ChannelFamily): ChannelGroup {
    const found = this.groups.find((each) => each.layer === layer && each.family === family);
    if (!found) throw new RangeError(`the model has no ${family} in layer ${layer}`);
    return found;
  }

  /** The group of a channel. */
  groupOf(channel: number): ChannelGroup {
    const found = this.groups.find(({ first, size }) => channel >= first && channel < first + size);
    if (!found) throw new RangeError(`the model has no channel ${channel}`);
    return found;
  }

  /** `0.neuron.17`; within heads `0.q.h3.5`. */
  name(channel: number): string {
    const { layer, family, first, shape } = this.groupOf(channel);
    const place = channel - first;
    const own = shape.length === 1 ? String(place) : `h${Math.floor(place / shape[1])}.${place % shape[1]}`;
    return `${layer}.${family}.${own}`;
  }
}

/** What channels carry that are left out: broadcast to the site's shape. */
export type LeftOut = (group: ChannelGroup) => Tensor;

/** The same value everywhere: one number per channel, `[channels]`. */
export function constantValues(values: Tensor): LeftOut {
  return ({ first, size, shape }) => reshape(slice(values, 0, first, first + size), shape);
}

/** A model whose channels can be left out one by one. */
export interface ChannelModel {
  readonly model: Transformer;
  readonly space: ChannelSpace;
  /** What a channel carries on average over the training text, `[channels]`. */
  readonly means: Float64Array<ArrayBuffer>;
  /** Products by the nonzero weights alone; without them all weights are multiplied. */
  readonly multiply?: RunOptions['multiply'];
  /** Frees the packed weights, not the model. */
  dispose(): void;
}

/**
 * Prepares a model for masks: packs what is mostly zeros and takes the mean of every channel over all positions of sequences that are
 * drawn from what the model was trained on. The weights must not change after that.
 * @throws InputError where there are no sequences, and for sequences that the model cannot read
 */
export async function channelModel(
  model: Transformer,
  sequences: Tokens,
  options: Progress & { sparse?: boolean } = {},
): Promise<ChannelModel> {
  if (sequences.length === 0) throw new InputError('There is no text to take means over.');
  const space = new ChannelSpace(model.config);
  const products = options.sparse === false ? undefined : await sparseProducts(model.parameters);
  const own = { model, space, multiply: products?.multiply };
  try {
    const means = await meanChannels(own, sequences, options);
    return { ...own, means, dispose: () => products?.dispose() };
  } catch (error) {
    products?.dispose();
    throw error;
  }
}

/** Prompts, and the position of each whose logits are wanted. */
export interface Prompts {
  readonly tokens: Tokens;
  readonly at: readonly number[];
}

/** What a model needs for a run, before its means are known. */
type Runnable = Pick<ChannelModel, 'model' | 'space' | 'multiply'>;

/** Logits `[b, vocabulary]` of a run in which what every group of channels holds is replaced, in order of computation. */
export function runChannels(
  { model, space, multiply }: Runnable,
  { tokens, at }: Prompts,
  change: (group: ChannelGroup, value: Tensor) => Tensor,
): Tensor {
  const { logits } = model.run(tokens, {
    at,
    narrow: true,
    multiply,
    edit(site, value) {
      const group = space.at(site);
      return group ? change(group, value) : value;
    },
  });
  return logits;
}

/**
 * A change for `runChannels`: every channel carries `other + m (x - other)`, itself where its mask m is 1 and what is given for it where
 * m is 0, at all positions of all prompts alike. Differentiable in `mask`, `[channels]`.
 */
export function masked(mask: Tensor, leftOut: LeftOut): (group: ChannelGroup, value: Tensor) => Tensor {
  return (group, value) => {
    const other = leftOut(group);
    const own = reshape(slice(mask, 0, group.first, group.first + group.size), group.shape);
    return add(other, mul(own, sub(value, other)));
  };
}

/** Rows that a pass over texts runs at once. */
const rowsAtOnce = 16;

async function meanChannels(own: Runnable, sequences: Tokens, options: Progress): Promise<Float64Array<ArrayBuffer>> {
  const totals = new Float64Array(own.space.size);
  let [positions, done] = [0, 0];
  // Sequences of one length at a time: padding has no place in a mean.
  for (const rows of byLength(sequences)) {
    for (let start = 0; start < rows.length; start += rowsAtOnce) {
      options.signal?.throwIfAborted();
      const part = rows.slice(start, start + rowsAtOnce);
      const sums = scope(() => noGrad(() => sumChannels(own, part)));
      (await sums.data()).forEach((value, channel) => {
        totals[channel] += value;
      });
      sums.dispose();
      positions += part.length * part[0].length;
      done += part.length;
      options.onProgress?.({ done, total: sequences.length, unit: 'texts' });
    }
  }
  return totals.map((total) => total / positions);
}

function sumChannels({ model, space, multiply }: Runnable, tokens: Tokens): Tensor {
  const sums: Tensor[] = [];
  model.run(tokens, {
    multiply,
    edit(site, value) {
      if (space.at(site)) sums.push(reshape(sum(value, [0, 1]), [-1]));
      return value;
    },
  });
  return concat(sums, 0);
}

function byLength(sequences: Tokens): (readonly number[])[][] {
  const groups = new Map<number, (readonly number[])[]>();
  for (const row of sequences) {
    const group = groups.get(row.length);
    if (group) group.push(row);
    else groups.set(row.length, [row]);
  }
  return [...groups.values()];
}
