import { describe, expect, it } from 'vitest';
import { memoryBytes, memoryFiles } from '../bytes.js';
import { Random } from '../tensor/index.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { writeSafetensors } from '../tensor/safetensors-write.js';
import { openCheckpoint } from './checkpoint.js';
import { checkpointFiles } from './checkpoint-write.js';
import type { TransformerConfig } from './config.js';
import { parameterShapes } from './parameters.js';
import { withSparseMatrices } from './sparse-file.js';

const config: TransformerConfig = {
  architecture: 'weight_sparse',
  layers: 1,
  heads: 2,
  kvHeads: 2,
  width: 16,
  headWidth: 8,
  mlpWidth: 32,
  vocabulary: 20,
  context: 8,
  norm: 'rms',
  normEps: 1e-5,
  activation: 'gelu',
  gated: false,
  positions: 'none',
  rotaryBase: 0,
  rotaryWidth: 0,
  tied: false,
  biases: { qkv: true, attentionOut: true, mlp: true },
  topK: 0.25,
  sink: true,
  bigram: true,
};

const random = new Random(1);
const weights = new Map(
  [...parameterShapes(config)].map(([name, shape]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const dense = shape.length < 2 || name.startsWith('bigram');
    // Halves are exact in 16 bits.
    const data = Float32Array.from({ length: size }, (_, i) =>
      dense || i % 13 === 3 ? random.integer(100) / 2 + 0.5 : 0,
    );
    return [name, { shape, data }] as const;
  }),
);

describe('a model whose matrices are stored by their nonzero weights', () => {
  it.each(['F32', 'F16'] as const)('is the model that is stored whole, in less room (%s)', async (dtype) => {
    const [sparse, dense] = [true, false].map((sparse) =>
      checkpointFiles(config, weights, undefined, { dtype, sparse }),
    );
    const [small, large] = [sparse, dense].map((files) => files.get('model.safetensors')?.byteLength ?? 0);
    expect(small).toBeLessThan(large);
    const [a, b] = await Promise.all([sparse, dense].map((files) => openCheckpoint(memoryFiles('m', files))));
    for (const [name, { shape, data }] of weights) {
      expect(await a.weights(name), name).toEqual({ shape, data });
    }
    expect(await a.hash()).toBe(await b.hash());
    expect(a.sparse.get('blocks.0.mlp.in.weight')).toBe(Math.ceil((512 - 3) / 13));
    expect([...a.sparse.keys()].some((name) => /bias|bigram|ln/.test(name))).toBe(false);
    expect(b.sparse.size).toBe(0);
  });

  it('is refused where its parts do not fit', async () => {
    const open = async (tensors: Record<string, number[] | Int32Array>, layout = 'csr 2x3') => {
      const stored = new Map(
        Object.entries(tensors).map(([name, data]) => [
          `w.${name}`,
          { shape: [data.length], data: data instanceof Int32Array ? data : Float32Array.from(data) },
        ]),
      );
      const file = await readSafetensors(memoryBytes(writeSafetensors(stored, { 'w.layout': layout })), 'f');
      return withSparseMatrices(file).load('w');
    };
    const ints = (...values: number[]) => Int32Array.from(values);
    const right = { crow_indices: ints(0, 1, 2), col_indices: ints(2, 0), values: [5, 6] };
    expect(await open(right)).toEqual({ shape: [2, 3], data: Float32Array.from([0, 0, 5, 6, 0, 0]) });
    await expect(open(right, 'block 1x1 2x3')).rejects.toThrow('models are stored as csr');
    await expect(open(right, 'csr 2x99999999999999999')).rejects.toThrow('models are stored as csr');
    await expect(open({ ...right, values: [5] })).rejects.toThrow('do not fit 2 x 3');
    await expect(open({ ...right, crow_indices: ints(0, 2) })).rejects.toThrow('do not fit 2 x 3');
    await expect(open({ ...right, col_indices: ints(3, 0) })).rejects.toThrow('outside 0 to 2');
    await expect(open({ crow_indices: ints(0, 1, 2), values: [5, 6] })).rejects.toThrow('lacks its part');
  });
});
