import { InputError } from '../errors.js';
import type { Dataset } from './dataset.js';
import { unpacked } from './gzip.js';
import type { Table } from './table.js';

/** An array of unsigned bytes as IDX files hold it (MNIST and its kin). */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** A table of an IDX file, with the lengths of its axes after the first: `[28, 28]` for images of that size. */
export interface IdxTable extends Table {
  readonly shape: readonly number[];
}

const unsignedByte = 0x08;

/** Whether bytes begin as IDX files of unsigned bytes do. */
export const isIdx = (bytes: Uint8Array): boolean =>
  bytes.length >= 8 && bytes[0] === 0 && bytes[1] === 0 && bytes[2] === unsignedByte && bytes[3] >= 1 && bytes[3] <= 8;

/**
 * Reads an IDX file of unsigned bytes, packed by gzip or not: two zero bytes, the element type, the number of axes, their lengths as
 * 32-bit numbers, highest byte first, and the elements.
 * @param name what to call the file in messages
 * @throws InputError for what is no such file, other element types, a file shorter or longer than its header says, and one that unpacks
 * to more than 1 GiB
 */
export async function readIdx(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<IdxArray> {
  const data = await unpacked(bytes, name);
  if (data.length < 4 || data[0] !== 0 || data[1] !== 0) {
    throw new InputError(`${name} is not an IDX file of unsigned bytes (such as those of MNIST)`);
  }
  if (data[2] !== unsignedByte) {
    throw new InputError(`${name} has elements of type 0x${data[2].toString(16)}; only unsigned bytes (0x8) are read`);
  }
  const axes = data[3];
  if (axes < 1 || axes > 8) throw new InputError(`${name} has ${axes} axes; an IDX file of data has 1 to 8`);
  const start = 4 + 4 * axes;
  if (data.length < start) throw new InputError(`${name} is cut short in its header`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, length) => product * length, 1);
  if (data.length !== start + size) {
    const wrong = size > data.length - start ? 'is cut short' : 'is damaged';
    throw new InputError(
      `${name} ${wrong}: its header says ${shape.join(' x ')} bytes, but ${data.length - start} follow`,
    );
  }
  return { shape, data: data.subarray(start) };
}

/**
 * An array as a table: the first axis are rows, the others the columns.
 * @param limit takes at most this many rows
 * @throws InputError where there are no rows
 */
export function idxTable({ shape: [all, ...shape], data }: IdxArray, name: string, limit = all): IdxTable {
  const columns = shape.reduce((product, length) => product * length, 1);
  const rows = Math.min(all, limit);
  if (rows === 0 || columns === 0) throw new InputError(`${name} has no rows; give a file with at least one`);
  return { rows, columns, shape, values: Float64Array.from(data.subarray(0, rows * columns)) };
}

/** Pictures and their labels as samples: bytes divided by 255. Throws InputError where the two files do not belong together. */
export function idxDataset(images: IdxArray, labels: IdxArray, name: string): Dataset {
  const [samples, ...sides] = images.shape;
  if (labels.shape.length !== 1 || labels.shape[0] !== samples) {
    throw new InputError(`${name}: ${samples} pictures, but labels of shape [${labels.shape}]`);
  }
  const features = sides.reduce((a, b) => a * b, 1);
  let top = 0;
  for (const label of labels.data) top = Math.max(top, label);
  return {
    name,
    samples,
    features,
    classes: top + 1,
    inputs: Float32Array.from(images.data, (byte) => byte / 255),
    labels: Int32Array.from(labels.data),
  };
}
