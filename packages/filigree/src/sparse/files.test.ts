import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryBytes } from '../bytes.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { writeSafetensors } from '../tensor/safetensors-write.js';
import { loadSparse, storeDense, storeSparse } from './files.js';
import { cases, numbers } from './random.testing.js';
import { SparseTensor } from './sparse-tensor.js';

const device = createReferenceDevice('f64');

async function reopen(bytes: Uint8Array<ArrayBuffer>) {
  return readSafetensors(memoryBytes(bytes), 'weights.safetensors');
}

describe('sparse weights in safetensors', () => {
  it('come back in the same layout with the same values', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ rows, cols, mask, spec }) => {
        const w = SparseTensor.fromDense(numbers(rows * cols, 1), [rows, cols], spec, { mask, device });
        const { tensors, metadata } = await storeSparse('fc1.weight', w);
        const back = await loadSparse(await reopen(writeSafetensors(tensors, metadata)), 'fc1.weight', device);
        expect(back.layout.name).toBe(w.layout.name);
        expect(back.values.dataSync()).toEqual(w.values.dataSync());
        expect(await back.toDense()).toEqual(await w.toDense());
      }),
      { numRuns: 40 },
    );
  });

  it('become one plain tensor for others to read', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ rows, cols, mask, spec }) => {
        const w = SparseTensor.fromDense(numbers(rows * cols, 1), [rows, cols], spec, { mask, device });
        const file = await reopen(writeSafetensors((await storeDense('fc1.weight', w)).tensors));
        const { shape, data } = await file.load('fc1.weight');
        expect(shape).toEqual([rows, cols]);
        expect(Float64Array.from(data as Float32Array)).toEqual(await w.toDense());
      }),
      { numRuns: 20 },
    );
  });

  it('are refused when parts do not fit', async () => {
    const w = SparseTensor.fromDense([1, 0, 2, 3], [2, 2], undefined, { device });
    const { tensors, metadata } = await storeSparse('w', w);
    const plain = await reopen(writeSafetensors(tensors));
    await expect(loadSparse(plain, 'w', device)).rejects.toThrow('holds no sparse weight');
    const tall = await reopen(writeSafetensors(tensors, { 'w.layout': 'csr 3x2' }));
    await expect(loadSparse(tall, 'w', device)).rejects.toThrow('need 4 pointers');
    const block = await reopen(writeSafetensors(tensors, { 'w.layout': 'block 2x2 2x2' }));
    await expect(loadSparse(block, 'w', device)).rejects.toThrow('blocks or groups are not whole');
    const short = new Map(tensors).set('w.values', { shape: [2], data: Float32Array.of(1, 2) });
    await expect(loadSparse(await reopen(writeSafetensors(short, metadata)), 'w', device)).rejects.toThrow('3 floats');
    const typed = new Map(tensors).set('w.col_indices', { shape: [3], data: Float32Array.of(0, 0, 1) });
    await expect(loadSparse(await reopen(writeSafetensors(typed, metadata)), 'w', device)).rejects.toThrow('I32');
  });
});
