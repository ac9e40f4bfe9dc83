import { z } from 'zod';
import type { Bytes } from '../bytes.js';
import { InputError } from '../errors.js';
import { parseJson, quote, validate } from '../validate.js';
import { bf16ToF32, f16ToF32 } from './half.js';

/** Bytes per element of the element types of the format that have whole bytes. */
export const itemSizes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type StoredType = keyof typeof itemSizes;

export type LoadedData =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

/** A tensor as loaded, row-major. */
export interface LoadedTensor {
  readonly shape: readonly number[];
  readonly data: LoadedData;
}

/** Where a tensor sits in its file. */
export interface StoredTensor {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The tensor's bytes as stored, or `length` of them from `start` (bytes within the tensor). */
  raw(name: string, start?: number, length?: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Reads one tensor: F32, F16 and BF16 as f32, F64, I32, I64 as they are, U8 and BOOL as bytes.
   * @throws InputError when there is no such tensor, its element type is another one, or the file has become shorter
   */
  load(name: string): Promise<LoadedTensor>;
}

/** Longest header that is read, in bytes: that of the format's reference implementation. */
const longestHeader = 100_000_000;

const metadataSchema = z.record(z.string(), z.string());
const entrySchema = z.strictObject({
  dtype: z.enum(Object.keys(itemSizes) as [StoredType, ...StoredType[]]),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});

/**
 * Opens a safetensors file: 8 bytes of header length (little-endian), a JSON header, then the tensors one after the other. The
 * whole header is checked against the file's size before anything is loaded, so that `load` never takes more memory than the file
 * holds (times two for 16-bit floats).
 * @param name what to call the file in messages
 * @throws InputError when the file is truncated, damaged or contradicts itself
 */
export async function readSafetensors(source: Bytes, name: string): Promise<Safetensors> {
  const headerLength = await readHeaderLength(source, name);
  const start = 8 + headerLength;
  const text = decodeHeader(await readExactly(source, 8, headerLength, name), name);
  const header = parseJson(text, `the header of ${name}`);
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new InputError(`the header of ${name} is not a JSON object`);
  }
  const twice = firstDuplicateKey(text);
  if (twice !== undefined) throw new InputError(`${name} lists ${quote(twice)} twice`);

  const tensors = new Map<string, StoredTensor>();
  let metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(header)) {
    if (key === '__metadata__') metadata = validate(metadataSchema, value, `the metadata of ${name}`);
    else tensors.set(key, readEntry(key, value, start, name));
  }
  checkLayout(tensors, start, source.size, name);

  const find = (key: string) => {
    const tensor = tensors.get(key);
    if (!tensor) throw new InputError(`${name} has no tensor ${quote(key)}`);
    return tensor;
  };
  return {
    metadata,
    tensors,
    raw: async (key, from = 0, length) => {
      const tensor = find(key);
      return readExactly(source, tensor.offset + from, length ?? tensor.length - from, name);
    },
    load: async (key) => {
      const { dtype, shape, offset, length } = find(key);
      if (!loadable(dtype)) {
        throw new InputError(
          `tensor ${quote(key)} of ${name} is stored as ${dtype}, which cannot be loaded; convert it to F32`,
        );
      }
      return { shape, data: decode(dtype, await readExactly(source, offset, length, name)) };
    },
  };
}

/** Number of elements of a shape; NaN when it is beyond what a number can count. */
export function elementCount(shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const length of shape) {
    count *= length;
    if (count > Number.MAX_SAFE_INTEGER) return NaN;
  }
  return count;
}

async function readHeaderLength(source: Bytes, name: string): Promise<number> {
  if (source.size < 8) {
    throw new InputError(`${name} is truncated: it has ${source.size} bytes and a safetensors file has at least 8`);
  }
  const head = await readExactly(source, 0, 8, name);
  const length = new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(longestHeader)) {
    throw new InputError(`${name} is not a safetensors file: its header would take ${length} bytes`);
  }
  const missing = Number(length) + 8 - source.size;
  if (missing > 0) {
    throw new InputError(`${name} is truncated: ${missing} of the ${length} bytes of its header are missing`);
  }
  return Number(length);
}

function decodeHeader(bytes: Uint8Array, name: string): string {
  // The format demands the brace, and it tells a safetensors file from others that begin with a small number.
  if (bytes[0] !== 0x7b) throw new InputError(`${name} is not a safetensors file: its header does not begin with {`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(`the header of ${name} is not UTF-8 text; the file may be damaged`);
  }
}

/**
 * The first key that an object's JSON text (valid, already parsed) holds twice at its outermost level; JSON.parse keeps the last
 * one without a word.
 */
function firstDuplicateKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let last = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') {
      const begin = i++;
      while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
      if (depth === 1) last = text.slice(begin, i + 1);
    } else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    else if (character === ':' && depth === 1) {
      const key = JSON.parse(last) as string;
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}

function readEntry(key: string, value: unknown, start: number, name: string): StoredTensor {
  const what = `tensor ${quote(key)} of ${name}`;
  const { dtype, shape, data_offsets } = validate(entrySchema, value, what);
  const [begin, end] = data_offsets;
  if (end < begin) throw new InputError(`${what} ends (${end}) before it begins (${begin})`);
  const expected = elementCount(shape) * itemSizes[dtype];
  if (expected !== end - begin) {
    const needs = Number.isSafeInteger(expected) ? `${expected}` : 'more than 2^53';
    throw new InputError(
      `${what} has shape [${shape.slice(0, 8)}] of ${dtype}, which takes ${needs} bytes, not ${end - begin}`,
    );
  }
  return { dtype, shape, offset: start + begin, length: end - begin };
}

/** The tensors, in order of their offsets, must fill the file from `start` to its end without overlap or hole. */
function checkLayout(tensors: ReadonlyMap<string, StoredTensor>, start: number, size: number, name: string): void {
  const ordered = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.length - b.length);
  let end = start;
  for (const [key, tensor] of ordered) {
    if (tensor.offset !== end) {
      const wrong = tensor.offset < end ? 'overlaps the tensor before it' : 'leaves unused bytes before it';
      throw new InputError(`tensor ${quote(key)} of ${name} ${wrong}; the file is damaged`);
    }
    end += tensor.length;
  }
  if (end > size) throw new InputError(`${name} is truncated: ${end - size} of its ${end} bytes are missing`);
  if (end < size) throw new InputError(`${name} has ${size - end} bytes after its last tensor; the file is damaged`);
}

async function readExactly(source: Bytes, offset: number, length: number, name: string) {
  const bytes = await source.read(offset, length);
  if (bytes.byteLength !== length) throw new InputError(`${name} became shorter while it was read`);
  return bytes;
}

const decoders = {
  F32: (bytes: ArrayBuffer) => new Float32Array(bytes),
  F16: (bytes: ArrayBuffer) => f16ToF32(new Uint16Array(bytes)),
  BF16: (bytes: ArrayBuffer) => bf16ToF32(new Uint16Array(bytes)),
  F64: (bytes: ArrayBuffer) => new Float64Array(bytes),
  I32: (bytes: ArrayBuffer) => new Int32Array(bytes),
  I64: (bytes: ArrayBuffer) => new BigInt64Array(bytes),
  U8: (bytes: ArrayBuffer) => new Uint8Array(bytes),
  BOOL: (bytes: ArrayBuffer) => new Uint8Array(bytes),
} satisfies Partial<Record<StoredType, (bytes: ArrayBuffer) => LoadedData>>;

function loadable(dtype: StoredType): dtype is keyof typeof decoders {
  return dtype in decoders;
}

function decode(dtype: keyof typeof decoders, bytes: Uint8Array<ArrayBuffer>): LoadedData {
  // A typed array may only begin at a multiple of its element's size, which a view into something larger need not.
  const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
  return decoders[dtype](whole.buffer);
}
