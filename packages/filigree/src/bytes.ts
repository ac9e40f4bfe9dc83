import { InputError } from './errors.js';

/** A file, or anything else that can be read at any place. */
export interface Bytes {
  /** Length in bytes. */
  readonly size: number;
  /**
   * Reads `length` bytes from `offset` (both in bytes, within `size`). The array is fresh: the caller may keep it, change it,
   * and view its buffer from its `byteOffset`.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** The files of a model, wherever they are: a folder, a cache, a map in memory. Paths are relative, with `/` between parts. */
export interface ModelFiles {
  /** What to call the model in messages: the folder or the Hub id. */
  readonly name: string;
  has(path: string): Promise<boolean>;
  /** The file as UTF-8 text. Throws InputError when it is missing. */
  text(path: string): Promise<string>;
  /** The file for random access. Throws InputError when it is missing. */
  bytes(path: string): Promise<Bytes>;
}

/** Bytes that are in memory already. */
export function memoryBytes(data: Uint8Array): Bytes {
  return {
    size: data.byteLength,
    // Not slice: that of a Node Buffer is a view.
    read: async (offset, length) => new Uint8Array(data.subarray(offset, offset + length)),
  };
}

/** Files that are in memory already, such as those a checkpoint writer returns. */
export function memoryFiles(name: string, files: ReadonlyMap<string, Uint8Array>): ModelFiles {
  const find = (path: string) => {
    const data = files.get(path);
    if (!data) throw new InputError(`${name} has no file ${path}`);
    return data;
  };
  return {
    name,
    has: async (path) => files.has(path),
    text: async (path) => new TextDecoder().decode(find(path)),
    bytes: async (path) => memoryBytes(find(path)),
  };
}
