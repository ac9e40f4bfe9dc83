import { readFile, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { type Checkpoint, InputError, openCheckpoint, type Tokenizer } from 'filigree';
import { isHubId, openModelFiles } from 'filigree/node';
import type { Session } from './session.js';

/** A model whose files have been checked, but whose weights are not loaded yet. */
export interface Opened {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer | undefined;
  /** What to call the model in tables and files: the folder's own name, or the Hub id. */
  readonly label: string;
}

/** Opens a model's folder, or downloads it from the Hub. */
export async function openModel(nameOrPath: string, session: Session): Promise<Opened> {
  const files = await session.during(`downloading ${nameOrPath}`, ({ signal, onProgress }) =>
    openModelFiles(nameOrPath, {
      signal,
      onProgress: (_, done, total) => onProgress({ done, total, unit: 'bytes' }),
    }),
  );
  const checkpoint = await openCheckpoint(files);
  const tokenizer = (await files.has('tokenizer.json')) ? await checkpoint.tokenizer() : undefined;
  const folder = (await stat(nameOrPath).catch(() => undefined))?.isDirectory();
  const label = !folder && isHubId(nameOrPath) ? nameOrPath : basename(resolve(nameOrPath));
  return { checkpoint, tokenizer, label };
}

/** Longest file that is read whole, in bytes. */
const longest = 256 * 2 ** 20;

/** The text of a file that the user named. Throws InputError when it cannot be read. */
export async function readTextFile(path: string): Promise<string> {
  return (await readBinaryFile(path)).toString('utf8');
}

/** The bytes of a file that the user named. Throws InputError when it cannot be read. */
export async function readBinaryFile(path: string): Promise<Buffer<ArrayBuffer>> {
  try {
    const { size } = await stat(path);
    if (size > longest) throw new InputError(`${path} has ${size} bytes, more than the 256 MiB that can be read.`);
    return await readFile(path);
  } catch (error) {
    const reason = { ENOENT: 'there is no such file', EISDIR: 'it is a folder', EACCES: 'you may not read it' }[
      (error as NodeJS.ErrnoException).code ?? ''
    ];
    throw reason ? new InputError(`Cannot read ${path}: ${reason}.`) : error;
  }
}

/** The content of a JSON file that the user named. */
export async function readJsonFile(path: string): Promise<unknown> {
  const text = await readTextFile(path);
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`${path} is not valid JSON; it may be damaged or cut short.`);
  }
}
