import type { Bytes, ModelFiles } from '../bytes.js';
import { InputError } from '../errors.js';

/** A file of a server: its path inside the folder, and its length in bytes. */
export interface ServedFile {
  readonly path: string;
  readonly size: number;
}

/** Longest file that is fetched whole at its first use; of longer ones only the parts that are read. */
const wholeUpTo = 64 << 20;
/** Longest file that is read as text. */
const longestText = 256 << 20;

/**
 * A folder behind an address that ends in a slash. Which files there are is told beforehand, so that nothing is asked in vain.
 * @param name what to call the model in messages
 */
export function servedFiles(base: string, files: readonly ServedFile[], name: string): ModelFiles {
  const sizes = new Map(files.map(({ path, size }) => [path, size]));
  const whole = new Map<string, Promise<Uint8Array>>();
  const get = async (path: string, range?: [from: number, to: number]): Promise<Uint8Array> => {
    const headers = range ? { range: `bytes=${range[0]}-${range[1] - 1}` } : undefined;
    const address = base + path.split('/').map(encodeURIComponent).join('/');
    const answer = await fetch(address, { headers }).catch(() => undefined);
    if (!answer) throw new InputError(`${path} of ${name} cannot be read: the server does not answer`);
    if (!answer.ok) throw new InputError(`${path} of ${name} cannot be read: the server answered ${answer.status}`);
    return new Uint8Array(await answer.arrayBuffer());
  };
  const entire = (path: string): Promise<Uint8Array> => {
    const found = whole.get(path) ?? get(path);
    whole.set(path, found);
    return found;
  };
  return listed(name, sizes, (path, size) => ({
    size,
    read: async (offset, length) => {
      const part =
        size <= wholeUpTo
          ? (await entire(path)).subarray(offset, offset + length)
          : await get(path, [offset, offset + length]);
      return new Uint8Array(part);
    },
  }));
}

/** What the library uses of a browser's `Blob` or `File`. */
export interface BlobLike {
  readonly size: number;
  slice(from: number, to: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** Files that the user gave to the page, by path. Only the parts that are read are taken into memory. */
export function blobFiles(name: string, files: ReadonlyMap<string, BlobLike>): ModelFiles {
  const sizes = new Map([...files].map(([path, { size }]) => [path, size]));
  return listed(name, sizes, (path, size) => ({
    size,
    read: async (offset, length) =>
      new Uint8Array(await (files.get(path) as BlobLike).slice(offset, offset + length).arrayBuffer()),
  }));
}

function listed(
  name: string,
  sizes: ReadonlyMap<string, number>,
  open: (path: string, size: number) => Bytes,
): ModelFiles {
  const bytes = (path: string): Bytes => {
    const size = sizes.get(path);
    if (size === undefined) throw new InputError(`${name} has no file ${path}`);
    return open(path, size);
  };
  return {
    name,
    has: async (path) => sizes.has(path),
    text: async (path) => {
      const file = bytes(path);
      if (file.size > longestText)
        throw new InputError(`${path} of ${name} has ${file.size} bytes, more than a text file should`);
      return new TextDecoder().decode(await file.read(0, file.size));
    },
    bytes: async (path) => bytes(path),
  };
}
