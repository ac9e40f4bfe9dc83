import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { InputError } from 'filigree';
import { readTextFile } from './open.js';

/** Endings of the files that are read out of a folder. */
const endings = ['.txt', '.md', '.py', '.js', '.ts'];

/**
 * The texts of files, and of the text files in folders and in the folders within them, each a document, in order of their paths.
 * Throws InputError for a path that cannot be read, and where there is no text.
 */
export async function readTexts(paths: readonly string[]): Promise<string[]> {
  const texts: string[] = [];
  for (const path of paths) {
    const there = await stat(path).catch(() => undefined);
    for (const file of there?.isDirectory() ? await textFiles(path) : [path]) texts.push(await readTextFile(file));
  }
  if (texts.every((text) => text.trim() === '')) {
    throw new InputError(
      `${paths.join(', ')}: there is no text; from folders, files ending in ${endings.join(', ')} are read.`,
    );
  }
  return texts;
}

async function textFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && endings.includes(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
