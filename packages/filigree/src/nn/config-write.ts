import { InputError } from '../errors.js';
import type { TransformerConfig } from './config.js';

const names = { llama: 'LlamaForCausalLM', mistral: 'MistralForCausalLM', qwen2: 'Qwen2ForCausalLM' } as const;

const families = { gpt2: 'GPT-2', gpt_neox: 'GPT-NeoX', gemma2: 'Gemma 2' } as const;

const activations = { silu: 'silu', gelu: 'gelu', geluTanh: 'gelu_pytorch_tanh', relu: 'relu' } as const;

/**
 * Writes a configuration as Hugging Face `config.json` (an object to stringify); `readConfig` reads it back unchanged.
 * @throws InputError for other families than Llama's and our own, and for what the family's files cannot say, such as biases in a Mistral model
 */
export function writeConfig(config: TransformerConfig): Record<string, unknown> {
  const { architecture, biases } = config;
  if (architecture === 'gpt2' || architecture === 'gpt_neox' || architecture === 'gemma2') {
    throw new InputError(`models of the ${families[architecture]} family cannot be written; only the Llama family can`);
  }
  if (architecture === 'weight_sparse') return writeWeightSparse(config);
  const isLlama = architecture === 'llama';
  const sayable =
    config.norm === 'rms' &&
    !config.parallel &&
    config.gated &&
    config.positions === 'rotary' &&
    config.rotaryWidth === config.headWidth &&
    (isLlama
      ? biases.qkv === biases.attentionOut
      : biases.qkv === (architecture === 'qwen2') && !biases.attentionOut) &&
    (isLlama || !biases.mlp);
  if (!sayable) {
    throw new InputError(
      `a ${architecture} config.json cannot say this norm, MLP, kind of positions or choice of biases`,
    );
  }
  return {
    architectures: [names[architecture]],
    model_type: architecture,
    vocab_size: config.vocabulary,
    hidden_size: config.width,
    intermediate_size: config.mlpWidth,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headWidth,
    hidden_act: activations[config.activation],
    max_position_embeddings: config.context,
    rms_norm_eps: config.normEps,
    rope_theta: config.rotaryBase,
    tie_word_embeddings: config.tied,
    ...(isLlama ? { attention_bias: biases.qkv, mlp_bias: biases.mlp } : { sliding_window: null }),
    bos_token_id: config.bos ?? null,
    eos_token_id: config.eos ?? null,
  };
}

function writeWeightSparse(config: TransformerConfig): Record<string, unknown> {
  const { biases } = config;
  const sayable =
    config.norm === 'rms' &&
    !config.gated &&
    config.positions === 'none' &&
    config.kvHeads === config.heads &&
    biases.qkv === biases.attentionOut &&
    biases.qkv === biases.mlp;
  if (!sayable) {
    throw new InputError(
      'a weight_sparse config.json cannot say this norm, MLP, kind of positions, heads or choice of biases',
    );
  }
  return {
    architectures: ['WeightSparseForCausalLM'],
    model_type: 'weight_sparse',
    vocab_size: config.vocabulary,
    hidden_size: config.width,
    intermediate_size: config.mlpWidth,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    head_dim: config.headWidth,
    hidden_act: activations[config.activation],
    max_position_embeddings: config.context,
    rms_norm_eps: config.normEps,
    tie_word_embeddings: config.tied,
    use_bias: biases.mlp,
    activation_top_k: config.topK ?? null,
    attention_sink: config.sink ?? false,
    bigram_table: config.bigram ?? false,
    bos_token_id: config.bos ?? null,
    eos_token_id: config.eos ?? null,
  };
}
