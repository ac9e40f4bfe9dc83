import { setFlagsFromString } from 'node:v8';
import {
  type Checkpoint,
  defaultMemory,
  InputError,
  loadTransformer,
  parameterShapes,
  type Transformer,
} from 'filigree';
import { startEngine } from 'filigree/node';
import type { EngineOptions } from './options.js';

/** Share of what weights leave of --memory that batches are planned for; the rest is for what the plan's estimate misses. */
const planned = 0.75;

/** Starts the engine and loads a model onto it. `memory` is what activations may take, in bytes. */
export async function loadModel(
  checkpoint: Checkpoint,
  options: EngineOptions,
): Promise<{ model: Transformer; memory: number }> {
  const weights = 4 * countParameters(checkpoint);
  const limit = options.memory;
  if (limit !== undefined && weights >= limit) {
    throw new InputError(
      `The weights of ${checkpoint.name} alone need ${mebibytes(weights)} MiB, more than the ${Math.floor(limit / 2 ** 20)} MiB allowed; raise --memory.`,
    );
  }
  allowRelaxedSimd();
  startEngine({ threads: options.threads, maxBytes: limit });
  const memory = limit === undefined ? defaultMemory : Math.floor((limit - weights) * planned);
  return { model: await loadTransformer(checkpoint), memory };
}

/** Number of a model's parameters; tied ones count once. */
export function countParameters({ config }: Checkpoint): number {
  let count = 0;
  for (const shape of parameterShapes(config).values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

const mebibytes = (count: number): number => Math.ceil(count / 2 ** 20);

/** Node 20 has fused multiply-add behind a flag; later ones have it on. It must be set before the first module is compiled. */
export function allowRelaxedSimd(): void {
  if (Number(process.versions.node.split('.')[0]) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd');
}
