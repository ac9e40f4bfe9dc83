import { Scope, type Tensor, tensor } from '../tensor/index.js';
import type { Checkpoint } from './checkpoint.js';
import { parameterShapes } from './parameters.js';
import { Transformer } from './transformer.js';

/** Reads all parameters of a checkpoint onto the default device. Throws InputError when a file is damaged. */
export async function loadTransformer(checkpoint: Checkpoint): Promise<Transformer> {
  const parameters = new Map<string, Tensor>();
  const owner = new Scope();
  try {
    for (const name of parameterShapes(checkpoint.config).keys()) {
      const { data, shape } = await checkpoint.weights(name);
      owner.run(() => parameters.set(name, tensor(data, shape)));
    }
  } catch (error) {
    owner.dispose();
    throw error;
  }
  for (const parameter of parameters.values()) owner.release(parameter);
  return new Transformer(checkpoint.config, parameters);
}
