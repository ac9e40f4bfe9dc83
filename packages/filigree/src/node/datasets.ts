import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from '../data/index.js';
import { idxDataset, labelledTable, readIdx, readTable } from '../data/index.js';
import { InputError } from '../errors.js';

/** Most bytes of a file of samples. */
const largest = 2 ** 30;

/**
 * Opens samples with their classes: a CSV file (`label` names its column of classes), or a folder with a pair of IDX files as MNIST has
 * them, `NAME-images-idx3-ubyte` and `NAME-labels-idx1-ubyte`, packed (`.gz`) or not.
 * @throws InputError where there is nothing of the kind, or it is damaged
 */
export async function openDataset(path: string, options: { label?: string } = {}): Promise<Dataset> {
  const there = await stat(path).catch(() => undefined);
  if (!there) throw new InputError(`there is no file or folder ${path}`);
  if (!there.isDirectory()) {
    const text = new TextDecoder().decode(await load(path));
    return labelledTable(readTable(text, path), path, options.label);
  }
  const names = await readdir(path);
  const images = names.filter((name) => /-images[.-]idx3-ubyte(\.gz)?$/.test(name)).sort();
  if (images.length !== 1) {
    const found = images.length === 0 ? 'no file' : images.join(', ');
    throw new InputError(
      `${path} should hold one pair of IDX files, NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte; there is ${found}`,
    );
  }
  const prefix = images[0].slice(0, images[0].indexOf('-images'));
  const labels = names.find((name) => name.startsWith(`${prefix}-labels`));
  if (!labels) throw new InputError(`${path} has ${images[0]}, but no labels for it`);
  const read = async (name: string) => readIdx(await load(join(path, name)), join(path, name));
  return idxDataset(await read(images[0]), await read(labels), path);
}

async function load(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await stat(path);
  if (size > largest)
    throw new InputError(`${path} has ${Math.ceil(size / 2 ** 20)} MiB; ${largest / 2 ** 20} are read at most`);
  return new Uint8Array(await readFile(path));
}
