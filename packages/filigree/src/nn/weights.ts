import { InputError } from '../errors.js';
import { expand, Random, reshape, type Tensor, tensor } from '../tensor/index.js';
import type { TransformerConfig } from './config.js';
import type { NormWeights } from './norm.js';
import { parameterShapes } from './parameters.js';

/** Parameters of a transformer as the forward pass reads them: `W[out, in]`, heads apart. */
export interface Weights {
  /** `[vocabulary, width]` */
  readonly embed: Tensor;
  /** `[context, width]` */
  readonly positions?: Tensor;
  readonly blocks: readonly BlockWeights[];
  readonly finalNorm: NormWeights | undefined;
  /** `[vocabulary, width]`; the embedding itself when tied. */
  readonly unembed: Tensor;
  /** `[vocabulary, vocabulary]`: logits to add, by the current token. */
  readonly bigram?: Tensor;
}

export interface BlockWeights {
  /** Undefined in models without norms. */
  readonly norm1: NormWeights | undefined;
  readonly attention: AttentionWeights;
  /** Of what attention writes; undefined in models without post-norms. */
  readonly postNorm1: NormWeights | undefined;
  readonly norm2: NormWeights | undefined;
  /** Of what the MLP writes. */
  readonly postNorm2: NormWeights | undefined;
  /** Undefined in attention-only models. */
  readonly mlp: MlpWeights | undefined;
}

export interface AttentionWeights {
  /** `[heads, headWidth, width]`; keys and values have `kvHeads` heads. Biases lack the last dimension. */
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly qBias?: Tensor;
  readonly kBias?: Tensor;
  readonly vBias?: Tensor;
  /** `[width, heads, headWidth]` */
  readonly out: Tensor;
  readonly outBias?: Tensor;
  /** `[heads]`: logits of attending to nothing. */
  readonly sink?: Tensor;
}

export interface MlpWeights {
  /** `[mlpWidth, width]`, in gated MLPs only. */
  readonly gate?: Tensor;
  readonly gateBias?: Tensor;
  readonly in: Tensor;
  readonly inBias?: Tensor;
  /** `[width, mlpWidth]` */
  readonly out: Tensor;
  readonly outBias?: Tensor;
}

/** Key-value weights or biases repeated for the heads that share them, `[kvHeads, …] -> [heads, …]`. */
export function ungroup(weight: Tensor, heads: number): Tensor {
  const [groups, ...rest] = weight.shape;
  if (groups === heads) return weight;
  return reshape(expand(reshape(weight, [groups, 1, ...rest]), [groups, heads / groups, ...rest]), [heads, ...rest]);
}

/** A named parameter, in the shape that files give it. */
export type Parameters = ReadonlyMap<string, Tensor>;

/** The forward pass's view of named parameters; heads are told apart without a copy. */
export function weightsOf(config: TransformerConfig, parameters: Parameters): Weights {
  const { heads, kvHeads, headWidth, width } = config;
  const has = (name: string): Tensor | undefined => parameters.get(name);
  const get = (name: string): Tensor => {
    const found = parameters.get(name);
    if (!found) throw new InputError(`The model's weights lack '${name}'.`);
    return found;
  };
  const norm = (name: string): NormWeights | undefined =>
    config.norm === 'none' ? undefined : { weight: get(`${name}.weight`), bias: has(`${name}.bias`) };
  const headed = (name: string, count: number): { weight: Tensor; bias?: Tensor } => {
    const bias = has(`${name}.bias`);
    return {
      weight: reshape(get(`${name}.weight`), [count, headWidth, width]),
      bias: bias && reshape(bias, [count, headWidth]),
    };
  };
  const mlp = (name: string): MlpWeights => ({
    gate: config.gated ? get(`${name}.gate.weight`) : undefined,
    gateBias: has(`${name}.gate.bias`),
    in: get(`${name}.in.weight`),
    inBias: has(`${name}.in.bias`),
    out: get(`${name}.out.weight`),
    outBias: has(`${name}.out.bias`),
  });
  const blocks = Array.from({ length: config.layers }, (_, l): BlockWeights => {
    const block = `blocks.${l}`;
    const q = headed(`${block}.attn.q`, heads);
    const k = headed(`${block}.attn.k`, kvHeads);
    const v = headed(`${block}.attn.v`, kvHeads);
    return {
      norm1: norm(`${block}.ln1`),
      attention: {
        q: q.weight,
        k: k.weight,
        v: v.weight,
        qBias: q.bias,
        kBias: k.bias,
        vBias: v.bias,
        out: reshape(get(`${block}.attn.out.weight`), [width, heads, headWidth]),
        outBias: has(`${block}.attn.out.bias`),
        sink: has(`${block}.attn.sink.bias`),
      },
      postNorm1: config.postNorms ? norm(`${block}.ln1_post`) : undefined,
      norm2: norm(`${block}.ln2`),
      postNorm2: config.postNorms ? norm(`${block}.ln2_post`) : undefined,
      mlp: config.mlpWidth > 0 ? mlp(`${block}.mlp`) : undefined,
    };
  });
  return {
    embed: get('embed.weight'),
    positions: has('position.weight'),
    blocks,
    finalNorm: norm('ln_final'),
    unembed: config.tied ? get('embed.weight') : get('unembed.weight'),
    bigram: has('bigram.weight'),
  };
}

/**
 * Random parameters to train from: normal with the given standard deviation, maps into the residual stream scaled down by
 * sqrt(2 layers) (Radford et al. 2019); norms 1, biases 0.
 */
export function randomParameters(
  config: TransformerConfig,
  options: { seed: number; scale?: number },
): Map<string, Tensor> {
  const { seed, scale = 0.02 } = options;
  const random = new Random(seed);
  const parameters = new Map<string, Tensor>();
  for (const [name, shape] of parameterShapes(config)) {
    const size = shape.reduce((a, b) => a * b, 1);
    const bias = name.endsWith('.bias') || name === 'bigram.weight';
    const gain = /ln\w*\.weight$/.test(name);
    const writes = /(attn|mlp)\.out\.weight$/.test(name);
    const deviation = writes ? scale / Math.sqrt(2 * config.layers) : scale;
    const values = bias || gain ? new Float64Array(size).fill(gain ? 1 : 0) : random.normals(size, deviation);
    parameters.set(name, tensor(values, shape));
  }
  return parameters;
}
