import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bytes, ModelFiles } from '../bytes.js';
import { InputError } from '../errors.js';

/** Longest file that is read as text, in bytes: V8 holds no string much longer. */
const longestText = 256 << 20;

/** Most bytes that one system call is asked for; Linux gives no more than 2 GiB. */
const readAtOnce = 1 << 30;

/**
 * A folder's files. Paths that lead out of the folder are taken for missing; links are followed.
 * @param name what to call the model in messages; the folder's path by default
 */
export function folderFiles(folder: string, name = folder): ModelFiles {
  const find = async (path: string) => {
    const inside = path
      .split('/')
      .every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:\0]/.test(part));
    const full = join(folder, path);
    const info = inside ? await stat(full).catch(() => undefined) : undefined;
    return info?.isFile() ? { full, size: info.size } : undefined;
  };
  const need = async (path: string) => {
    const found = await find(path);
    if (!found) throw new InputError(`${name} has no file ${path}`);
    return found;
  };
  return {
    name,
    has: async (path) => (await find(path)) !== undefined,
    text: async (path) => {
      const { full, size } = await need(path);
      if (size > longestText)
        throw new InputError(`${path} of ${name} has ${size} bytes, more than a text file should`);
      return readable(readFile(full, 'utf8'), full);
    },
    bytes: async (path) => {
      const { full, size } = await need(path);
      return fileBytes(full, size);
    },
  };
}

/**
 * A file that the user named, for random access.
 * @throws InputError when there is none
 */
export async function openFile(path: string): Promise<Bytes> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) throw new InputError(info ? `${path} is a folder; give a file` : `there is no file ${path}`);
  return fileBytes(path, info.size);
}

/** A file for random access. It is open only while it is read, so that there is nothing to close. */
function fileBytes(path: string, size: number): Bytes {
  return {
    size,
    read: async (offset, length) => {
      const file = await readable(open(path, 'r'), path);
      try {
        const data = new Uint8Array(length);
        let done = 0;
        while (done < length) {
          const { bytesRead } = await file.read(data, done, Math.min(readAtOnce, length - done), offset + done);
          if (bytesRead === 0) return data.slice(0, done);
          done += bytesRead;
        }
        return data;
      } finally {
        await file.close();
      }
    },
  };
}

async function readable<T>(reading: Promise<T>, path: string): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') throw new InputError(`cannot read ${path}: you have no permission to`);
    if (code === 'ENOENT') throw new InputError(`cannot read ${path}: it was removed`);
    throw error;
  }
}
