import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InputError } from 'filigree';

/** Files that a command will write, by option, such as `--out`; undefined where the option was not given. */
export type Outputs = Readonly<Record<string, string | undefined>>;

/**
 * Checks before the long work begins that every file can be written at its end. Throws InputError for a folder that is missing or
 * closed, a path that is a folder, and one path for two files.
 */
export async function checkOutputs(outputs: Outputs): Promise<void> {
  const taken = new Map<string, string>();
  for (const [option, path] of Object.entries(outputs)) {
    if (path === undefined) continue;
    const place = resolve(path);
    const other = taken.get(place);
    if (other !== undefined) throw new InputError(`${other} and ${option} both name ${path}; give each its own file.`);
    taken.set(place, option);
    const there = await stat(place).catch(() => undefined);
    if (path === '' || there?.isDirectory()) throw new InputError(`${option} ${path} is a folder; give a file's name.`);
    const folder = await stat(dirname(place)).catch(() => undefined);
    if (!folder?.isDirectory()) {
      throw new InputError(`${option} ${path}: there is no folder ${dirname(path)}; make it first.`);
    }
    const writable = await access(there && !there.isFile() ? place : dirname(place), constants.W_OK).then(
      () => true,
      () => false,
    );
    if (!writable) throw new InputError(`${option} ${path}: you have no permission to write there.`);
  }
}
