import { InputError } from '../errors.js';
import { absTopK } from '../sparse/index.js';
import {
  add,
  alias,
  div,
  einsum,
  expand,
  gather,
  gelu,
  geluTanh,
  mul,
  relu,
  reshape,
  rotary,
  Scope,
  silu,
  slice,
  softmax,
  sum,
  type Tensor,
  tagged,
  tensor,
} from '../tensor/index.js';
import { capped, hideUnseen, rotaryAngles, rowsAt, turnedAt, withinWindow, withSink } from './attention.js';
import type { Past } from './cache.js';
import type { TransformerConfig } from './config.js';
import { norm, rootMeanSquare } from './norm.js';
import { type BlockWeights, type Parameters, ungroup, type Weights, weightsOf } from './weights.js';

/** Token ids, one row per sequence; rows are padded on the right to the longest. */
export type Tokens = readonly (readonly number[])[];

export interface RunOptions {
  /** Called at every site in order of computation; what it returns takes the site's place. */
  edit?: (site: string, value: Tensor) => Tensor;
  /** Sites to keep in the result, by full name. */
  sites?: Iterable<string>;
  /** In these layers each head reads its own copies of the residual stream: `q_input`, `k_input`, `v_input` are `[b, t, heads, width]`. */
  split?: boolean | ((layer: number) => boolean);
  /** Gives every head keys and values of its own, so that `attn.k` and `attn.v` have all heads where heads share them. */
  ungroup?: boolean;
  /** Makes `attn.result`, what each head writes, and lets `attn_out` be their sum. Implied where the site is kept. */
  results?: boolean;
  /** Position of each sequence whose logits are wanted: logits are `[b, vocabulary]` then. */
  at?: readonly number[];
  /**
   * Lets the last layer compute only at the positions `at` what no other position reads: its queries and all that follows. Its sites
   * from `q_input` and `attn.q` on (keys and values apart), and those behind it, have one position then, the logits stay as they are.
   */
  narrow?: boolean;
  /** Starts from a residual stream `[b, t, width]` at the entrance of a layer instead of from tokens. */
  from?: { readonly layer: number; readonly residual: Tensor };
  /**
   * Multiplies `x[.., in]` with the parameter of this name, bias added, in another way than the dense product, such as a sparse one; undefined
   * leaves it to that. Not asked where heads read copies of their own (`split`) or write apart (`results`).
   */
  multiply?: (name: string, x: Tensor, bias: Tensor | undefined) => Tensor | undefined;
  /** Continues after the positions stored here; a `KeyValueCache` stores the new ones too, a `SharedPast` does not. */
  cache?: Past;
}

export interface Run {
  /** `[b, t, vocabulary]`, or `[b, vocabulary]` with `at`. */
  readonly logits: Tensor;
  /** A kept site. Throws RangeError when it was not asked for. */
  site(name: string): Tensor;
}

const activations = { silu, gelu, geluTanh, relu };

/**
 * A decoder-only transformer (Llama, Mistral, Qwen2, GPT-2, GPT-NeoX, Gemma 2 families, and our own weight-sparse one) whose activations can be read, replaced and
 * differentiated at named sites (`siteNames`). Shapes: residual sites `[b, t, width]`; `attn.q`, `.z` `[b, t, heads, headWidth]`;
 * `attn.k`, `.v` the same, with `kvHeads` heads unless split or ungrouped; `attn.scores` (before masking), `.pattern`
 * `[b, heads, t, s]`; `attn.result` `[b, t, heads, width]`; `attn.in` (without split) and `mlp.in`, what is read after the norm, as the
 * stream; scales end in 1; MLP sites `[b, t, mlpWidth]`. Where the model keeps only the largest values (`topK`), sites hold what is left.
 */
export class Transformer {
  private readonly owner = new Scope();
  private readonly angles: { cos: Tensor; sin: Tensor } | undefined;
  /** The parameters as the forward pass reads them. */
  readonly weights: Weights;

  /** Takes over the parameters, named and shaped as `parameterShapes` says. Throws InputError when one is missing. */
  constructor(
    readonly config: TransformerConfig,
    readonly parameters: Parameters,
  ) {
    for (const parameter of parameters.values()) this.owner.add(parameter);
    this.weights = this.owner.run(() => weightsOf(config, parameters));
    if (config.positions === 'rotary') this.angles = this.owner.run(() => rotaryAngles(config));
  }

  /** Frees the parameters too. */
  dispose(): void {
    this.owner.dispose();
  }

  /** Throws InputError for sequences that are empty, longer than the context, or hold unknown tokens. */
  check(tokens: Tokens): void {
    for (const row of tokens) {
      if (row.length === 0) throw new InputError('A prompt is empty; it needs at least one token.');
      if (row.length > this.config.context) {
        throw new InputError(
          `A prompt has ${row.length} tokens, but the model's context is ${this.config.context}; shorten it.`,
        );
      }
      const stranger = row.find((id) => !(Number.isInteger(id) && id >= 0 && id < this.config.vocabulary));
      if (stranger !== undefined) {
        throw new InputError(`Token id ${stranger} is outside the model's vocabulary of ${this.config.vocabulary}.`);
      }
    }
  }

  /** Logits and the sites asked for. `tokens` may be empty with `from`. */
  run(tokens: Tokens, options: RunOptions = {}): Run {
    const wanted = new Set(options.sites);
    const kept = new Map<string, Tensor>();
    const visit = (name: string, value: Tensor): Tensor => {
      const result = options.edit ? options.edit(name, value) : value;
      if (wanted.has(name)) kept.set(name, result);
      return result;
    };
    const { config } = this;
    const weights = this.currentWeights();
    const first = options.from?.layer ?? 0;
    let x = options.from?.residual ?? visit('embed', this.embed(weights, tokens, options.cache?.length ?? 0));
    const length = x.shape[1];
    const narrow = options.narrow ? options.at : undefined;
    for (let layer = first; layer < config.layers; layer++) {
      const only = layer === config.layers - 1 ? narrow : undefined;
      x = this.block(layer, weights.blocks[layer], x, visit, wanted, options, only);
    }
    options.cache?.advance(length);
    x = visit('final_in', alias(x));
    if (options.at) x = reshape(x.shape[1] === 1 ? x : rowsAt(x, options.at), [-1, config.width]);
    const [scale, normalized] = ['scale', 'normalized'].map((s) => (v: Tensor) => visit(`ln_final.${s}`, v));
    const output = norm(x, weights.finalNorm, config, scale, normalized);
    const labels = options.at ? 'bd,vd->bv' : 'btd,vd->btv';
    const name = config.tied ? 'embed.weight' : 'unembed.weight';
    const read = options.multiply?.(name, output, undefined) ?? einsum(labels, output, weights.unembed);
    const following = weights.bigram ? add(read, this.followers(weights.bigram, tokens, options.at)) : read;
    const logits = visit('logits', capped(following, config.logitCap));
    return {
      logits,
      site(name) {
        const value = kept.get(name);
        if (!value) throw new RangeError(`site '${name}' was not kept in this run`);
        return value;
      },
    };
  }

  /** Made anew while parameters are trained, so that gradients reach the parameters through the views. */
  private currentWeights(): Weights {
    const training = [...this.parameters.values()].some((p) => p.tracked);
    return training ? weightsOf(this.config, this.parameters) : this.weights;
  }

  private embed(weights: Weights, tokens: Tokens, start: number): Tensor {
    this.check(tokens);
    const length = Math.max(...tokens.map((row) => row.length));
    if (start + length > this.config.context) {
      throw new InputError(
        `The text reaches ${start + length} tokens, but the model's context is ${this.config.context}; shorten it.`,
      );
    }
    const ids = new Int32Array(tokens.length * length);
    tokens.forEach((row, b) => {
      ids.set(row, b * length);
    });
    const rows = gather(weights.embed, tensor(ids, [tokens.length, length], 'i32', weights.embed.device));
    const { embeddingScale } = this.config;
    const embedded = embeddingScale === undefined ? rows : mul(rows, embeddingScale);
    const { positions } = weights;
    return positions ? add(embedded, slice(positions, 0, start, start + length)) : embedded;
  }

  /** AbsTopK of the last `dims` dimensions where the model has it. */
  private kept(x: Tensor, dims = 1): Tensor {
    const { topK } = this.config;
    if (topK === undefined) return x;
    const size = x.shape.slice(-dims).reduce((a, b) => a * b, 1);
    const count = Math.max(1, Math.round(topK * size));
    return dims === 1
      ? absTopK(x, count)
      : reshape(absTopK(reshape(x, [...x.shape.slice(0, -dims), size]), count), x.shape);
  }

  /** The rows of the bigram table at the current tokens, `[b, t, vocabulary]`, or `[b, vocabulary]` at the positions `at`. */
  private followers(bigram: Tensor, tokens: Tokens, at: readonly number[] | undefined): Tensor {
    if (tokens.length === 0) throw new InputError('A model with a bigram table needs the tokens.');
    const length = Math.max(...tokens.map((row) => row.length));
    const ids = at
      ? tokens.map((row, b) => row[at[b]])
      : tokens.flatMap((row) => [...row, ...Array<number>(length - row.length).fill(0)]);
    const shape = at ? [tokens.length] : [tokens.length, length];
    return gather(bigram, tensor(ids, shape, 'i32', bigram.device));
  }

  private block(
    layer: number,
    w: BlockWeights,
    input: Tensor,
    visit: (name: string, value: Tensor) => Tensor,
    wanted: ReadonlySet<string>,
    options: RunOptions,
    only: readonly number[] | undefined,
  ): Tensor {
    const { config } = this;
    const at = (name: string, value: Tensor): Tensor => visit(`blocks.${layer}.${name}`, value);
    const x = at('resid_pre', input);
    const attention = this.attention(layer, w, x, at, wanted, options, only);
    const entrance = only ? rowsAt(x, only) : x;
    const added = add(entrance, at('attn_out', this.kept(attention)));
    const mid = config.parallel ? added : at('resid_mid', added);
    if (!w.mlp) return at('resid_post', mid);
    const read = at('mlp_in', alias(config.parallel ? entrance : mid));
    const output = at('mlp.in', this.kept(norm(read, w.norm2, config, (s) => at('ln2.scale', s))));
    const act = activations[config.activation];
    const linear = (name: string, y: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor => {
      const other = options.multiply?.(`blocks.${layer}.mlp.${name}.weight`, y, bias);
      if (other) return other;
      const z = einsum('btd,hd->bth', y, weight);
      return bias ? add(z, bias) : z;
    };
    let hidden: Tensor;
    if (w.mlp.gate) {
      const gate = at('mlp.pre', linear('gate', output, w.mlp.gate, w.mlp.gateBias));
      const up = at('mlp.pre_linear', linear('in', output, w.mlp.in, w.mlp.inBias));
      const activated = tagged('act', () => act(gate));
      hidden = tagged('gate', () => mul(activated, up));
    } else {
      const pre = at('mlp.pre', linear('in', output, w.mlp.in, w.mlp.inBias));
      hidden = tagged('act', () => act(pre));
    }
    const written = linear('out', at('mlp.post', this.kept(hidden)), w.mlp.out, w.mlp.outBias);
    const normed = norm(written, w.postNorm2, config, (s) => at('ln2_post.scale', s));
    return at('resid_post', add(mid, at('mlp_out', this.kept(normed))));
  }

  private attention(
    layer: number,
    { attention: w, norm1, postNorm1 }: BlockWeights,
    x: Tensor,
    at: (name: string, value: Tensor) => Tensor,
    wanted: ReadonlySet<string>,
    options: RunOptions,
    only: readonly number[] | undefined,
  ): Tensor {
    const { config } = this;
    const { heads, kvHeads, headWidth } = config;
    const [batch, length, width] = x.shape;
    const split = typeof options.split === 'function' ? options.split(layer) : (options.split ?? false);
    const scale = (s: Tensor): Tensor => at('ln1.scale', s);
    const queries = only ? 1 : length;
    const asked = (y: Tensor): Tensor => (only ? rowsAt(y, only) : y);

    const project = (part: string, y: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor => {
      const other = split
        ? undefined
        : options.multiply?.(`blocks.${layer}.attn.${part}.weight`, y, bias && reshape(bias, [-1]));
      if (other) return reshape(other, [batch, y.shape[1], weight.shape[0], headWidth]);
      const z = einsum(split ? 'bthd,hed->bthe' : 'btd,hed->bthe', y, weight);
      return bias ? add(z, bias) : z;
    };
    let q: Tensor;
    let k: Tensor;
    let v: Tensor;
    if (split) {
      const read = (part: string, stream: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor => {
        const site = `${part}_input`;
        const positions = stream.shape[1];
        const copies = expand(reshape(stream, [batch, positions, 1, width]), [batch, positions, heads, width]);
        return project(
          part,
          this.kept(norm(at(site, copies), norm1, config, scale)),
          ungroup(weight, heads),
          bias && ungroup(bias, heads),
        );
      };
      q = read('q', asked(x), w.q, w.qBias);
      k = read('k', x, w.k, w.kBias);
      v = read('v', x, w.v, w.vBias);
    } else {
      const output = at('attn.in', this.kept(norm(x, norm1, config, scale)));
      q = project('q', asked(output), w.q, w.qBias);
      k = project('k', output, w.k, w.kBias);
      v = project('v', output, w.v, w.vBias);
    }
    if (options.ungroup) {
      const perHead = (z: Tensor): Tensor => {
        if (z.shape[2] === heads) return z;
        const groups = reshape(z, [batch, length, kvHeads, 1, headWidth]);
        const perQuery = expand(groups, [batch, length, kvHeads, heads / kvHeads, headWidth]);
        return reshape(perQuery, [batch, length, heads, headWidth]);
      };
      k = perHead(k);
      v = perHead(v);
    }
    q = at('attn.q', this.kept(q, 2));
    k = at('attn.k', this.kept(k, 2));
    v = at('attn.v', this.kept(v, 2));

    const start = options.cache?.length ?? 0;
    if (this.angles) {
      const cos = slice(this.angles.cos, 0, start, start + length);
      const sin = slice(this.angles.sin, 0, start, start + length);
      q = only ? turnedAt(q, this.angles, start, only) : rotary(q, cos, sin);
      k = rotary(k, cos, sin);
    }
    if (options.cache) ({ keys: k, values: v } = options.cache.extend(layer, k, v));
    const keys = k.shape[1];
    const groups = k.shape[2];
    const grouped = reshape(q, [batch, queries, groups, heads / groups, headWidth]);
    const products = einsum('btgrd,bsgd->bgrts', grouped, k, config.scoreScale ?? 1 / Math.sqrt(headWidth));
    const scores = at('attn.scores', reshape(capped(products, config.scoreCap), [batch, heads, queries, keys]));
    const window = config.windows?.[layer] ?? 0;
    const attend = (): Tensor => {
      if (only) return withSink(hideUnseen(scores, start, only, window), w.sink, (all) => softmax(all));
      const seen = withinWindow(scores, start, window);
      return withSink(seen, w.sink, (all, more) => softmax(all, { queries, shift: start + more }));
    };
    const pattern = at('attn.pattern', tagged('pattern', attend));
    const weighted = reshape(pattern, [batch, groups, heads / groups, queries, keys]);
    const z = at('attn.z', reshape(einsum('bgrts,bsgd->btgrd', weighted, v), [batch, queries, heads, headWidth]));
    const perHeadResults = options.results || wanted.has(`blocks.${layer}.attn.result`);
    const bias = (y: Tensor): Tensor => (w.outBias ? add(y, w.outBias) : y);
    if (!postNorm1) {
      const flat = () => reshape(z, [batch, queries, heads * headWidth]);
      const other = perHeadResults
        ? undefined
        : options.multiply?.(`blocks.${layer}.attn.out.weight`, flat(), w.outBias);
      if (other) return other;
      if (!perHeadResults) return bias(einsum('bthe,dhe->btd', z, w.out));
      return bias(sum(at('attn.result', einsum('bthe,dhe->bthd', z, w.out)), 2));
    }
    // The post-norm divides the sum of all heads, so what a head writes is its share of the sum by the scale of the whole.
    const whole = bias(einsum('bthe,dhe->btd', z, w.out));
    const divisor = at('ln1_post.scale', rootMeanSquare(whole, config.normEps));
    const share = (y: Tensor, by: Tensor): Tensor => mul(div(y, by), postNorm1.weight);
    if (!perHeadResults) return share(whole, divisor);
    const perHead = share(einsum('bthe,dhe->bthd', z, w.out), reshape(divisor, [batch, queries, 1, 1]));
    const total = sum(at('attn.result', perHead), 2);
    return w.outBias ? add(total, share(w.outBias, divisor)) : total;
  }
}
