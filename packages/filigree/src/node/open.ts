import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ModelFiles } from '../bytes.js';
import { InputError } from '../errors.js';
import { folderFiles } from './files.js';
import { type HubOptions, hubFiles, isHubId } from './hub.js';

/**
 * The files of a model given as users do: the path of a folder, or, where there is no such folder, a Hub id.
 * @throws InputError when it is neither, or the download fails (see `hubFiles`)
 */
export async function openModelFiles(nameOrPath: string, options: HubOptions = {}): Promise<ModelFiles> {
  const there = await stat(nameOrPath).catch(() => undefined);
  if (there?.isDirectory()) return folderFiles(nameOrPath);
  if (there) {
    throw new InputError(
      `${nameOrPath} is a file; give the folder that has ${basename(nameOrPath)}, config.json and the rest`,
    );
  }
  if (isHubId(nameOrPath)) return hubFiles(nameOrPath, options);
  throw new InputError(
    `there is no folder ${nameOrPath}; give the path of a model's folder, or a Hub id such as org/name`,
  );
}
