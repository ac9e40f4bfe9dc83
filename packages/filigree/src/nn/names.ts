import type { TransformerConfig } from './config.js';
import { parameterShapes } from './parameters.js';

/** Where one of our parameters is found in a checkpoint's files. */
export interface Source {
  /** The stored tensor's name, without the prefix that some files put before it. */
  readonly stored: string;
  /** The stored tensor's shape. */
  readonly storedShape: readonly number[];
  /** Whether it is stored [in, out]. */
  readonly transposed: boolean;
  /** The first output that is ours: of a stored tensor that holds several parameters, each takes a run of its outputs. */
  readonly firstOut: number;
  /** The parameter's own shape. */
  readonly shape: readonly number[];
}

/** Prefixes that files put before names, depending on which class of model was saved. */
const prefixes = ['model.', 'transformer.'];

/** Tensors that are computed, not learned, and masks: kept by older files, needed by none. */
const buffers = [/^(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/, /^h\.\d+\.attn\.(masked_)?bias$/];

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

/** Strips what a file may put before a tensor's name. */
export function withoutPrefix(name: string): string {
  const prefix = prefixes.find((p) => name.startsWith(p));
  return prefix === undefined ? name : name.slice(prefix.length);
}

/** Whether a tensor (name without prefix) may be in a file though no parameter is read from it. */
export function isIgnored(stored: string, config: TransformerConfig): boolean {
  return (config.tied && stored === 'lm_head.weight') || buffers.some((pattern) => pattern.test(stored));
}

/** Where each parameter of a model is stored, by our name, in the order of computation. */
export function parameterSources(config: TransformerConfig): Map<string, Source> {
  const isGpt2 = config.architecture === 'gpt2';
  const names = isGpt2 ? gpt2Names : llamaNames;
  const sources = new Map<string, Source>();
  for (const [name, shape] of parameterShapes(config)) {
    const [, layer, part, kind] = /^(?:blocks\.(\d+)\.)?(.*)\.(weight|bias)$/.exec(name) as RegExpExecArray;
    const block = layer === undefined ? '' : `${isGpt2 ? 'h' : 'layers'}.${layer}.`;
    // GPT-2 keeps q, k and v as the outputs of one map, one after the other.
    const fusedPart = isGpt2 ? ['attn.q', 'attn.k', 'attn.v'].indexOf(part) : -1;
    const out = shape[0] * (fusedPart < 0 ? 1 : 3);
    const transposed = isGpt2 && layer !== undefined && shape.length === 2;
    sources.set(name, {
      stored: `${block}${names[part]}.${kind}`,
      storedShape: shape.length === 1 ? [out] : transposed ? [shape[1], out] : [out, shape[1]],
      transposed,
      firstOut: Math.max(0, fusedPart) * shape[0],
      shape,
    });
  }
  return sources;
}
