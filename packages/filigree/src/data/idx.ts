import { InputError } from '../errors.js';
import type { Table } from './table.js';

/** Bytes per number of the element types of the format, by code; only unsigned bytes are read. */
const unsignedByte = 0x08;

/** A table of an IDX file, with the lengths of its axes after the first: `[28, 28]` for images of that size. */
export interface IdxTable extends Table {
  readonly shape: readonly number[];
}

/** Whether bytes begin as IDX files of unsigned bytes do. */
export const isIdx = (bytes: Uint8Array): boolean =>
  bytes.length >= 8 && bytes[0] === 0 && bytes[1] === 0 && bytes[2] === unsignedByte && bytes[3] >= 1 && bytes[3] <= 8;

/**
 * Reads an IDX file of unsigned bytes, as MNIST has its images and labels: two zero bytes, the element type, the number of axes,
 * their lengths as 32-bit numbers, highest byte first, and the elements. The first axis are rows, the others the columns.
 * @param name what to call the file in messages
 * @param limit reads at most this many rows
 * @throws InputError for what is no such file, other element types, no rows, and files shorter or longer than their header says
 */
export function readIdx(bytes: Uint8Array, name: string, limit = Number.POSITIVE_INFINITY): IdxTable {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) throw new InputError(`${name} is not an IDX file`);
  if (bytes[2] !== unsignedByte) {
    throw new InputError(`${name} has elements of type 0x${bytes[2].toString(16)}; only unsigned bytes (0x8) are read`);
  }
  const axes = bytes[3];
  if (axes < 1 || axes > 8) throw new InputError(`${name} has ${axes} axes; an IDX file of data has 1 to 8`);
  const start = 4 + 4 * axes;
  if (bytes.length < start) throw new InputError(`${name} is cut short: its header alone takes ${start} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [all, ...shape] = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const columns = shape.reduce((product, length) => product * length, 1);
  if (!(all * columns === bytes.length - start)) {
    const wrong = all * columns > bytes.length - start ? 'is cut short' : 'is damaged';
    throw new InputError(
      `${name} ${wrong}: its header says ${all} rows of ${columns}, but ${bytes.length - start} bytes follow`,
    );
  }
  const rows = Math.min(all, limit);
  if (rows === 0 || columns === 0) throw new InputError(`${name} has no rows; give a file with at least one`);
  return { rows, columns, shape, values: Float64Array.from(bytes.subarray(start, start + rows * columns)) };
}
