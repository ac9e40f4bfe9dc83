import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bytes, memoryBytes } from '../bytes.js';
import { InputError } from '../errors.js';
import { readSafetensors } from './safetensors.js';
import { writeSafetensors } from './safetensors-write.js';

/** A file made by hand: a header of any text, any claimed length, any data. */
function file(header: string, data: Uint8Array = new Uint8Array(), claimed?: bigint): Uint8Array {
  const text = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + text.length + data.length);
  new DataView(out.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  out.set(text, 8);
  out.set(data, 8 + text.length);
  return out;
}

/** Fails when the reader asks for anything outside the file, which is what a large allocation would begin with. */
function guarded(data: Uint8Array): Bytes {
  const inner = memoryBytes(data);
  return {
    size: data.length,
    read: (offset, length) => {
      if (!(offset >= 0 && length >= 0 && offset + length <= data.length)) {
        throw new Error(`asked for ${length} bytes at ${offset} of ${data.length}`);
      }
      return inner.read(offset, length);
    },
  };
}

async function message(data: Uint8Array): Promise<string> {
  try {
    const opened = await readSafetensors(guarded(data), 'm.safetensors');
    for (const name of opened.tensors.keys()) await opened.load(name);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.message).not.toMatch(/\n/);
    return error.message;
  }
  return '';
}

const entry = (dtype: string, shape: number[], begin: number, end: number) =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

describe('reading', () => {
  test('a file written byte by byte', async () => {
    const data = new Uint8Array(4 + 4 + 4 + 8 + 8 + 2 + 4);
    const view = new DataView(data.buffer);
    view.setFloat32(0, 1.5, true);
    view.setUint16(4, 0x3c00, true);
    view.setUint16(6, 0xc000, true);
    view.setUint16(8, 0x3f80, true);
    view.setUint16(10, 0xbf00, true);
    view.setFloat64(12, Math.PI, true);
    view.setBigInt64(20, -5n, true);
    data.set([7, 255], 28);
    view.setInt32(30, -9, true);
    const header =
      `{"f32":${entry('F32', [1], 0, 4)},"f16":${entry('F16', [2, 1], 4, 8)},"bf16":${entry('BF16', [2], 8, 12)},` +
      `"f64":${entry('F64', [], 12, 20)},"i64":${entry('I64', [1], 20, 28)},"u8":${entry('U8', [2], 28, 30)},` +
      `"i32":${entry('I32', [1], 30, 34)},"none":${entry('F32', [0, 3], 34, 34)},"__metadata__":{"format":"pt"}}`;
    const opened = await readSafetensors(guarded(file(header, data)), 'x');
    expect(opened.metadata).toEqual({ format: 'pt' });
    const load = async (name: string) => (await opened.load(name)).data;
    expect(await load('f32')).toEqual(Float32Array.of(1.5));
    expect(await opened.load('f16')).toEqual({ shape: [2, 1], data: Float32Array.of(1, -2) });
    expect(await load('bf16')).toEqual(Float32Array.of(1, -0.5));
    expect(await load('f64')).toEqual(Float64Array.of(Math.PI));
    expect(await load('i64')).toEqual(BigInt64Array.of(-5n));
    expect(await load('u8')).toEqual(Uint8Array.of(7, 255));
    expect(await load('i32')).toEqual(Int32Array.of(-9));
    expect(await load('none')).toEqual(new Float32Array());
    expect(await opened.raw('u8', 1, 1)).toEqual(Uint8Array.of(255));
    await expect(opened.load('absent')).rejects.toThrow('x has no tensor "absent"');
  });

  test.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(), /truncated: it has 0 bytes/],
    ['a header longer than the file', file('{}', undefined, 12n), /truncated: 10 of the 12 bytes of its header/],
    ['a header of 2^63 bytes', file('{}', undefined, 1n << 63n), /header would take 9223372036854775808 bytes/],
    ['no brace', file('[]'), /does not begin with \{/],
    ['broken JSON', file('{"a":'), /not valid JSON/],
    ['bytes that are not UTF-8', file('{"é":1}').map((b) => (b === 0xc3 ? 0xff : b)), /UTF-8/],
    [
      'a tensor cut short',
      file(`{"a":${entry('F32', [4], 0, 16)}}`, new Uint8Array(9)),
      /truncated: 7 of its \d+ bytes/,
    ],
    ['bytes left over', file(`{"a":${entry('U8', [1], 0, 1)}}`, new Uint8Array(3)), /2 bytes after its last tensor/],
    ['a hole', file(`{"a":${entry('U8', [1], 1, 2)}}`, new Uint8Array(2)), /"a" .*leaves unused bytes/],
    [
      'an overlap',
      file(`{"a":${entry('U8', [2], 0, 2)},"b":${entry('U8', [2], 1, 3)}}`, new Uint8Array(3)),
      /"b" .*overlaps/,
    ],
    ['a shape that lies', file(`{"a":${entry('F32', [2], 0, 4)}}`, new Uint8Array(4)), /takes 8 bytes, not 4/],
    ['a huge shape', file(`{"a":${entry('F32', [2 ** 40, 2 ** 40], 0, 4)}}`, new Uint8Array(4)), /more than 2\^53/],
    [
      'an end before its begin',
      file(`{"a":${entry('U8', [0], 4, 0)}}`, new Uint8Array(4)),
      /ends \(0\) before it begins/,
    ],
    ['a negative shape', file(`{"a":${entry('U8', [-1], 0, 1)}}`, new Uint8Array(1)), /"shape\.0" is wrong/],
    ['an unknown type', file(`{"a":${entry('Q4', [1], 0, 1)}}`, new Uint8Array(1)), /"dtype" is wrong/],
    ['a type that cannot be loaded', file(`{"a":${entry('U16', [1], 0, 2)}}`, new Uint8Array(2)), /stored as U16/],
    [
      'the same name twice, once in disguise',
      file(`{"a":${entry('U8', [1], 0, 1)},"\\u0061":${entry('U8', [1], 0, 1)}}`, new Uint8Array(1)),
      /lists "a" twice/,
    ],
    ['metadata that is not text', file('{"__metadata__":{"a":1}}'), /metadata/],
  ])('%s is refused', async (_, data, expected) => {
    expect(await message(data)).toMatch(expected);
  });

  test('deep JSON, a very long string and a prototype key do not trip it', async () => {
    expect(await message(file(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`))).toMatch(/"a"/);
    expect(await message(file(`{"${'x'.repeat(3_000_000)}":1}`))).toMatch(/xxx\.\.\./);
    expect(await message(file('{"__proto__":{"x":1}}'))).toMatch(/__proto__/);
  });

  test('a file that shrinks while it is read is noticed', async () => {
    const whole = writeSafetensors(new Map([['a', { shape: [64], data: new Float32Array(64) }]]));
    const source = { size: whole.length, read: (o: number, n: number) => memoryBytes(whole.slice(0, 200)).read(o, n) };
    const opened = await readSafetensors(source, 'shrunk');
    await expect(opened.load('a')).rejects.toThrow(/became shorter/);
  });
});

describe('writing', () => {
  const arbitraryTensors = fc.dictionary(
    fc.string({ unit: 'binary', maxLength: 12 }).filter((name) => name !== '__metadata__'),
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }).chain((shape) => {
      const size = shape.reduce((a, b) => a * b, 1);
      return fc
        .array(fc.integer({ min: -128, max: 127 }), { minLength: size, maxLength: size })
        .map((values) => ({ shape, data: Float32Array.from(values, (v) => v / 8) }));
    }),
    { noNullPrototype: true },
  );

  test('what is written is read back, in every element type', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryTensors,
        fc.constantFrom('F32' as const, 'F16' as const, 'BF16' as const),
        async (named, dtype) => {
          const tensors = new Map(Object.entries(named));
          const written = writeSafetensors(tensors, { made: 'here' }, dtype);
          const opened = await readSafetensors(guarded(written), 'round trip');
          expect(opened.metadata).toEqual({ made: 'here' });
          expect(new Set(opened.tensors.keys())).toEqual(new Set(tensors.keys()));
          // Eighths up to 16 are exact in all three types.
          for (const [name, tensor] of tensors) {
            expect(await opened.load(name)).toEqual(tensor);
            expect(opened.tensors.get(name)?.dtype).toBe(dtype);
          }
          expect(new DataView(written.buffer).getBigUint64(0, true) % 8n).toBe(0n);
        },
      ),
    );
  });

  test('values that do not fit the shape are refused', () => {
    expect(() => writeSafetensors(new Map([['a', { shape: [3], data: new Float32Array(2) }]]))).toThrow(InputError);
  });
});

describe('fuzzing: nothing but InputError, nothing read outside the file', () => {
  const good = writeSafetensors(
    new Map([
      ['a.weight', { shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
      ['b', { shape: [4], data: Float32Array.of(1, 2, 3, 4) }],
    ]),
    { note: 'x' },
  );

  test('every truncation is refused', async () => {
    for (let length = 0; length < good.length; length++) {
      expect(await message(good.slice(0, length)), `${length} bytes`).toMatch(/truncated/);
    }
  });

  test('random bytes', () =>
    fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (data) => void (await message(data)))));

  test('mutated bytes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (edits) => {
          const data = good.slice();
          for (const [at, byte] of edits) data[at] = byte;
          await message(data);
        },
      ),
      { numRuns: 2000 },
    ));

  test('headers of lying JSON', () => {
    const number = fc.oneof(fc.nat(40), fc.double(), fc.constantFrom(2 ** 53, 2 ** 63, -1, 1e308));
    const lie = fc.oneof(
      fc.record({
        dtype: fc.constantFrom('F32', 'U8', 'BF16', 'X'),
        shape: fc.array(number, { maxLength: 3 }),
        data_offsets: fc.oneof(fc.tuple(number, number), fc.array(number)),
      }),
      fc.jsonValue(),
    );
    return fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), lie),
        fc.uint8Array({ maxLength: 40 }),
        async (header, data) => void (await message(file(JSON.stringify(header), data))),
      ),
      { numRuns: 1000 },
    );
  });
});
