import { z } from 'zod';

const count = (most: number) => z.number().int().min(1).max(most);
const widthOf = count(2 ** 18);
const token = z.number().int().nonnegative();
const sequence = count(2 ** 24);
const vocabularyOf = count(2 ** 24);
const layersOf = count(4096);
const headsOf = count(4096);
const eps = z.number().positive().max(1);
const eosOf = z.union([token, z.array(token)]).nullable();
const rope = z.looseObject({
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: z.number().positive().nullish(),
  partial_rotary_factor: z.number().nullish(),
});

/** How a file describes rotary positions, in either of the two keys that do. */
export type Rope = z.infer<typeof rope>;

/** The keys we read of the Llama family's files; what a missing key means is in `llamaDefaults`. */
export const llamaSchema = z.looseObject({
  vocab_size: vocabularyOf,
  hidden_size: widthOf,
  intermediate_size: widthOf.max(2 ** 20),
  num_hidden_layers: layersOf,
  num_attention_heads: headsOf,
  num_key_value_heads: headsOf.nullish(),
  head_dim: widthOf.nullish(),
  hidden_act: z.string(),
  max_position_embeddings: sequence,
  rms_norm_eps: eps,
  tie_word_embeddings: z.boolean(),
  rope_theta: z.number().positive().nullish(),
  rope_parameters: rope.nullish(),
  rope_scaling: rope.nullish(),
  partial_rotary_factor: z.number().nullish(),
  attention_bias: z.boolean(),
  mlp_bias: z.boolean(),
  sliding_window: z.number().nullable(),
  use_sliding_window: z.boolean(),
  layer_types: z.array(z.string()).nullish(),
  bos_token_id: token.nullable(),
  eos_token_id: eosOf,
});

const commonDefaults = {
  hidden_size: 4096,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  hidden_act: 'silu',
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
  attention_bias: false,
  mlp_bias: false,
  use_sliding_window: false,
};

/** What a missing key means in each family, as in the library that made the format. */
export const llamaDefaults = {
  llama: {
    ...commonDefaults,
    vocab_size: 32000,
    intermediate_size: 11008,
    max_position_embeddings: 2048,
    sliding_window: null,
    bos_token_id: 1,
    eos_token_id: 2,
  },
  mistral: {
    ...commonDefaults,
    vocab_size: 32000,
    intermediate_size: 14336,
    num_key_value_heads: 8,
    max_position_embeddings: 131072,
    sliding_window: 4096,
    bos_token_id: 1,
    eos_token_id: 2,
  },
  qwen2: {
    ...commonDefaults,
    vocab_size: 151936,
    intermediate_size: 22016,
    num_key_value_heads: 32,
    max_position_embeddings: 32768,
    sliding_window: 4096,
    bos_token_id: null,
    eos_token_id: null,
  },
};

/** The keys we read of GPT-2's files, and what a missing one means. */
export const gpt2Schema = z.looseObject({
  vocab_size: vocabularyOf.default(50257),
  n_positions: sequence.default(1024),
  n_embd: widthOf.default(768),
  n_layer: layersOf.default(12),
  n_head: headsOf.default(12),
  n_inner: widthOf.max(2 ** 20).nullish(),
  activation_function: z.string().default('gelu_new'),
  layer_norm_epsilon: eps.default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
  bos_token_id: token.nullable().default(50256),
  eos_token_id: eosOf.default(50256),
});

/** The keys we read of GPT-NeoX's files, and what a missing one means. */
export const neoxSchema = z.looseObject({
  vocab_size: vocabularyOf.default(50432),
  hidden_size: widthOf.default(6144),
  intermediate_size: widthOf.max(2 ** 20).default(24576),
  num_hidden_layers: layersOf.default(44),
  num_attention_heads: headsOf.default(64),
  hidden_act: z.string().default('gelu'),
  max_position_embeddings: sequence.default(2048),
  layer_norm_eps: eps.default(1e-5),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(true),
  use_parallel_residual: z.boolean().default(true),
  rotary_pct: z.number().positive().max(1).default(0.25),
  rotary_emb_base: z.number().positive().default(10000),
  rope_parameters: rope.nullish(),
  rope_scaling: rope.nullish(),
  bos_token_id: token.nullable().default(0),
  eos_token_id: eosOf.default(2),
});

/** The keys of our own weight-sparse models; none has a default that a file may leave to us but the options. */
export const weightSparseSchema = z.looseObject({
  vocab_size: vocabularyOf,
  hidden_size: widthOf,
  intermediate_size: widthOf.max(2 ** 20),
  num_hidden_layers: layersOf,
  num_attention_heads: headsOf,
  head_dim: widthOf,
  hidden_act: z.string().default('gelu'),
  max_position_embeddings: sequence,
  rms_norm_eps: eps.default(1e-5),
  tie_word_embeddings: z.boolean().default(false),
  use_bias: z.boolean().default(true),
  activation_top_k: z.number().positive().max(1).nullable().default(null),
  attention_sink: z.boolean().default(false),
  bigram_table: z.boolean().default(false),
  bos_token_id: token.nullable().default(null),
  eos_token_id: eosOf.default(null),
});

const cap = z.number().positive().nullable();

/** The keys we read of Gemma 2's files, and what a missing one means. */
export const gemma2Schema = z.looseObject({
  vocab_size: vocabularyOf.default(256000),
  hidden_size: widthOf.default(2304),
  intermediate_size: widthOf.max(2 ** 20).default(9216),
  num_hidden_layers: layersOf.default(26),
  num_attention_heads: headsOf.default(8),
  num_key_value_heads: headsOf.default(4),
  head_dim: widthOf.default(256),
  hidden_activation: z.string().default('gelu_pytorch_tanh'),
  max_position_embeddings: sequence.default(8192),
  rms_norm_eps: eps.default(1e-6),
  tie_word_embeddings: z.boolean().default(true),
  attention_bias: z.boolean().default(false),
  rope_theta: z.number().positive().default(10000),
  rope_parameters: rope.nullish(),
  rope_scaling: rope.nullish(),
  query_pre_attn_scalar: z.number().positive().default(256),
  attn_logit_softcapping: cap.default(50),
  final_logit_softcapping: cap.default(30),
  sliding_window: count(2 ** 24)
    .nullable()
    .default(4096),
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).nullish(),
  bos_token_id: token.nullable().default(2),
  eos_token_id: eosOf.default(1),
});
