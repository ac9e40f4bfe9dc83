import { InputError } from '../errors.js';
import { validate } from '../validate.js';
import type { TransformerConfig } from './config.js';
import { activationOf, checked, refuse, special } from './config-checks.js';
import {
  gemma2Schema,
  gpt2Schema,
  llamaDefaults,
  llamaSchema,
  neoxSchema,
  type Rope,
  weightSparseSchema,
} from './config-schema.js';

/** Whether a file's rotary positions are stretched in one of the ways that are not done here. */
function notDefault(value: unknown): boolean {
  const asked = value as Rope | null | undefined;
  return asked != null && (asked.rope_type ?? asked.type ?? 'default') !== 'default';
}

export function readLlama(
  raw: Record<string, unknown>,
  architecture: 'llama' | 'mistral' | 'qwen2',
  what: string,
): TransformerConfig {
  const file = validate(llamaSchema, { ...llamaDefaults[architecture], ...raw }, what);
  const context = file.max_position_embeddings;
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

export function readGpt2(raw: Record<string, unknown>, what: string): TransformerConfig {
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

export function readNeox(raw: Record<string, unknown>, what: string): TransformerConfig {
  const file = validate(neoxSchema, raw, what);
  refuse(file, what, { rope_scaling: notDefault, rope_parameters: notDefault });
  const headWidth = file.hidden_size / file.num_attention_heads;
  const share = file.rope_parameters?.partial_rotary_factor ?? file.rotary_pct;
  return checked(
    {
      architecture: 'gpt_neox',
      layers: file.num_hidden_layers,
      heads: file.num_attention_heads,
      kvHeads: file.num_attention_heads,
      width: file.hidden_size,
      headWidth,
      mlpWidth: file.intermediate_size,
      vocabulary: file.vocab_size,
      context: file.max_position_embeddings,
      norm: 'layer',
      normEps: file.layer_norm_eps,
      activation: activationOf(file.hidden_act, what),
      gated: false,
      positions: 'rotary',
      rotaryBase: file.rope_parameters?.rope_theta ?? file.rotary_emb_base,
      rotaryWidth: Math.floor(headWidth * share),
      tied: file.tie_word_embeddings,
      biases: { qkv: file.attention_bias, attentionOut: file.attention_bias, mlp: true },
      ...(file.use_parallel_residual ? { parallel: true } : {}),
      ...special(file, file.vocab_size),
    },
    what,
  );
}

export function readGemma2(raw: Record<string, unknown>, what: string): TransformerConfig {
  const file = validate(gemma2Schema, raw, what);
  refuse(file, what, {
    rope_scaling: notDefault,
    rope_parameters: notDefault,
    use_bidirectional_attention: (value) => value === true,
  });
  const layers = file.num_hidden_layers;
  if (file.layer_types && file.layer_types.length !== layers) {
    throw new InputError(`${what} has ${file.layer_types.length} "layer_types" for ${layers} layers`);
  }
  const { sliding_window: window, max_position_embeddings: context } = file;
  const windows = Array.from({ length: layers }, (_, l) => {
    const slides = file.layer_types ? file.layer_types[l] === 'sliding_attention' : l % 2 === 0;
    return slides && window !== null && window < context ? window : 0;
  });
  const { attn_logit_softcapping: scoreCap, final_logit_softcapping: logitCap } = file;
  return checked(
    {
      architecture: 'gemma2',
      layers,
      heads: file.num_attention_heads,
      kvHeads: file.num_key_value_heads,
      width: file.hidden_size,
      headWidth: file.head_dim,
      mlpWidth: file.intermediate_size,
      vocabulary: file.vocab_size,
      context,
      norm: 'rms',
      normEps: file.rms_norm_eps,
      activation: activationOf(file.hidden_activation, what),
      gated: true,
      positions: 'rotary',
      rotaryBase: file.rope_parameters?.rope_theta ?? file.rope_theta,
      rotaryWidth: file.head_dim,
      tied: file.tie_word_embeddings,
      biases: { qkv: file.attention_bias, attentionOut: file.attention_bias, mlp: false },
      postNorms: true,
      embeddingScale: Math.sqrt(file.hidden_size),
      scoreScale: 1 / Math.sqrt(file.query_pre_attn_scalar),
      ...(scoreCap === null ? {} : { scoreCap }),
      ...(logitCap === null ? {} : { logitCap }),
      ...(windows.some((w) => w > 0) ? { windows } : {}),
      ...special(file, file.vocab_size),
    },
    what,
  );
}

/** Our own family: what the models of "Weight-sparse transformers have interpretable circuits" (Gao et al. 2025) are made of. */
export function readWeightSparse(raw: Record<string, unknown>, what: string): TransformerConfig {
  const file = validate(weightSparseSchema, raw, what);
  const biased = file.use_bias;
  return checked(
    {
      architecture: 'weight_sparse',
      layers: file.num_hidden_layers,
      heads: file.num_attention_heads,
      kvHeads: file.num_attention_heads,
      width: file.hidden_size,
      headWidth: file.head_dim,
      mlpWidth: file.intermediate_size,
      vocabulary: file.vocab_size,
      context: file.max_position_embeddings,
      norm: 'rms',
      normEps: file.rms_norm_eps,
      activation: activationOf(file.hidden_act, what),
      gated: false,
      positions: 'none',
      rotaryBase: 0,
      rotaryWidth: 0,
      tied: file.tie_word_embeddings,
      biases: { qkv: biased, attentionOut: biased, mlp: biased },
      ...(file.activation_top_k === null ? {} : { topK: file.activation_top_k }),
      ...(file.attention_sink ? { sink: true } : {}),
      ...(file.bigram_table ? { bigram: true } : {}),
      ...special(file, file.vocab_size),
    },
    what,
  );
}
