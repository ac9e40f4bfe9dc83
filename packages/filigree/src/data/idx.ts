import { InputError } from '../errors.js';
import type { Dataset } from './dataset.js';

/** An array of unsigned bytes as IDX files hold it (MNIST and its kin). */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Most bytes that an IDX file may unpack to. */
const largest = 2 ** 30;

/**
 * Reads an IDX file of unsigned bytes, packed by gzip or not: two zero bytes, the type 8, the number of dimensions, each dimension as
 * 32 bits with the high byte first, then the bytes.
 * @param name what to call the file in messages
 * @throws InputError for another format, a file that is cut short or too long, and one that unpacks to more than 1 GiB
 */
export async function readIdx(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<IdxArray> {
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const data = packed ? await gunzip(bytes, name) : bytes;
  const dimensions = data[3];
  if (data.length < 4 || data[0] !== 0 || data[1] !== 0 || data[2] !== 8 || dimensions === 0) {
    throw new InputError(`${name} is not an IDX file of unsigned bytes (such as those of MNIST)`);
  }
  const start = 4 + 4 * dimensions;
  if (data.length < start) throw new InputError(`${name} is cut short in its header`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const shape = Array.from({ length: dimensions }, (_, d) => view.getUint32(4 + 4 * d));
  const size = shape.reduce((a, b) => a * b, 1);
  if (data.length !== start + size) {
    throw new InputError(
      `${name} should hold ${shape.join(' x ')} bytes after its header, but has ${data.length - start}`,
    );
  }
  return { shape, data: data.subarray(start) };
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

async function gunzip(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new InputError(`${name} is damaged: it cannot be unpacked`);
    });
    if (done) break;
    size += value.length;
    if (size > largest) {
      await reader.cancel();
      throw new InputError(`${name} unpacks to more than ${largest / 2 ** 20} MiB`);
    }
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
