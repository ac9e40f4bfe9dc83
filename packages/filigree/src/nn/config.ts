import { z } from 'zod';
import { InputError } from '../errors.js';
import { quote, validate } from '../validate.js';
import { gpt2Schema, llamaDefaults, llamaSchema, type Rope } from './config-schema.js';

export type Architecture = 'llama' | 'mistral' | 'qwen2' | 'gpt2';

/** What a decoder-only transformer is made of. Widths are numbers of features. */
export interface TransformerConfig {
  /** The family, which decides how tensors are named in files. */
  readonly architecture: Architecture;
  /** Number of blocks. */
  readonly layers: number;
  /** Attention (query) heads per block. */
  readonly heads: number;
  /** Key-value heads per block; each serves heads / kvHeads query heads. */
  readonly kvHeads: number;
  /** Features of the residual stream. */
  readonly width: number;
  /** Features of one head. */
  readonly headWidth: number;
  /** Hidden features of an MLP; 0 in attention-only models, which are made by hand only. */
  readonly mlpWidth: number;
  /** Number of tokens. */
  readonly vocabulary: number;
  /** Longest sequence, in tokens. */
  readonly context: number;
  /** Root-mean-square norm (scale only), layer norm (mean removed, scale and bias), or none (hand-made models only). */
  readonly norm: 'rms' | 'layer' | 'none';
  /** Added to the mean square or variance before the root. */
  readonly normEps: number;
  /** The MLP's nonlinearity; 'geluTanh' is GELU's tanh approximation. */
  readonly activation: 'silu' | 'gelu' | 'geluTanh' | 'relu';
  /** Whether the MLP multiplies act(gate x) with in x. */
  readonly gated: boolean;
  /** Rotations of queries and keys, or a learned vector per position added to the embedding. */
  readonly positions: 'rotary' | 'learned';
  /** Base of the rotation's wavelengths (theta); 0 with learned positions. */
  readonly rotaryBase: number;
  /** Features of a head that are rotated; 0 with learned positions. */
  readonly rotaryWidth: number;
  /** Whether the unembedding is the embedding. */
  readonly tied: boolean;
  /** Which linear maps add a bias; `mlp` is all of the MLP's. */
  readonly biases: { readonly qkv: boolean; readonly attentionOut: boolean; readonly mlp: boolean };
  /** Token that begins a sequence. */
  readonly bos?: number;
  /** Token that ends a sequence (the first, where a file names several). */
  readonly eos?: number;
}

/** Names of the architectures in files, and of the families in `model_type`. */
const architectures: Readonly<Record<string, Architecture>> = {
  LlamaForCausalLM: 'llama',
  MistralForCausalLM: 'mistral',
  Qwen2ForCausalLM: 'qwen2',
  GPT2LMHeadModel: 'gpt2',
};

const activations: Readonly<Record<string, TransformerConfig['activation']>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_fast: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  relu: 'relu',
};

/**
 * Reads a Hugging Face `config.json` (parsed) of a Llama, Mistral, Qwen2 or GPT-2 model. Missing keys take the family's defaults.
 * @param what names the file in messages
 * @throws InputError when a value is wrong, and, by name, for what the file asks for and this library does not do
 */
export function readConfig(json: unknown, what = 'config.json'): TransformerConfig {
  const raw = validate(
    z.looseObject({ architectures: z.array(z.string()).nullish(), model_type: z.string().nullish() }),
    json,
    what,
  );
  const architecture = findArchitecture(raw.architectures?.[0], raw.model_type, what);
  refuse(raw, what, {
    quantization_config: (value) => value != null,
    add_cross_attention: (value) => value === true,
    is_encoder_decoder: (value) => value === true,
    scale_attn_by_inverse_layer_idx: (value) => value === true,
    scale_attn_weights: (value) => value === false,
  });
  return architecture === 'gpt2' ? readGpt2(raw, what) : readLlama(raw, architecture, what);
}

function findArchitecture(name: string | undefined, family: string | null | undefined, what: string): Architecture {
  const found = name === undefined ? Object.values(architectures).find((known) => known === family) : undefined;
  const architecture =
    found ?? (name !== undefined && Object.hasOwn(architectures, name) ? architectures[name] : undefined);
  if (architecture) return architecture;
  const known = Object.keys(architectures).join(', ');
  const asked = name ?? family;
  throw new InputError(
    asked == null
      ? `${what} names no architecture; its "architectures" must be one of ${known}`
      : `${what} asks for the architecture ${quote(asked)}, which is not supported; known are ${known}`,
  );
}

/** Refuses, by name, each key whose value the test calls unsupported. */
function refuse(raw: Record<string, unknown>, what: string, tests: Record<string, (value: unknown) => boolean>): void {
  for (const [key, unsupported] of Object.entries(tests)) {
    if (unsupported(raw[key])) {
      throw new InputError(`${what} asks for "${key}": ${quote(JSON.stringify(raw[key]))}, which is not supported`);
    }
  }
}

function readLlama(raw: Record<string, unknown>, architecture: 'llama' | 'mistral' | 'qwen2', what: string) {
  const file = validate(llamaSchema, { ...llamaDefaults[architecture], ...raw }, what);
  const context = file.max_position_embeddings;
  const notDefault = (value: unknown) => {
    const asked = value as Rope | null | undefined;
    return asked != null && (asked.rope_type ?? asked.type ?? 'default') !== 'default';
  };
  const partial = (value: unknown) => value != null && value !== 1;
  refuse(file, what, {
    rope_scaling: notDefault,
    rope_parameters: (value) => notDefault(value) || partial((value as Rope | null)?.partial_rotary_factor),
    partial_rotary_factor: partial,
    use_sliding_window: (value) =>
      architecture === 'qwen2' && value === true && (file.sliding_window ?? context) < context,
    layer_types: (value) => Array.isArray(value) && value.some((type) => type !== 'full_attention'),
  });
  if (architecture === 'mistral' && file.sliding_window !== null && file.sliding_window < context) {
    throw new InputError(
      `${what} asks for "sliding_window": ${file.sliding_window}, shorter than its context of ${context}, which is not supported; ` +
        `to use the first ${file.sliding_window} positions only, set "max_position_embeddings" to that`,
    );
  }
  const heads = file.num_attention_heads;
  const headWidth = file.head_dim ?? file.hidden_size / heads;
  const biased = architecture === 'llama' && file.attention_bias;
  return checked(
    {
      architecture,
      layers: file.num_hidden_layers,
      heads,
      kvHeads: file.num_key_value_heads ?? heads,
      width: file.hidden_size,
      headWidth,
      mlpWidth: file.intermediate_size,
      vocabulary: file.vocab_size,
      context,
      norm: 'rms',
      normEps: file.rms_norm_eps,
      activation: activationOf(file.hidden_act, what),
      gated: true,
      positions: 'rotary',
      rotaryBase: file.rope_parameters?.rope_theta ?? file.rope_theta ?? 10000,
      rotaryWidth: headWidth,
      tied: file.tie_word_embeddings,
      biases: {
        qkv: biased || architecture === 'qwen2',
        attentionOut: biased,
        mlp: architecture === 'llama' && file.mlp_bias,
      },
      ...special(file, file.vocab_size),
    },
    what,
  );
}

function readGpt2(raw: Record<string, unknown>, what: string): TransformerConfig {
  const file = validate(gpt2Schema, raw, what);
  return checked(
    {
      architecture: 'gpt2',
      layers: file.n_layer,
      heads: file.n_head,
      kvHeads: file.n_head,
      width: file.n_embd,
      headWidth: file.n_embd / file.n_head,
      mlpWidth: file.n_inner ?? 4 * file.n_embd,
      vocabulary: file.vocab_size,
      context: file.n_positions,
      norm: 'layer',
      normEps: file.layer_norm_epsilon,
      activation: activationOf(file.activation_function, what),
      gated: false,
      positions: 'learned',
      rotaryBase: 0,
      rotaryWidth: 0,
      tied: file.tie_word_embeddings,
      biases: { qkv: true, attentionOut: true, mlp: true },
      ...special(file, file.vocab_size),
    },
    what,
  );
}

function activationOf(name: string, what: string): TransformerConfig['activation'] {
  if (Object.hasOwn(activations, name)) return activations[name];
  const known = Object.keys(activations).join(', ');
  throw new InputError(`${what} asks for the activation ${quote(name)}, which is not supported; known are ${known}`);
}

/** The special tokens that exist: a file may name one outside a vocabulary that was cut, or leave the family's default there. */
function special(
  file: { bos_token_id: number | null; eos_token_id: number | number[] | null },
  vocabulary: number,
): Pick<TransformerConfig, 'bos' | 'eos'> {
  const bos = file.bos_token_id;
  const eos = Array.isArray(file.eos_token_id) ? file.eos_token_id[0] : file.eos_token_id;
  return {
    ...(bos !== null && bos < vocabulary ? { bos } : {}),
    ...(eos != null && eos < vocabulary ? { eos } : {}),
  };
}

/** Checks how the numbers of a configuration fit together. */
function checked(config: TransformerConfig, what: string): TransformerConfig {
  const { heads, kvHeads, width, headWidth, positions } = config;
  if (!Number.isInteger(headWidth)) {
    throw new InputError(`${what}: the width ${width} is not a multiple of the number of heads, ${heads}`);
  }
  if (heads % kvHeads !== 0) {
    throw new InputError(`${what}: the number of heads, ${heads}, is not a multiple of the ${kvHeads} key-value heads`);
  }
  if (positions === 'rotary' && headWidth % 2 !== 0) {
    throw new InputError(`${what}: rotary positions need an even head width, not ${headWidth}`);
  }
  return config;
}
