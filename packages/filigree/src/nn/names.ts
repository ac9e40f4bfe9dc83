import type { Architecture, TransformerConfig } from './config.js';
import { parameterShapes } from './parameters.js';

/** Where one of our parameters is found in a checkpoint's files. */
export interface Source {
  /** The stored tensor's name, without the prefix that some files put before it. */
  readonly stored: string;
  /** The stored tensor's shape. */
  readonly storedShape: readonly number[];
  /** Whether it is stored [in, out]. */
  readonly transposed: boolean;
  /**
   * Of a stored tensor that holds several parameters, each takes outputs of its own: from `first` on, `run` outputs of every
   * `stride`.
   */
  readonly outputs: { readonly first: number; readonly run: number; readonly stride: number };
  /** Added to every stored value. */
  readonly offset: number;
  /** The parameter's own shape. */
  readonly shape: readonly number[];
}

/** Prefixes that files put before names, depending on which class of model was saved. */
const prefixes = ['model.', 'transformer.', 'gpt_neox.'];

/** Tensors that are computed, not learned, and masks: kept by older files, needed by none. */
const buffers = [
  /^(layers\.\d+\.(self_attn|attention)\.)?rotary_emb\.inv_freq$/,
  /^h\.\d+\.attn\.(masked_)?bias$/,
  /^layers\.\d+\.attention\.(masked_)?bias$/,
];

const llamaNames: Readonly<Record<string, string>> = {
  ln1: 'input_layernorm',
  'attn.q': 'self_attn.q_proj',
  'attn.k': 'self_attn.k_proj',
  'attn.v': 'self_attn.v_proj',
  'attn.out': 'self_attn.o_proj',
  ln2: 'post_attention_layernorm',
  'mlp.gate': 'mlp.gate_proj',
  'mlp.in': 'mlp.up_proj',
  'mlp.out': 'mlp.down_proj',
  embed: 'embed_tokens',
  ln_final: 'norm',
  unembed: 'lm_head',
};

const gpt2Names: Readonly<Record<string, string>> = {
  ln1: 'ln_1',
  'attn.q': 'attn.c_attn',
  'attn.k': 'attn.c_attn',
  'attn.v': 'attn.c_attn',
  'attn.out': 'attn.c_proj',
  ln2: 'ln_2',
  'mlp.in': 'mlp.c_fc',
  'mlp.out': 'mlp.c_proj',
  embed: 'wte',
  position: 'wpe',
  ln_final: 'ln_f',
  unembed: 'lm_head',
};

const neoxNames: Readonly<Record<string, string>> = {
  ln1: 'input_layernorm',
  'attn.q': 'attention.query_key_value',
  'attn.k': 'attention.query_key_value',
  'attn.v': 'attention.query_key_value',
  'attn.out': 'attention.dense',
  ln2: 'post_attention_layernorm',
  'mlp.in': 'mlp.dense_h_to_4h',
  'mlp.out': 'mlp.dense_4h_to_h',
  embed: 'embed_in',
  ln_final: 'final_layer_norm',
  unembed: 'embed_out',
};

const weightSparseNames: Readonly<Record<string, string>> = {
  ...llamaNames,
  'attn.sink': 'self_attn.sinks',
  'mlp.in': 'mlp.fc_in',
  'mlp.out': 'mlp.fc_out',
  bigram: 'bigram',
};

const gemma2Names: Readonly<Record<string, string>> = {
  ...llamaNames,
  ln1_post: 'post_attention_layernorm',
  ln2: 'pre_feedforward_layernorm',
  ln2_post: 'post_feedforward_layernorm',
};

/** How a family's files are laid out. */
interface Layout {
  readonly names: Readonly<Record<string, string>>;
  /** What stands before a block's number. */
  readonly blocks: string;
  /** How one map holds q, k and v: one after the other, or head by head. */
  readonly fused?: 'whole' | 'by head';
  /** Whether the maps of blocks are stored [in, out]. */
  readonly transposed?: boolean;
  /** Norms' scales are stored less one. */
  readonly scalesLessOne?: boolean;
}

const llamaLayout: Layout = { names: llamaNames, blocks: 'layers' };

const layouts: Readonly<Record<Architecture, Layout>> = {
  llama: llamaLayout,
  mistral: llamaLayout,
  qwen2: llamaLayout,
  gpt2: { names: gpt2Names, blocks: 'h', fused: 'whole', transposed: true },
  gpt_neox: { names: neoxNames, blocks: 'layers', fused: 'by head' },
  gemma2: { names: gemma2Names, blocks: 'layers', scalesLessOne: true },
  weight_sparse: { names: weightSparseNames, blocks: 'layers' },
};

/** Strips what a file may put before a tensor's name. */
export function withoutPrefix(name: string): string {
  const prefix = prefixes.find((p) => name.startsWith(p));
  return prefix === undefined ? name : name.slice(prefix.length);
}

/** Whether a tensor (name without prefix) may be in a file though no parameter is read from it. */
export function isIgnored(stored: string, config: TransformerConfig): boolean {
  const unembedding = `${layouts[config.architecture].names['unembed']}.weight`;
  return (config.tied && stored === unembedding) || buffers.some((pattern) => pattern.test(stored));
}

/** Where each parameter of a model is stored, by our name, in the order of computation. */
export function parameterSources(config: TransformerConfig): Map<string, Source> {
  const { names, blocks, fused, scalesLessOne = false, ...layout } = layouts[config.architecture];
  const sources = new Map<string, Source>();
  for (const [name, shape] of parameterShapes(config)) {
    const [, layer, part, kind] = /^(?:blocks\.(\d+)\.)?(.*)\.(weight|bias)$/.exec(name) as RegExpExecArray;
    const block = layer === undefined ? '' : `${blocks}.${layer}.`;
    const fusedPart = fused ? ['attn.q', 'attn.k', 'attn.v'].indexOf(part) : -1;
    const out = shape[0] * (fusedPart < 0 ? 1 : 3);
    const run = fused === 'by head' && fusedPart >= 0 ? config.headWidth : shape[0];
    const transposed = layout.transposed === true && layer !== undefined && shape.length === 2;
    sources.set(name, {
      stored: `${block}${names[part]}.${kind}`,
      storedShape: shape.length === 1 ? [out] : transposed ? [shape[1], out] : [out, shape[1]],
      transposed,
      outputs: { first: Math.max(0, fusedPart) * run, run, stride: fusedPart < 0 ? run : 3 * run },
      offset: scalesLessOne && /^ln/.test(part) ? 1 : 0,
      shape,
    });
  }
  return sources;
}
