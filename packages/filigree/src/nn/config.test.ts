import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../errors.js';
import { readConfig, type TransformerConfig } from './config.js';
import { writeConfig } from './config-write.js';

const llama = { architectures: ['LlamaForCausalLM'], model_type: 'llama' };
const mistral = { architectures: ['MistralForCausalLM'], sliding_window: null };
const qwen2 = { architectures: ['Qwen2ForCausalLM'] };
const gpt2 = { architectures: ['GPT2LMHeadModel'] };
const neox = { architectures: ['GPTNeoXForCausalLM'] };
const gemma2 = { architectures: ['Gemma2ForCausalLM'] };

describe('what files say', () => {
  test("an empty Llama file is the family's default, 7B", () => {
    expect(readConfig(llama)).toEqual({
      architecture: 'llama',
      layers: 32,
      heads: 32,
      kvHeads: 32,
      width: 4096,
      headWidth: 128,
      mlpWidth: 11008,
      vocabulary: 32000,
      context: 2048,
      norm: 'rms',
      normEps: 1e-6,
      activation: 'silu',
      gated: true,
      positions: 'rotary',
      rotaryBase: 10000,
      rotaryWidth: 128,
      tied: false,
      biases: { qkv: false, attentionOut: false, mlp: false },
      bos: 1,
      eos: 2,
    });
  });

  test('an empty GPT-2 file is GPT-2 small', () => {
    expect(readConfig(gpt2)).toEqual({
      architecture: 'gpt2',
      layers: 12,
      heads: 12,
      kvHeads: 12,
      width: 768,
      headWidth: 64,
      mlpWidth: 3072,
      vocabulary: 50257,
      context: 1024,
      norm: 'layer',
      normEps: 1e-5,
      activation: 'geluTanh',
      gated: false,
      positions: 'learned',
      rotaryBase: 0,
      rotaryWidth: 0,
      tied: true,
      biases: { qkv: true, attentionOut: true, mlp: true },
      bos: 50256,
      eos: 50256,
    });
    expect(
      readConfig({ ...gpt2, n_inner: 100, activation_function: 'relu', reorder_and_upcast_attn: true }),
    ).toMatchObject({
      mlpWidth: 100,
      activation: 'relu',
    });
  });

  test('an empty GPT-NeoX file is GPT-NeoX 20B, and Pythia changes what it says', () => {
    expect(readConfig(neox)).toEqual({
      architecture: 'gpt_neox',
      layers: 44,
      heads: 64,
      kvHeads: 64,
      width: 6144,
      headWidth: 96,
      mlpWidth: 24576,
      vocabulary: 50432,
      context: 2048,
      norm: 'layer',
      normEps: 1e-5,
      activation: 'gelu',
      gated: false,
      positions: 'rotary',
      rotaryBase: 10000,
      rotaryWidth: 24,
      tied: false,
      biases: { qkv: true, attentionOut: true, mlp: true },
      parallel: true,
      bos: 0,
      eos: 2,
    });
    const changed = readConfig({ ...neox, use_parallel_residual: false, rotary_pct: 1, attention_bias: false });
    expect(changed).toMatchObject({ rotaryWidth: 96, biases: { qkv: false, attentionOut: false, mlp: true } });
    expect(changed).not.toHaveProperty('parallel');
    const rope = { rope_type: 'default', rope_theta: 500, partial_rotary_factor: 0.5 };
    expect(readConfig({ ...neox, rope_parameters: rope })).toMatchObject({ rotaryBase: 500, rotaryWidth: 48 });
  });

  test('an empty Gemma 2 file is Gemma 2 2B', () => {
    const read = readConfig(gemma2);
    expect(read).toEqual({
      architecture: 'gemma2',
      layers: 26,
      heads: 8,
      kvHeads: 4,
      width: 2304,
      headWidth: 256,
      mlpWidth: 9216,
      vocabulary: 256000,
      context: 8192,
      norm: 'rms',
      normEps: 1e-6,
      activation: 'geluTanh',
      gated: true,
      positions: 'rotary',
      rotaryBase: 10000,
      rotaryWidth: 256,
      tied: true,
      biases: { qkv: false, attentionOut: false, mlp: false },
      postNorms: true,
      embeddingScale: 48,
      scoreScale: 1 / 16,
      scoreCap: 50,
      logitCap: 30,
      windows: Array.from({ length: 26 }, (_, l) => (l % 2 ? 0 : 4096)),
      bos: 2,
      eos: 1,
    });
    const full = readConfig({ ...gemma2, sliding_window: 8192, attn_logit_softcapping: null });
    expect('windows' in full || 'scoreCap' in full).toBe(false);
    const types = ['full_attention', 'sliding_attention'];
    expect(readConfig({ ...gemma2, num_hidden_layers: 2, layer_types: types }).windows).toEqual([0, 4096]);
  });

  test('Mistral and Qwen2 have their own defaults', () => {
    expect(readConfig(mistral)).toMatchObject({ kvHeads: 8, mlpWidth: 14336, context: 131072, bos: 1, eos: 2 });
    expect(readConfig({ ...mistral, sliding_window: 4096, max_position_embeddings: 4096 }).context).toBe(4096);
    const read = readConfig({ ...qwen2, sliding_window: 128, use_sliding_window: false });
    expect(read).toMatchObject({ kvHeads: 32, mlpWidth: 22016, vocabulary: 151936, context: 32768 });
    expect(read.biases).toEqual({ qkv: true, attentionOut: false, mlp: false });
    expect('bos' in read || 'eos' in read).toBe(false);
  });

  test('both ways to give the rotary base, biases, several end tokens, family without architecture', () => {
    expect(readConfig({ ...llama, rope_theta: 500000 }).rotaryBase).toBe(500000);
    expect(readConfig({ ...llama, rope_parameters: { rope_type: 'default', rope_theta: 1e6 } }).rotaryBase).toBe(1e6);
    expect(readConfig({ ...llama, rope_scaling: { type: 'default' }, head_dim: 64 })).toMatchObject({ headWidth: 64 });
    expect(readConfig({ ...llama, attention_bias: true, mlp_bias: true }).biases).toEqual({
      qkv: true,
      attentionOut: true,
      mlp: true,
    });
    expect(readConfig({ ...llama, eos_token_id: [7, 8], bos_token_id: null })).toMatchObject({ eos: 7 });
    expect(readConfig({ model_type: 'gpt2', vocab_size: 99 })).not.toHaveProperty('bos');
  });
});

test.each<[object | string | null, RegExp]>([
  ['text', /config\.json: /],
  [null, /config\.json: /],
  [
    {},
    /names no architecture.*LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, GPT2LMHeadModel, GPTNeoXForCausalLM, Gemma2ForCausalLM/,
  ],
  [{ architectures: ['BertModel'] }, /"BertModel", which is not supported; known are Llama/],
  [{ architectures: ['toString'] }, /"toString"/],
  [{ model_type: 'mamba' }, /"mamba"/],
  [{ ...llama, rope_scaling: { rope_type: 'llama3', factor: 8 } }, /"rope_scaling".*llama3/],
  [{ ...llama, rope_scaling: { type: 'linear', factor: 2 } }, /"rope_scaling"/],
  [{ ...llama, rope_parameters: { rope_type: 'yarn' } }, /"rope_parameters"/],
  [{ ...llama, rope_parameters: { partial_rotary_factor: 0.5 } }, /"rope_parameters"/],
  [{ ...llama, partial_rotary_factor: 0.25 }, /"partial_rotary_factor"/],
  [{ ...llama, quantization_config: { bits: 4 } }, /"quantization_config"/],
  [{ ...llama, layer_types: ['full_attention', 'sliding_attention'] }, /"layer_types"/],
  [{ ...llama, hidden_act: 'quick_gelu' }, /"quick_gelu"/],
  [{ ...mistral, sliding_window: 4096 }, /"sliding_window": 4096.*131072/],
  [{ architectures: ['MistralForCausalLM'] }, /"sliding_window": 4096/],
  [{ ...qwen2, use_sliding_window: true }, /"use_sliding_window"/],
  [{ ...gpt2, scale_attn_by_inverse_layer_idx: true }, /"scale_attn_by_inverse_layer_idx"/],
  [{ ...gpt2, scale_attn_weights: false }, /"scale_attn_weights"/],
  [{ ...gpt2, add_cross_attention: true }, /"add_cross_attention"/],
  [{ ...neox, rope_scaling: { type: 'linear', factor: 2 } }, /"rope_scaling"/],
  [{ ...neox, rotary_pct: 0.01 }, /even number of the 96 features, not 0/],
  [{ ...neox, rotary_pct: 0.3125, hidden_size: 1024 }, /even number of the 16 features, not 5/],
  [{ ...gemma2, rope_scaling: { rope_type: 'yarn' } }, /"rope_scaling"/],
  [{ ...gemma2, layer_types: ['full_attention'] }, /1 "layer_types" for 26 layers/],
  [{ ...gemma2, layer_types: ['chunked_attention'] }, /"layer_types\.0"/],
  [{ ...gemma2, use_bidirectional_attention: true }, /"use_bidirectional_attention"/],
  [{ ...llama, num_hidden_layers: 0 }, /"num_hidden_layers"/],
  [{ ...llama, vocab_size: 2 ** 40 }, /"vocab_size"/],
  [{ ...llama, hidden_size: 4.5 }, /"hidden_size"/],
  [{ ...llama, hidden_size: '4096' }, /"hidden_size"/],
  [{ ...llama, hidden_size: 100 }, /width 100 is not a multiple of the number of heads, 32/],
  [{ ...llama, num_key_value_heads: 5 }, /32, is not a multiple of the 5/],
  [{ ...llama, head_dim: 3 }, /even head width, not 3/],
  [{ ...llama, rms_norm_eps: 0 }, /"rms_norm_eps"/],
])('%j is refused by name', (json, expected) => {
  expect(() => readConfig(json)).toThrow(expected);
  expect(() => readConfig(json)).toThrow(InputError);
});

/** Configurations that files of the Llama family can say. */
const config: fc.Arbitrary<TransformerConfig> = fc
  .record({
    architecture: fc.constantFrom('llama' as const, 'mistral' as const, 'qwen2' as const),
    layers: fc.integer({ min: 1, max: 9 }),
    group: fc.integer({ min: 1, max: 4 }),
    kvHeads: fc.integer({ min: 1, max: 4 }),
    half: fc.integer({ min: 1, max: 8 }),
    width: fc.integer({ min: 1, max: 64 }),
    normEps: fc.constantFrom(1e-5, 1e-6),
    activation: fc.constantFrom('silu' as const, 'gelu' as const, 'geluTanh' as const, 'relu' as const),
    rotaryBase: fc.constantFrom(10000, 5e5),
    tied: fc.boolean(),
    bias: fc.boolean(),
    mlpBias: fc.boolean(),
    special: fc.constantFrom({}, { bos: 1 }, { bos: 1, eos: 2 }),
  })
  .map(({ group, half, special, bias, mlpBias, ...rest }) => {
    const isLlama = rest.architecture === 'llama';
    return {
      ...rest,
      heads: group * rest.kvHeads,
      headWidth: 2 * half,
      rotaryWidth: 2 * half,
      mlpWidth: 33,
      vocabulary: 50,
      context: 16,
      norm: 'rms',
      gated: true,
      positions: 'rotary',
      biases: {
        qkv: isLlama ? bias : rest.architecture === 'qwen2',
        attentionOut: isLlama && bias,
        mlp: isLlama && mlpBias,
      },
      ...special,
    } as const;
  });

test('what is written is read back unchanged', () => {
  fc.assert(
    fc.property(config, (c) => {
      expect(readConfig(JSON.parse(JSON.stringify(writeConfig(c))))).toEqual(c);
    }),
  );
});

test('what a file cannot say is not written', () => {
  expect(() => writeConfig(readConfig(gpt2))).toThrow(/GPT-2/);
  expect(() => writeConfig(readConfig(gemma2))).toThrow(/Gemma 2/);
  const biased = { ...readConfig(mistral), biases: { qkv: true, attentionOut: false, mlp: false } };
  expect(() => writeConfig(biased)).toThrow(InputError);
});

test('any JSON at all gives a configuration or an InputError', () => {
  const keys = fc.constantFrom(
    'hidden_size',
    'rope_scaling',
    'rope_parameters',
    'eos_token_id',
    'layer_types',
    'sliding_window',
  );
  fc.assert(
    fc.property(
      fc.constantFrom(llama, mistral, qwen2, gpt2, neox, gemma2, {}),
      fc.dictionary(fc.oneof(keys, fc.string()), fc.jsonValue()),
      (base, extra) => {
        try {
          readConfig({ ...base, ...extra });
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as InputError).message).not.toMatch(/\n/);
        }
      },
    ),
    { numRuns: 500 },
  );
});
