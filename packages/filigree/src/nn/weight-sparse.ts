import { InputError } from '../errors.js';
import { absTopK, denseGradientLinear, SparseTensor } from '../sparse/index.js';
import {
  add,
  alias,
  concat,
  einsum,
  expand,
  gather,
  gelu,
  mul,
  Random,
  reshape,
  Scope,
  slice,
  softmax,
  sub,
  type Tensor,
  tensor,
} from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';
import { rowsAt } from './attention.js';
import { norm } from './norm.js';
import type { Tokens } from './transformer.js';

/** What decides a weight-sparse transformer, but its weights. */
export interface WeightSparseConfig {
  readonly layers: number;
  /** A multiple of `headWidth`. */
  readonly width: number;
  readonly headWidth: number;
  readonly mlpWidth: number;
  readonly vocabulary: number;
  readonly context: number;
  readonly normEps: number;
  /** Share of the values that stays at each node site (AbsTopK); 1 leaves all. */
  readonly activationShare: number;
  /** A learned logit for each head in the denominator of its softmax. */
  readonly sink: boolean;
  /** A dense table `[vocabulary, vocabulary]`, whose row of the current token is added to the logits. */
  readonly bigram: boolean;
}

/** Where a node is one element of a vector: what attention and MLP read, queries, keys, values, neurons, and what both write. */
export const nodeSites = ['attn_in', 'q', 'k', 'v', 'attn_out', 'mlp_in', 'neuron', 'mlp_out'] as const;
export type NodeSite = (typeof nodeSites)[number];

/** The full name of a node site: `blocks.0.attn_in`. */
export const nodeSiteName = (layer: number, site: NodeSite): string => `blocks.${layer}.${site}`;

/** The node sites of a model in order of computation, with the number of their nodes. */
export function nodeSizes(config: WeightSparseConfig): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (let layer = 0; layer < config.layers; layer++) {
    for (const site of nodeSites) {
      sizes.set(nodeSiteName(layer, site), site === 'neuron' ? config.mlpWidth : config.width);
    }
  }
  return sizes;
}

/** Which nodes of a site are kept: `y = mean + mask (x - mean)`, shared over tokens and prompts. Differentiable in both. */
export interface NodeMask {
  /** `[nodes]`: 1 keeps, 0 puts the mean in the node's place. */
  readonly mask: Tensor;
  /** `[nodes]` */
  readonly mean: Tensor;
}

export interface WeightSparseRunOptions {
  /** Masks by full site name; sites without one are whole. */
  nodes?: ReadonlyMap<string, NodeMask>;
  /** Called at every node site, `resid_pre`, `resid_post`, `embed` and `logits`, after the mask; what it returns takes the site's place. */
  edit?: (site: string, value: Tensor) => Tensor;
  /** Sites to keep in the result, by full name. */
  sites?: Iterable<string>;
  /** Position of each sequence whose logits are wanted: logits are `[b, vocabulary]` then. */
  at?: readonly number[];
  /** The gradient of packed weights only where they are, 0 elsewhere. */
  supportGradients?: boolean;
}

export interface WeightSparseRun {
  /** `[b, t, vocabulary]`, or `[b, vocabulary]` with `at`. */
  readonly logits: Tensor;
  /** A kept site, `[b, t, nodes]`. Throws RangeError when it was not asked for. */
  site(name: string): Tensor;
}

/** Matrices with a smaller share of nonzero weights are packed. */
export const packedBelow = 0.3;

/**
 * The decoder of Gao et al. 2025 (arXiv 2511.13653): pre-norm with RMS norms, untied embeddings, GELU, no positions, AbsTopK at
 * every node site; optionally an attention sink and a bigram table. Weights are dense tensors that may be mostly zeros: matrices whose
 * density is below `packedBelow` compute with their nonzero weights only, forward and in the gradient of their inputs, once `refresh` has
 * packed them; it belongs after every change of the weights.
 *
 * For layer input `r`, with `K` = AbsTopK and then the node mask:
 *
 *     a = K(rms(r) g1)      q, k, v = K(Wq a + bq), K(Wk a + bk), K(Wv a + bv)
 *     p[t, s] = exp(q[t].k[s] / sqrt(headWidth)) / (exp(sink) + sum over s' <= t of exp(q[t].k[s'] / sqrt(headWidth)))
 *     r' = r + K(Wo z + bo)      z[t] = sum of p[t, s] v[s]
 *     m = K(rms(r') g2)     h = K(gelu(W1 m + b1))     r'' = r' + K(W2 h + b2)
 *     logits = U rms(r'') g + b + bigram[token]
 *
 * A node's mask acts after AbsTopK: nodes are the values that others read, and a node that is masked frees no place for another. AbsTopK
 * of `q`, `k` and `v` is over all heads together. All node sites are `[b, t, nodes]`.
 */
export class WeightSparseTransformer {
  private readonly owner = new Scope();
  private readonly packed = new Map<string, SparseTensor>();

  /** Takes over the parameters, named and shaped as `weightSparseShapes` says. Throws InputError when one is missing. */
  constructor(
    readonly config: WeightSparseConfig,
    readonly parameters: ReadonlyMap<string, Tensor>,
  ) {
    for (const [name, shape] of weightSparseShapes(config)) {
      const parameter = parameters.get(name);
      if (!parameter) throw new InputError(`The model's weights lack '${name}'.`);
      if (parameter.shape.join() !== shape.join()) {
        throw new InputError(`The weight '${name}' has shape [${parameter.shape}], not [${shape}].`);
      }
    }
    for (const parameter of parameters.values()) this.owner.add(parameter);
  }

  /** Frees the parameters too. */
  dispose(): void {
    this.forget();
    this.owner.dispose();
  }

  /** Packs the nonzero weights of every matrix that has few, as the parameters are now. */
  async refresh(): Promise<void> {
    this.forget();
    for (const [name, parameter] of this.parameters) {
      if (!isProduct(name)) continue;
      const values = await parameter.data();
      let nonzero = 0;
      for (let i = 0; i < values.length; i++) if (values[i] !== 0) nonzero++;
      if (nonzero >= packedBelow * values.length) continue;
      const [rows, cols] = parameter.shape;
      const { device } = parameter;
      this.packed.set(
        name,
        unscoped(() => SparseTensor.fromDense(values, [rows, cols], undefined, { device })),
      );
    }
  }

  private forget(): void {
    for (const weight of this.packed.values()) weight.dispose();
    this.packed.clear();
  }

  /** Logits and the sites asked for; shorter rows are padded on the right. Throws InputError for tokens that do not fit. */
  run(tokens: Tokens, options: WeightSparseRunOptions = {}): WeightSparseRun {
    const { config } = this;
    const wanted = new Set(options.sites);
    const kept = new Map<string, Tensor>();
    const visit = (name: string, value: Tensor): Tensor => {
      const result = options.edit ? options.edit(name, value) : value;
      if (wanted.has(name)) kept.set(name, result);
      return result;
    };
    const ids = this.ids(tokens);
    const support = options.supportGradients;
    const { packed } = this;
    const linear = (x: Tensor, name: string): Tensor =>
      denseGradientLinear(x, this.get(`${name}.weight`), packed.get(`${name}.weight`), this.get(`${name}.bias`), {
        support,
      });
    const rms = (x: Tensor, name: string): Tensor =>
      norm(x, { weight: this.get(`${name}.weight`) }, { norm: 'rms', normEps: config.normEps }, (scale) => scale);
    let x = visit('embed', gather(this.get('embed.weight'), ids));
    for (let layer = 0; layer < config.layers; layer++) {
      const block = `blocks.${layer}`;
      const node = (site: NodeSite, value: Tensor): Tensor => {
        const name = nodeSiteName(layer, site);
        const some = absTopK(value, this.kept(value.shape[value.shape.length - 1]));
        const mask = options.nodes?.get(name);
        return visit(name, mask ? masked(some, mask) : some);
      };
      x = visit(`${block}.resid_pre`, alias(x));
      const read = node('attn_in', rms(x, `${block}.ln1`));
      const [q, k, v] = (['q', 'k', 'v'] as const).map((site) => node(site, linear(read, `${block}.attn.${site}`)));
      const z = this.attend(q, k, v, config.sink ? this.get(`${block}.attn.sink`) : undefined);
      x = add(x, node('attn_out', linear(z, `${block}.attn.out`)));
      const middle = node('mlp_in', rms(x, `${block}.ln2`));
      const hidden = node('neuron', gelu(linear(middle, `${block}.mlp.in`)));
      x = visit(`${block}.resid_post`, add(x, node('mlp_out', linear(hidden, `${block}.mlp.out`))));
    }
    let current = ids;
    if (options.at) {
      x = reshape(rowsAt(x, options.at), [-1, config.width]);
      const { at } = options;
      const last = tokens.map((row, b) => row[at[b]]);
      current = tensor(last, [last.length], 'i32', ids.device);
    }
    const plain = linear(rms(x, 'ln_final'), 'unembed');
    const logits = visit('logits', config.bigram ? add(plain, gather(this.get('bigram.weight'), current)) : plain);
    return {
      logits,
      site(name) {
        const value = kept.get(name);
        if (!value) throw new RangeError(`site '${name}' was not kept in this run`);
        return value;
      },
    };
  }

  /** How many of `nodes` values AbsTopK keeps. */
  kept(nodes: number): number {
    return Math.max(1, Math.round(nodes * this.config.activationShare));
  }

  private get(name: string): Tensor {
    return this.parameters.get(name) as Tensor;
  }

  private ids(tokens: Tokens): Tensor {
    const { context, vocabulary } = this.config;
    const length = Math.max(...tokens.map((row) => row.length));
    if (!(length >= 1 && length <= context && tokens.every((row) => row.length > 0))) {
      throw new InputError(`A prompt must have 1 to ${context} tokens, the model's context.`);
    }
    const ids = new Int32Array(tokens.length * length);
    tokens.forEach((row, b) => {
      const stranger = row.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabulary));
      if (stranger !== undefined) {
        throw new InputError(`Token id ${stranger} is outside the model's vocabulary of ${vocabulary}.`);
      }
      ids.set(row, b * length);
    });
    return tensor(ids, [tokens.length, length], 'i32', this.get('embed.weight').device);
  }

  private attend(q: Tensor, k: Tensor, v: Tensor, sink: Tensor | undefined): Tensor {
    const [batch, length, width] = q.shape;
    const { headWidth } = this.config;
    const heads = width / headWidth;
    const [Q, K, V] = [q, k, v].map((y) => reshape(y, [batch, length, heads, headWidth]));
    const scores = einsum('bthe,bshe->bhts', Q, K, 1 / Math.sqrt(headWidth));
    let pattern: Tensor;
    if (sink) {
      // The sink is a key at position -1, which every query sees and whose value is 0.
      const column = expand(reshape(sink, [1, heads, 1, 1]), [batch, heads, length, 1]);
      const all = softmax(concat([column, scores], 3), { queries: length, shift: 1 });
      pattern = slice(all, 3, 1);
    } else {
      pattern = softmax(scores, { queries: length, shift: 0 });
    }
    return reshape(einsum('bhts,bshe->bthe', pattern, V), [batch, length, width]);
  }
}

function masked(x: Tensor, { mask, mean }: NodeMask): Tensor {
  return add(mul(x, mask), mul(sub(1, mask), mean));
}

/** Whether a parameter is a matrix that activations are multiplied with. */
function isProduct(name: string): boolean {
  return name.endsWith('.weight') && (/\.(attn|mlp)\./.test(name) || name === 'unembed.weight');
}

/** Whether a parameter is held to the sparsity: all but norm gains, sinks and the bigram table. */
export function isSparsified(name: string): boolean {
  return !/(ln\w*\.weight|\.sink|^bigram\.weight)$/.test(name);
}

/**
 * The name and shape of every parameter, in the order of computation; linear maps as [out, in].
 * @throws InputError where the width is no multiple of the head's
 */
export function weightSparseShapes(config: WeightSparseConfig): ReadonlyMap<string, readonly number[]> {
  const { layers, width, headWidth, mlpWidth, vocabulary, sink, bigram } = config;
  if (width % headWidth !== 0) {
    throw new InputError(`the width ${width} is not a multiple of the width of a head, ${headWidth}`);
  }
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, out: number, inputs: number) => {
    shapes.set(`${name}.weight`, [out, inputs]);
    shapes.set(`${name}.bias`, [out]);
  };
  shapes.set('embed.weight', [vocabulary, width]);
  for (let l = 0; l < layers; l++) {
    const block = `blocks.${l}`;
    shapes.set(`${block}.ln1.weight`, [width]);
    for (const part of ['q', 'k', 'v', 'out']) linear(`${block}.attn.${part}`, width, width);
    if (sink) shapes.set(`${block}.attn.sink`, [width / headWidth]);
    shapes.set(`${block}.ln2.weight`, [width]);
    linear(`${block}.mlp.in`, mlpWidth, width);
    linear(`${block}.mlp.out`, width, mlpWidth);
  }
  shapes.set('ln_final.weight', [width]);
  linear('unembed', vocabulary, width);
  if (bigram) shapes.set('bigram.weight', [vocabulary, vocabulary]);
  return shapes;
}

/**
 * Random parameters to train from: matrices normal with deviation `scale / sqrt(in)`, those that write to the residual stream divided by
 * `sqrt(2 layers)` besides, embeddings with deviation `scale`; gains 1; biases, sinks and the bigram table 0.
 */
export function randomWeightSparse(
  config: WeightSparseConfig,
  options: { seed: number; scale?: number },
): Map<string, Tensor> {
  const { seed, scale = 1 } = options;
  const random = new Random(seed);
  const parameters = new Map<string, Tensor>();
  for (const [name, shape] of weightSparseShapes(config)) {
    const size = shape.reduce((a, b) => a * b, 1);
    if (/ln\w*\.weight$/.test(name)) {
      parameters.set(name, tensor(new Float32Array(size).fill(1), shape));
    } else if (isProduct(name) || name === 'embed.weight') {
      const writes = /(attn|mlp)\.out\.weight$/.test(name) ? Math.sqrt(2 * config.layers) : 1;
      const inputs = name === 'embed.weight' ? 1 : shape[1];
      parameters.set(name, tensor(random.normals(size, scale / (writes * Math.sqrt(inputs))), shape));
    } else {
      parameters.set(name, tensor(new Float32Array(size), shape));
    }
  }
  return parameters;
}
