import { InputError } from '../errors.js';
import { quote } from '../validate.js';
import { f32ToBf16, f32ToF16 } from './half.js';
import { elementCount, itemSizes } from './safetensors.js';

/** Element types that can be written. */
export type WrittenType = 'F32' | 'F16' | 'BF16';

/** Values that can be written. */
export type WrittenData = Float32Array | Float64Array | Int32Array | Uint8Array;

const encoders: Record<WrittenType, (values: Float32Array) => Float32Array | Uint16Array> = {
  F32: (values) => values,
  F16: f32ToF16,
  BF16: f32ToBf16,
};

/**
 * Writes tensors as one safetensors file, in the order given, its header padded with spaces so that data begin at a multiple of
 * 8 bytes. F16 and BF16 round to nearest, ties to even. Integers are written as I32, bytes as U8 and f64 as F64, whatever `dtype`
 * says.
 * @param tensors values by name, row-major
 * @param metadata free text by name
 * @throws InputError when a tensor has another number of values than its shape says
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: WrittenData }>,
  metadata: Readonly<Record<string, string>> = {},
  dtype: WrittenType = 'F32',
): Uint8Array<ArrayBuffer> {
  const typeOf = (data: WrittenData) =>
    data instanceof Float32Array
      ? dtype
      : data instanceof Float64Array
        ? 'F64'
        : data instanceof Int32Array
          ? 'I32'
          : 'U8';
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  let end = 0;
  if (tensors.has('__metadata__'))
    throw new InputError('a tensor cannot be called "__metadata__"; the format keeps that name');
  for (const [name, { shape, data }] of tensors) {
    if (elementCount(shape) !== data.length) {
      throw new InputError(
        `cannot write tensor ${quote(name)}: shape [${shape}] does not fit its ${data.length} values`,
      );
    }
    const begin = end;
    const type = typeOf(data);
    end += data.length * itemSizes[type];
    header.push([name, { dtype: type, shape, data_offsets: [begin, end] }]);
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const start = 8 + Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(start + end).fill(0x20, 8, start);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true);
  file.set(text, 8);
  let offset = start;
  for (const { data } of tensors.values()) {
    const stored = data instanceof Float32Array ? encoders[dtype](data) : data;
    file.set(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength), offset);
    offset += stored.byteLength;
  }
  return file;
}
