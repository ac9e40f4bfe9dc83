import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { memoryFiles } from '../bytes.js';
import { openCheckpoint } from '../nn/checkpoint.js';
import { loadTransformer } from '../nn/load.js';
import type { Transformer } from '../nn/transformer.js';
import { readPairs } from '../tasks/jsonl.js';
import type { Pair } from '../tasks/task.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** A file of the project. */
export const projectPath = (path: string): string => root + path;

/** Folder with the models and data of others: FILIGREE_SHARED, or `shared` beside the project. */
export const sharedPath = (path: string): string => `${process.env.FILIGREE_SHARED ?? `${root}../shared`}/${path}`;

/** Folder of a model that others made, or undefined, with a line that says so, where it is absent. */
export function sharedModel(name: string): string | undefined {
  const folder = sharedPath(`models/${name}`);
  if (existsSync(folder)) return folder;
  console.warn(`skipped: there is no ${folder}`);
  return undefined;
}

/** Loads a model's folder onto the default device. */
export async function loadFolder(folder: string): Promise<Transformer> {
  const names = ['config.json', 'model.safetensors', 'model.safetensors.index.json', 'tokenizer.json'];
  const shards = [1, 2].map((i) => `model-0000${i}-of-00002.safetensors`);
  const present = [...names, ...shards].filter((name) => existsSync(`${folder}/${name}`));
  const files = new Map(present.map((name) => [name, new Uint8Array(readFileSync(`${folder}/${name}`))]));
  return loadTransformer(await openCheckpoint(memoryFiles(folder, files)));
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

/** Pairs of token ids from a JSONL file of the fixtures. */
export function readFixturePairs(path: string): Pair[] {
  return readPairs(readFileSync(path, 'utf8'), { file: path, vocabulary: Number.POSITIVE_INFINITY });
}
