import { memoryFiles } from '../bytes.js';
import { writeSafetensors } from '../tensor/safetensors-write.js';

export type Tensors = Map<string, { shape: readonly number[]; data: Float32Array }>;

export const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** Different values in every tensor, exact in 16 bits. */
export function numbered(shapes: Iterable<[string, readonly number[]]>): Tensors {
  let next = 0;
  const fill = (shape: readonly number[]) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => next++ % 251);
  return new Map([...shapes].map(([name, shape]) => [name, { shape, data: fill(shape) }]));
}

/** A model's folder of one file of parameters. */
export const filesOf = (config: object, tensors: Tensors, name = 'tiny') =>
  memoryFiles(
    name,
    new Map([
      ['config.json', encode(config)],
      ['model.safetensors', writeSafetensors(tensors)],
    ]),
  );
