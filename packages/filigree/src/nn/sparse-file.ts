import { InputError } from '../errors.js';
import { Topology } from '../sparse/index.js';
import { f32ToBf16, f32ToF16 } from '../tensor/half.js';
import { itemSizes, type Safetensors, type StoredTensor } from '../tensor/safetensors.js';
import type { WrittenType } from '../tensor/safetensors-write.js';
import { quote } from '../validate.js';

/** The parts that `storeSparse` makes of a matrix. */
const parts = ['crow_indices', 'col_indices', 'values'] as const;
const layoutEnding = '.layout';

/** Tensors of a model's files; some may be stored by their nonzero weights. */
export interface ModelTensors extends Omit<Safetensors, 'metadata'> {
  /** Nonzero weights of the matrices that are stored by them. */
  readonly sparse: ReadonlyMap<string, number>;
}

/**
 * A file in which matrices may be stored as `storeSparse` does (`csr`), seen as if they were dense: with their shape, the element type of their
 * values, and zeros where there is no weight. Nothing is unpacked before it is loaded.
 * @throws InputError where parts are missing, of a wrong type or size
 */
export function withSparseMatrices(file: Safetensors): ModelTensors {
  const tensors = new Map(file.tensors);
  const sparse = new Map<string, number>();
  for (const [key, text] of Object.entries(file.metadata)) {
    if (!key.endsWith(layoutEnding)) continue;
    const name = key.slice(0, -layoutEnding.length);
    const [, rows, cols] = (/^csr (\d+)x(\d+)$/.exec(text) ?? []).map(Number);
    if (!(Number.isSafeInteger(rows * cols) && rows > 0 && cols > 0)) {
      throw new InputError(`the sparse matrix ${quote(name)} has the layout ${quote(text)}; models are stored as csr`);
    }
    const [starts, columns, values] = parts.map((part) => partOf(file, `${name}.${part}`));
    const count = values.shape[0];
    const fits =
      starts.dtype === 'I32' &&
      columns.dtype === 'I32' &&
      (values.dtype === 'F32' || values.dtype === 'F16' || values.dtype === 'BF16') &&
      starts.shape.join() === `${rows + 1}` &&
      columns.shape.join() === `${count}` &&
      values.shape.length === 1 &&
      count <= rows * cols;
    if (!fits) throw new InputError(`the parts of the sparse matrix ${quote(name)} do not fit ${rows} x ${cols}`);
    for (const part of parts) tensors.delete(`${name}.${part}`);
    const length = rows * cols * itemSizes[values.dtype];
    tensors.set(name, { dtype: values.dtype, shape: [rows, cols], offset: values.offset, length });
    sparse.set(name, count);
  }
  if (sparse.size === 0) return { ...file, sparse };
  const unpack = async (name: string): Promise<Float32Array<ArrayBuffer>> => {
    const [rows, cols] = (tensors.get(name) as StoredTensor).shape;
    const [starts, columns, values] = await Promise.all(parts.map((part) => file.load(`${name}.${part}`)));
    const support = Topology.fromRows(rows, cols, starts.data as Int32Array, columns.data as Int32Array);
    const dense = new Float32Array(rows * cols);
    for (let i = 0; i < rows; i++) {
      for (let k = support.pointers[i]; k < support.pointers[i + 1]; k++) {
        dense[i * cols + support.indices[k]] = values.data[k] as number;
      }
    }
    return dense;
  };
  return {
    tensors,
    sparse,
    async load(name) {
      if (!sparse.has(name)) return file.load(name);
      return { shape: (tensors.get(name) as StoredTensor).shape, data: await unpack(name) };
    },
    async raw(name, start, length) {
      if (!sparse.has(name)) return file.raw(name, start, length);
      const from = start ?? 0;
      const stored = encoded(await unpack(name), (tensors.get(name) as StoredTensor).dtype as WrittenType);
      return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength).slice(
        from,
        length === undefined ? undefined : from + length,
      );
    },
  };
}

function partOf(file: Safetensors, name: string): StoredTensor {
  const part = file.tensors.get(name);
  if (!part) throw new InputError(`a sparse matrix lacks its part ${quote(name)}`);
  return part;
}

const encoded = (values: Float32Array<ArrayBuffer>, dtype: WrittenType) =>
  dtype === 'F32' ? values : dtype === 'F16' ? f32ToF16(values) : f32ToBf16(values);

/** A matrix as `storeSparse` stores it, where that takes less room than all its values; undefined where it does not. */
export function sparseParts(
  name: string,
  { shape, data }: { readonly shape: readonly number[]; readonly data: Float32Array },
  itemSize: number,
):
  | { tensors: Map<string, { shape: number[]; data: Float32Array | Int32Array }>; layout: [string, string] }
  | undefined {
  if (shape.length !== 2) return undefined;
  const [rows, cols] = shape;
  let count = 0;
  for (let k = 0; k < data.length; k++) if (data[k] !== 0) count++;
  if (4 * (rows + 1) + count * (4 + itemSize) >= data.length * itemSize) return undefined;
  const { pointers, indices } = Topology.fromMask(data, rows, cols);
  const values = data.filter((value) => value !== 0);
  return {
    tensors: new Map<string, { shape: number[]; data: Float32Array | Int32Array }>([
      [`${name}.crow_indices`, { shape: [rows + 1], data: pointers }],
      [`${name}.col_indices`, { shape: [count], data: indices }],
      [`${name}.values`, { shape: [count], data: values }],
    ]),
    layout: [`${name}${layoutEnding}`, `csr ${rows}x${cols}`],
  };
}
