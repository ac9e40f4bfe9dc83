import { randomBytes } from 'node:crypto';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../errors.js';

/**
 * Writes a file so that it is there whole or not at all: beside it, to the disk, then renamed over it. A link is followed; what
 * is not a regular file, such as /dev/stdout, is written to directly.
 * @throws InputError when the place cannot be written to; nothing is left behind
 */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  await replaceFile(path, (file) => file.writeFile(data));
}

/** As `writeFileAtomic`, with what `write` puts into the open file. */
export async function replaceFile(path: string, write: (file: FileToWrite) => Promise<unknown>): Promise<void> {
  try {
    const target = await realpath(path).catch(() => path);
    const there = await stat(target).catch(() => undefined);
    if (there?.isDirectory()) throw new InputError(`cannot write ${path}: it is a folder`);
    if (there && !there.isFile()) return await writeThrough(target, 'w', write);
    const beside = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
    try {
      await writeThrough(beside, 'wx', write);
      await rename(beside, target);
    } catch (error) {
      await rm(beside, { force: true });
      throw error;
    }
  } catch (error) {
    throw explain(error, path);
  }
}

/** What a writer may do with the open file. */
export interface FileToWrite {
  writeFile(data: Uint8Array | string): Promise<void>;
  write(data: Uint8Array): Promise<{ bytesWritten: number }>;
}

async function writeThrough(
  path: string,
  flags: 'w' | 'wx',
  write: (file: FileToWrite) => Promise<unknown>,
): Promise<void> {
  const file = await open(path, flags);
  try {
    await write(file);
    // Terminals and pipes cannot be synchronised, and need not be.
    if (flags === 'wx') await file.sync();
  } finally {
    await file.close();
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist; make it first',
  ENOTDIR: 'a part of its path is not a folder',
  EACCES: 'you have no permission to write there',
  EPERM: 'you have no permission to write there',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENAMETOOLONG: 'the name is too long',
};

function explain(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return Object.hasOwn(reasons, code) ? new InputError(`cannot write ${path}: ${reasons[code]}`) : error;
}
