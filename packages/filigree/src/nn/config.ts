import { z } from 'zod';
import { InputError } from '../errors.js';
import { quote, validate } from '../validate.js';
import { refuse } from './config-checks.js';
import { readGemma2, readGpt2, readLlama, readNeox, readWeightSparse } from './config-families.js';

export type Architecture = 'llama' | 'mistral' | 'qwen2' | 'gpt2' | 'gpt_neox' | 'gemma2' | 'weight_sparse';

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
  /** Rotations of queries and keys, a learned vector per position added to the embedding, or only the causal mask. */
  readonly positions: 'rotary' | 'learned' | 'none';
  /** Base of the rotation's wavelengths (theta); 0 without rotations. */
  readonly rotaryBase: number;
  /** Features of a head that are rotated; 0 without rotations. */
  readonly rotaryWidth: number;
  /** Whether the unembedding is the embedding. */
  readonly tied: boolean;
  /** Which linear maps add a bias; `mlp` is all of the MLP's. */
  readonly biases: { readonly qkv: boolean; readonly attentionOut: boolean; readonly mlp: boolean };
  /** Whether a block's MLP reads what its attention reads, not what its heads have added (GPT-NeoX); left out where it does not. */
  readonly parallel?: boolean;
  /** Whether what attention and MLP write goes through a norm of its own (Gemma 2); left out where it does not. */
  readonly postNorms?: boolean;
  /** Embeddings are multiplied by this; left out for 1. */
  readonly embeddingScale?: number;
  /** Products of queries and keys are multiplied by this; left out for 1 / sqrt(headWidth). */
  readonly scoreScale?: number;
  /** Attention scores s become cap tanh(s / cap); left out where they are not capped. */
  readonly scoreCap?: number;
  /** The same for logits. */
  readonly logitCap?: number;
  /** Per layer, how many positions up to its own a query sees; 0 for all. Left out where all layers see all. */
  readonly windows?: readonly number[];
  /**
   * Share of the features, those of largest magnitude, that stay (AbsTopK) in what attention and MLP read after their norm, in queries, keys and
   * values, in hidden neurons, and in what attention and MLP write; left out where all stay.
   */
  readonly topK?: number;
  /** Whether each head has a learned logit for attending to nothing, a term of the softmax's denominator; left out where not. */
  readonly sink?: boolean;
  /** Whether a table of logits by the current token is added to the logits; left out where not. */
  readonly bigram?: boolean;
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
  GPTNeoXForCausalLM: 'gpt_neox',
  Gemma2ForCausalLM: 'gemma2',
  WeightSparseForCausalLM: 'weight_sparse',
};

/**
 * Reads a Hugging Face `config.json` (parsed) of a Llama, Mistral, Qwen2, GPT-2, GPT-NeoX, Gemma 2 or weight-sparse model. Missing keys take the family's defaults.
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
  if (architecture === 'gpt2') return readGpt2(raw, what);
  if (architecture === 'gpt_neox') return readNeox(raw, what);
  if (architecture === 'gemma2') return readGemma2(raw, what);
  if (architecture === 'weight_sparse') return readWeightSparse(raw, what);
  return readLlama(raw, architecture, what);
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
