import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { memoryBytes, memoryFiles } from './bytes.js';
import { InputError } from './errors.js';

test('what is read belongs to the caller, from a Node Buffer too', async () => {
  for (const data of [Uint8Array.of(1, 2, 3, 4), Buffer.from([0, 1, 2, 3, 4]).subarray(1)]) {
    const read = await memoryBytes(data).read(1, 2);
    expect([...read]).toEqual([2, 3]);
    expect([read.byteOffset, read.buffer.byteLength]).toEqual([0, 2]);
    read[0] = 9;
    expect(data[1]).toBe(2);
  }
});

test('files in memory', async () => {
  const files = memoryFiles('m', new Map([['a', new TextEncoder().encode('é')]]));
  expect(await files.text('a')).toBe('é');
  expect([await files.has('a'), await files.has('b')]).toEqual([true, false]);
  await expect(files.bytes('b')).rejects.toThrow(InputError);
});
