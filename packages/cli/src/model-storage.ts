import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Checkpoint, checkpointFiles, InputError, openCheckpoint, parameterShapes } from 'filigree';
import { openModelFiles, writeFileAtomic } from 'filigree/node';
import { count, table } from './table.js';

/** How many weights of a matrix are not zero. */
export interface MatrixFacts {
  readonly name: string;
  readonly shape: readonly number[];
  readonly weights: number;
  readonly density: number;
}

/** The matrices of a model that are stored by their nonzero weights. */
export function sparseMatrices({ config, sparse }: Checkpoint): MatrixFacts[] {
  const shapes = parameterShapes(config);
  return [...sparse].map(([name, weights]) => {
    const shape = shapes.get(name) ?? [];
    return { name, shape, weights, density: weights / shape.reduce((a, b) => a * b, 1) };
  });
}

export function matrixLines(facts: readonly MatrixFacts[]): string[] {
  const rows = facts.map(({ name, shape, weights, density }) => [
    ...[name, shape.join(' x '), count(weights)],
    `${(100 * density).toFixed(2)} %`,
  ]);
  return table(['stored by nonzero weights', 'shape', 'weights', 'density'], rows);
}

/**
 * Writes a model's folder again, its matrices whole or, where that takes less room, by their nonzero weights; values are F32.
 * @returns bytes of its parameters
 * @throws InputError where the folder to write holds something already, or the model's family cannot be written
 */
export async function storeModel(from: string, to: string, sparse: boolean): Promise<number> {
  const there = await stat(to).catch(() => undefined);
  if (there && !(there.isDirectory() && (await readdir(to)).length === 0)) {
    throw new InputError(`${to} is there already; give a new or empty folder.`);
  }
  const source = await openModelFiles(from);
  const checkpoint = await openCheckpoint(source);
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const name of parameterShapes(checkpoint.config).keys()) weights.set(name, await checkpoint.weights(name));
  const files = checkpointFiles(checkpoint.config, weights, undefined, { sparse });
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    if (await source.has(name)) files.set(name, new Uint8Array(await readFile(join(from, name))));
  }
  await mkdir(to, { recursive: true });
  for (const [name, bytes] of files) await writeFileAtomic(join(to, name), bytes);
  return files.get('model.safetensors')?.byteLength ?? 0;
}
