import { InputError } from '../errors.js';
import type { Device } from '../kernels/index.js';
import { tensor } from '../tensor/index.js';
import type { LoadedTensor, Safetensors } from '../tensor/safetensors.js';
import { quote } from '../validate.js';
import { Layout } from './layout.js';
import { parseLayout, storedSize } from './packing.js';
import { SparseTensor } from './sparse-tensor.js';
import { Topology } from './topology.js';

/** What `writeSafetensors` takes: tensors by name, and free text by name. */
export interface StoredSparse {
  readonly tensors: Map<string, { readonly shape: readonly number[]; readonly data: Float32Array | Int32Array }>;
  readonly metadata: Record<string, string>;
}

/**
 * A sparse weight as safetensors, whatever its layout, in compressed sparse rows: `NAME.crow_indices` (I32, `[rows + 1]`),
 * `NAME.col_indices` (I32, `[size]`, ascending in each row) and `NAME.values` (`[size]`, in that order), as PyTorch's
 * `sparse_csr_tensor` takes them; the metadata `NAME.layout` holds the layout's name and the shape, `block 4x1 1024x768`.
 */
export async function storeSparse(name: string, w: SparseTensor): Promise<StoredSparse> {
  const { layout } = w;
  const { support, places, size } = layout;
  const packed = await w.values.data();
  const values = Float32Array.from(places, (place) => packed[place]);
  return {
    tensors: new Map([
      [`${name}.crow_indices`, { shape: [layout.rows + 1], data: support.pointers }],
      [`${name}.col_indices`, { shape: [size], data: support.indices }],
      [`${name}.values`, { shape: [size], data: values }],
    ]),
    metadata: { [`${name}.layout`]: `${layout.name} ${layout.rows}x${layout.cols}` },
  };
}

/**
 * A sparse weight as others read it: one plain tensor of that name, `[rows, cols]`, zeros where there is no weight; for files in Hugging
 * Face layout.
 */
export async function storeDense(name: string, w: SparseTensor): Promise<StoredSparse> {
  const data = Float32Array.from(await w.toDense());
  return { tensors: new Map([[name, { shape: [...w.shape], data }]]), metadata: {} };
}

/**
 * Reads what `storeSparse` wrote, to the layout it had.
 * @throws InputError where a part is missing, has the wrong type or the parts do not fit one another
 */
export async function loadSparse(file: Safetensors, name: string, device?: Device): Promise<SparseTensor> {
  const text = file.metadata[`${name}.layout`];
  const match = /^(.*) (\d+)x(\d+)$/.exec(text ?? '');
  if (!match) {
    throw new InputError(
      `the file holds no sparse weight ${quote(name)}: its metadata has ${text === undefined ? 'no' : 'a bad'} "${name}.layout"`,
    );
  }
  const [rows, cols] = [Number(match[2]), Number(match[3])];
  const integers = async (part: string): Promise<Int32Array> => {
    const { data } = await file.load(`${name}.${part}`);
    if (data instanceof Int32Array) return data;
    throw new InputError(`tensor ${quote(`${name}.${part}`)} has to hold 32-bit integers (I32)`);
  };
  const support = Topology.fromRows(rows, cols, await integers('crow_indices'), await integers('col_indices'));
  const spec = parseLayout(match[1]);
  if (storedSize(support, spec) !== support.size) {
    throw new InputError(
      `sparse weight ${quote(name)} is not of layout ${match[1]}: its blocks or groups are not whole`,
    );
  }
  const layout = new Layout(support, spec);
  const { data }: LoadedTensor = await file.load(`${name}.values`);
  if (!(data instanceof Float32Array) || data.length !== layout.size) {
    throw new InputError(
      `tensor ${quote(`${name}.values`)} has to hold ${layout.size} floats for layout ${layout.name}`,
    );
  }
  const packed = new Float32Array(layout.size);
  layout.places.forEach((place, slot) => {
    packed[place] = data[slot];
  });
  return new SparseTensor(tensor(packed, [layout.size], undefined, device), layout);
}
