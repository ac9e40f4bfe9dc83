import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryBytes, memoryFiles } from '../bytes.js';
import { InputError } from '../errors.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { writeSafetensors } from '../tensor/safetensors-write.js';
import { encode, filesOf, numbered, type Tensors } from './checkpoint.fixture.js';
import { openCheckpoint } from './checkpoint.js';
import { checkpointFiles } from './checkpoint-write.js';
import { readConfig, type TransformerConfig } from './config.js';
import { parameterShapes } from './parameters.js';

const shared = process.env.FILIGREE_SHARED ?? fileURLToPath(new URL('../../../../../shared', import.meta.url));
const stories = `${shared}/models/stories260K`;
const missing = !existsSync(stories);
if (missing) console.warn(`skipped: no ${stories}`);

const small = {
  vocab_size: 7,
  hidden_size: 8,
  intermediate_size: 5,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 6,
};
const llama = readConfig({ architectures: ['LlamaForCausalLM'], ...small });

const gpt2File = {
  architectures: ['GPT2LMHeadModel'],
  vocab_size: 7,
  n_positions: 6,
  n_embd: 4,
  n_layer: 2,
  n_head: 2,
};

/** GPT-2's tensors as its files have them: linear maps [in, out], q, k and v in one. */
function gpt2Tensors(prefix = 'transformer.'): Tensors {
  const block = (l: number): [string, number[]][] => [
    [`h.${l}.ln_1.weight`, [4]],
    [`h.${l}.ln_1.bias`, [4]],
    [`h.${l}.attn.c_attn.weight`, [4, 12]],
    [`h.${l}.attn.c_attn.bias`, [12]],
    [`h.${l}.attn.c_proj.weight`, [4, 4]],
    [`h.${l}.attn.c_proj.bias`, [4]],
    [`h.${l}.ln_2.weight`, [4]],
    [`h.${l}.ln_2.bias`, [4]],
    [`h.${l}.mlp.c_fc.weight`, [4, 16]],
    [`h.${l}.mlp.c_fc.bias`, [16]],
    [`h.${l}.mlp.c_proj.weight`, [16, 4]],
    [`h.${l}.mlp.c_proj.bias`, [4]],
  ];
  const all: [string, number[]][] = [['wte.weight', [7, 4]], ['wpe.weight', [6, 4]], ...block(0), ...block(1)];
  all.push(['ln_f.weight', [4]], ['ln_f.bias', [4]]);
  return numbered(all.map(([name, shape]) => [prefix + name, shape]));
}

const gpt2Files = (tensors: Tensors, config: object = gpt2File) => filesOf(config, tensors, 'tiny-gpt2');

describe('the Llama family', () => {
  const families: TransformerConfig[] = [
    llama,
    { ...llama, tied: true },
    { ...llama, biases: { qkv: true, attentionOut: true, mlp: true } },
    readConfig({ architectures: ['MistralForCausalLM'], ...small }),
    readConfig({ architectures: ['Qwen2ForCausalLM'], ...small, tie_word_embeddings: true }),
  ];

  test.each(families.map((config) => [config.architecture, config] as const))(
    '%s is written and read back',
    async (_, config) => {
      const weights = numbered(parameterShapes(config));
      const files = checkpointFiles(config, weights, undefined, { dtype: 'F16' });
      const checkpoint = await openCheckpoint(memoryFiles('written', files));
      expect(checkpoint.config).toEqual(config);
      for (const [name, weight] of weights) expect(await checkpoint.weights(name), name).toEqual(weight);
      const unembed = config.tied ? 'embed.weight' : 'unembed.weight';
      expect(await checkpoint.weights('unembed.weight')).toEqual(weights.get(unembed));
      await expect(checkpoint.weights('blocks.2.ln1.weight')).rejects.toThrow(InputError);
      await expect(checkpoint.tokenizer()).rejects.toThrow(/no tokenizer\.json/);
    },
  );

  test('names in the file are those of the family', async () => {
    const bytes = checkpointFiles(llama, numbered(parameterShapes(llama))).get('model.safetensors') as Uint8Array;
    const { tensors } = await readSafetensors(memoryBytes(bytes), 'm');
    expect(tensors.get('model.layers.1.self_attn.k_proj.weight')?.shape).toEqual([4, 8]);
    expect(tensors.get('model.layers.0.mlp.down_proj.weight')?.shape).toEqual([8, 5]);
    expect(tensors.get('lm_head.weight')?.shape).toEqual([7, 8]);
    expect(tensors.size).toBe(2 * 9 + 3);
  });
});

describe('GPT-2', () => {
  test('maps are turned to [out, in] and q, k, v taken apart', async () => {
    const tensors = gpt2Tensors();
    const checkpoint = await openCheckpoint(gpt2Files(tensors));
    const fused = tensors.get('transformer.h.1.attn.c_attn.weight')?.data as Float32Array;
    const bias = tensors.get('transformer.h.1.attn.c_attn.bias')?.data as Float32Array;
    for (const [part, name] of ['q', 'k', 'v'].entries()) {
      const { shape, data } = await checkpoint.weights(`blocks.1.attn.${name}.weight`);
      expect(shape).toEqual([4, 4]);
      for (let out = 0; out < 4; out++) {
        for (let i = 0; i < 4; i++) expect(data[out * 4 + i]).toBe(fused[i * 12 + part * 4 + out]);
      }
      const loaded = await checkpoint.weights(`blocks.1.attn.${name}.bias`);
      expect(loaded).toEqual({ shape: [4], data: bias.slice(part * 4, part * 4 + 4) });
    }
    const into = tensors.get('transformer.h.0.mlp.c_fc.weight')?.data as Float32Array;
    const mlp = await checkpoint.weights('blocks.0.mlp.in.weight');
    expect(mlp.shape).toEqual([16, 4]);
    expect([mlp.data[1], mlp.data[4]]).toEqual([into[16], into[1]]);
    // Embeddings are looked up, not multiplied, and are stored as we keep them.
    expect(await checkpoint.weights('position.weight')).toEqual(tensors.get('transformer.wpe.weight'));
    expect(await checkpoint.weights('unembed.weight')).toEqual(tensors.get('transformer.wte.weight'));
    for (const [name, shape] of parameterShapes(checkpoint.config)) {
      expect((await checkpoint.weights(name)).shape, name).toEqual(shape);
    }
  });

  test('names without prefix, masks and a tied head are accepted, and do not change the hash', async () => {
    const bare = gpt2Tensors('');
    bare.set('h.0.attn.bias', { shape: [1, 1, 6, 6], data: new Float32Array(36) });
    bare.set('h.1.attn.masked_bias', { shape: [], data: new Float32Array(1) });
    bare.set('lm_head.weight', { shape: [7, 4], data: new Float32Array(28) });
    const hash = await (await openCheckpoint(gpt2Files(bare))).hash();
    expect(hash).toBe(await (await openCheckpoint(gpt2Files(gpt2Tensors()))).hash());
  });

  const change = (edit: (tensors: Tensors) => void) => {
    const tensors = gpt2Tensors();
    edit(tensors);
    return openCheckpoint(gpt2Files(tensors));
  };
  test.each<[string, (tensors: Tensors) => void, RegExp]>([
    ['missing', (t) => t.delete('transformer.h.1.mlp.c_fc.bias'), /no tensor "h\.1\.mlp\.c_fc\.bias", which/],
    ['several missing', (t) => ['c_fc', 'c_proj'].map((n) => t.delete(`transformer.h.0.mlp.${n}.bias`)), /and 1 more/],
    [
      'extra',
      (t) => t.set('transformer.h.2.ln_1.bias', { shape: [1], data: new Float32Array(1) }),
      /"transformer\.h\.2/,
    ],
    [
      'wrong shape',
      (t) => t.set('transformer.ln_f.bias', { shape: [3], data: new Float32Array(3) }),
      /shape \[3\].*\[4\]/,
    ],
    ['twice', (t) => t.set('ln_f.bias', { shape: [4], data: new Float32Array(4) }), /"ln_f\.bias" twice/],
  ])('a tensor that is %s is named', async (_, edit, expected) => {
    await expect(change(edit)).rejects.toThrow(expected);
    await expect(change(edit)).rejects.toThrow(InputError);
  });
});

describe('files', () => {
  const weights = numbered(parameterShapes(llama));
  const whole = checkpointFiles(llama, weights);

  /** The same model in several shards, with its index. */
  function sharded(edit: (map: Record<string, string>) => unknown = () => {}) {
    const names = [...parameterShapes(llama).keys()];
    const file = (part: number) => `model-0000${part + 1}-of-00003.safetensors`;
    const files = new Map([['config.json', whole.get('config.json') as Uint8Array]]);
    const map: Record<string, string> = {};
    const stored = checkpointNames();
    for (let part = 0; part < 3; part++) {
      const own = names.filter((_, i) => i % 3 === part);
      const tensors = new Map(
        own.map((name) => [stored.get(name) as string, weights.get(name) as { shape: number[]; data: Float32Array }]),
      );
      files.set(file(part), writeSafetensors(tensors));
      for (const name of tensors.keys()) map[name] = file(part);
    }
    edit(map);
    files.set('model.safetensors.index.json', encode({ metadata: { total_size: 1 }, weight_map: map }));
    return memoryFiles('sharded', files);
  }

  /** Names in the file by our names, as the Llama family has them. */
  function checkpointNames(): Map<string, string> {
    const parts: [RegExp, string][] = [
      [/^embed/, 'model.embed_tokens'],
      [/^unembed/, 'lm_head'],
      [/^ln_final/, 'model.norm'],
      [/^blocks/, 'model.layers'],
      [/ln1/, 'input_layernorm'],
      [/ln2/, 'post_attention_layernorm'],
      [/attn\.([qkv])/, 'self_attn.$1_proj'],
      [/attn\.out/, 'self_attn.o_proj'],
      [/mlp\.in/, 'mlp.up_proj'],
      [/mlp\.out/, 'mlp.down_proj'],
      [/mlp\.gate/, 'mlp.gate_proj'],
    ];
    const rename = (name: string) => parts.reduce((text, [from, to]) => text.replace(from, to), name);
    return new Map([...parameterShapes(llama).keys()].map((name) => [name, rename(name)]));
  }

  test('shards give the same model and the same hash as one file', async () => {
    const one = await openCheckpoint(memoryFiles('whole', whole));
    const many = await openCheckpoint(sharded());
    for (const [name, weight] of weights) expect(await many.weights(name), name).toEqual(weight);
    expect(await many.hash()).toBe(await one.hash());
    expect(await one.hash()).toMatch(/^[0-9a-f]{64}$/);
  });

  test('one changed value, or one changed setting, changes the hash', async () => {
    const changed = new Map(weights).set('ln_final.weight', { shape: [8], data: new Float32Array(8) });
    const hash = async (files: Map<string, Uint8Array>) => (await openCheckpoint(memoryFiles('m', files))).hash();
    const hashes = [await hash(whole), await hash(checkpointFiles(llama, changed))];
    hashes.push(await hash(checkpointFiles({ ...llama, rotaryBase: 500 }, weights)));
    expect(new Set(hashes).size).toBe(3);
  });

  test.each<[string, (map: Record<string, string>) => void, RegExp]>([
    [
      'a shard elsewhere',
      (m) => Object.assign(m, { 'lm_head.weight': '../other.safetensors' }),
      /"\.\.\/other\.safetensors"/,
    ],
    [
      'a shard that is missing',
      (m) => Object.assign(m, { 'lm_head.weight': 'gone.safetensors' }),
      /no gone\.safetensors/,
    ],
    [
      'a tensor in the wrong shard',
      (m) => Object.assign(m, { 'lm_head.weight': m['model.norm.weight'] }),
      /has no tensor "lm_head\.weight", which/,
    ],
    [
      'a tensor it does not know',
      (m) => delete m['model.norm.weight'],
      /"model\.norm\.weight", which .* does not put there/,
    ],
  ])('an index with %s is refused', async (_, edit, expected) => {
    await expect(openCheckpoint(sharded(edit))).rejects.toThrow(expected);
  });

  test('missing files are named', async () => {
    await expect(openCheckpoint(memoryFiles('bare', new Map()))).rejects.toThrow(/bare has no file config\.json/);
    const config = new Map([['config.json', whole.get('config.json') as Uint8Array]]);
    await expect(openCheckpoint(memoryFiles('bare', config))).rejects.toThrow(/bare has neither model\.safetensors/);
  });

  test('parameters that are missing, unknown or of a wrong shape are not written', () => {
    const without = (name: string) => new Map([...weights].filter(([key]) => key !== name));
    expect(() => checkpointFiles(llama, without('ln_final.weight'))).toThrow(/ln_final\.weight is missing/);
    const odd = { shape: [1], data: new Float32Array(1) };
    expect(() => checkpointFiles(llama, new Map(weights).set('odd', odd))).toThrow(/no parameter "odd"/);
    expect(() => checkpointFiles(llama, new Map(weights).set('ln_final.weight', odd))).toThrow(
      /shape \[1\], not \[8\]/,
    );
  });

  test('damaged files give InputError and nothing else', async () => {
    const mutation = fc.record({
      file: fc.constantFrom('config.json', 'model.safetensors'),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      bytes: fc.uint8Array({ maxLength: 3 }),
      cut: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(mutation, async ({ file, at, bytes, cut }) => {
        const data = (whole.get(file) as Uint8Array).slice();
        // Most of a model is values, which any bytes may be; the header is what can be wrong.
        const place = Math.floor(at * Math.min(data.length, 2000));
        data.set(bytes.subarray(0, data.length - place), place);
        const files = new Map(whole).set(file, cut ? data.slice(0, place) : data);
        try {
          const checkpoint = await openCheckpoint(memoryFiles('fuzzed', files));
          await checkpoint.weights('embed.weight');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as InputError).message).not.toMatch(/\n/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe.skipIf(missing)('stories260K', () => {
  const files = () =>
    memoryFiles(
      'stories260K',
      new Map(
        ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((f) => [
          f,
          readFileSync(`${stories}/${f}`),
        ]),
      ),
    );

  test('opens with every float of its file', async () => {
    const checkpoint = await openCheckpoint(files());
    expect(checkpoint.config).toMatchObject({
      architecture: 'llama',
      layers: 5,
      heads: 8,
      kvHeads: 4,
      width: 64,
      tied: true,
    });
    const shapes = parameterShapes(checkpoint.config);
    let total = 0;
    for (const [name, shape] of shapes) {
      const weight = await checkpoint.weights(name);
      expect(weight.shape).toEqual(shape);
      total += weight.data.length;
    }
    // By the configuration: embedding, five blocks (q and out, k and v, three MLP maps, two norms), final norm.
    expect(total).toBe(512 * 64 + 5 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 172 * 64 + 2 * 64) + 64);
    const tokenizer = await checkpoint.tokenizer();
    expect(tokenizer.encode('Lily')).toEqual([1, ...tokenizer.encode('Lily', { bos: false })]);
    expect(await checkpoint.hash()).toBe(await (await openCheckpoint(files())).hash());
  });
});
