import { expect, test } from 'vitest';
import { filesOf, numbered } from './checkpoint.fixture.js';
import { openCheckpoint } from './checkpoint.js';

test('GPT-NeoX keeps q, k and v of a head together', async () => {
  const config = { architectures: ['GPTNeoXForCausalLM'], vocab_size: 7, hidden_size: 4, intermediate_size: 5 };
  const shape = { num_hidden_layers: 1, num_attention_heads: 2, rotary_pct: 1, max_position_embeddings: 6 };
  const linear = (name: string, out: number, inputs: number): [string, number[]][] => [
    [`${name}.weight`, [out, inputs]],
    [`${name}.bias`, [out]],
  ];
  const norm = (name: string): [string, number[]][] => [
    [`${name}.weight`, [4]],
    [`${name}.bias`, [4]],
  ];
  const at = 'gpt_neox.layers.0';
  const tensors = numbered([
    ['gpt_neox.embed_in.weight', [7, 4]],
    ...norm(`${at}.input_layernorm`),
    ...norm(`${at}.post_attention_layernorm`),
    ...linear(`${at}.attention.query_key_value`, 12, 4),
    ...linear(`${at}.attention.dense`, 4, 4),
    ...linear(`${at}.mlp.dense_h_to_4h`, 5, 4),
    ...linear(`${at}.mlp.dense_4h_to_h`, 4, 5),
    ...norm('gpt_neox.final_layer_norm'),
    ['embed_out.weight', [7, 4]],
  ]);
  const checkpoint = await openCheckpoint(filesOf({ ...config, ...shape }, tensors));
  const fused = tensors.get(`${at}.attention.query_key_value.weight`)?.data as Float32Array;
  const bias = tensors.get(`${at}.attention.query_key_value.bias`)?.data as Float32Array;
  for (const [p, part] of ['q', 'k', 'v'].entries()) {
    const { data } = await checkpoint.weights(`blocks.0.attn.${part}.weight`);
    // Two heads of two features: outputs of this part are 2p, 2p + 1 of the first head's six, and of the second's.
    const outputs = [2 * p, 2 * p + 1, 6 + 2 * p, 6 + 2 * p + 1];
    expect([...data]).toEqual(outputs.flatMap((o) => [...fused.subarray(4 * o, 4 * o + 4)]));
    expect([...(await checkpoint.weights(`blocks.0.attn.${part}.bias`)).data]).toEqual(outputs.map((o) => bias[o]));
  }
  expect(await checkpoint.weights('unembed.weight')).toEqual(tensors.get('embed_out.weight'));
});

test("Gemma 2's norms are stored less one", async () => {
  const sizes = { vocab_size: 7, hidden_size: 4, intermediate_size: 5, num_hidden_layers: 1, num_attention_heads: 2 };
  const config = { architectures: ['Gemma2ForCausalLM'], ...sizes, num_key_value_heads: 1, head_dim: 2 };
  const at = 'model.layers.0';
  const norms = ['input', 'post_attention', 'pre_feedforward', 'post_feedforward'];
  const maps = { q: [4, 4], k: [2, 4], v: [2, 4], o: [4, 4] };
  const tensors = numbered([
    ['model.embed_tokens.weight', [7, 4]],
    ...norms.map((name): [string, number[]] => [`${at}.${name}_layernorm.weight`, [4]]),
    ...Object.entries(maps).map(([m, shape]): [string, number[]] => [`${at}.self_attn.${m}_proj.weight`, shape]),
    [`${at}.mlp.gate_proj.weight`, [5, 4]],
    [`${at}.mlp.up_proj.weight`, [5, 4]],
    [`${at}.mlp.down_proj.weight`, [4, 5]],
    ['model.norm.weight', [4]],
  ]);
  const checkpoint = await openCheckpoint(filesOf(config, tensors));
  const places = { ln1: 'input', ln1_post: 'post_attention', ln2: 'pre_feedforward', ln2_post: 'post_feedforward' };
  for (const [ours, theirs] of Object.entries(places)) {
    const stored = tensors.get(`${at}.${theirs}_layernorm.weight`)?.data as Float32Array;
    expect((await checkpoint.weights(`blocks.0.${ours}.weight`)).data).toEqual(stored.map((w) => w + 1));
  }
  expect((await checkpoint.weights('blocks.0.attn.q.weight')).data).toEqual(
    tensors.get(`${at}.self_attn.q_proj.weight`)?.data,
  );
});
