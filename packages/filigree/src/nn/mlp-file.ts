import { z } from 'zod';
import type { Bytes } from '../bytes.js';
import { InputError } from '../errors.js';
import { loadSparse } from '../sparse/index.js';
import { tensor } from '../tensor/index.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { writeSafetensors } from '../tensor/safetensors-write.js';
import { unscoped } from '../tensor/scope.js';
import { parseJson, quote, validate } from '../validate.js';
import { Mlp } from './mlp.js';
import type { Parameter } from './optimiser.js';
import { storeParameters } from './training-state.js';

/** Largest side of a layer, and most layers, that a file may ask for. */
const widest = 2 ** 24;

const headerSchema = z.object({
  format: z.literal('filigree-mlp'),
  version: z.literal(1),
  sizes: z.array(z.number().int().min(1).max(widest)).min(2).max(1000),
  activation: z.enum(['relu', 'sigmoid', 'tanh']),
});

/**
 * A network as safetensors: `layers.0.weight` `[out, in]` where it is dense, else as `storeSparse` does; `layers.0.bias`; …; the
 * metadata `mlp` holds format, version, sizes and activation, `provenance` what the caller says of where it comes from.
 */
export async function saveMlp(model: Mlp, provenance: unknown = {}): Promise<Uint8Array<ArrayBuffer>> {
  const { tensors, metadata } = await storeParameters(model.parameters);
  const { sizes, activation = 'relu' } = model.options;
  metadata.mlp = JSON.stringify({ format: 'filigree-mlp', version: 1, sizes, activation });
  metadata.provenance = JSON.stringify(provenance);
  return writeSafetensors(tensors, metadata);
}

/**
 * Reads what `saveMlp` wrote.
 * @throws InputError where the file is damaged or of another kind
 */
export async function loadMlp(source: Bytes, name: string): Promise<Mlp> {
  const file = await readSafetensors(source, name);
  const text = file.metadata.mlp;
  if (text === undefined) throw new InputError(`${name} is not a network that filigree train or prune wrote`);
  const { sizes, activation } = validate(headerSchema, parseJson(text, name), name);
  const parameters = new Map<string, Parameter>();
  const dense = async (key: string, shape: readonly number[]) => {
    const { data, shape: there } = await file.load(key);
    if (!(data instanceof Float32Array) || there.join() !== shape.join()) {
      throw new InputError(`${name}: ${quote(key)} should be floats of shape [${shape}], not [${there}]`);
    }
    parameters.set(
      key,
      unscoped(() => tensor(data, shape)),
    );
  };
  try {
    for (let l = 0; l + 1 < sizes.length; l++) {
      const key = `layers.${l}.weight`;
      if (file.tensors.has(key)) await dense(key, [sizes[l + 1], sizes[l]]);
      else parameters.set(key, await loadSparse(file, key));
      await dense(`layers.${l}.bias`, [sizes[l + 1]]);
    }
    return new Mlp({ sizes, activation }, parameters);
  } catch (error) {
    for (const parameter of parameters.values()) parameter.dispose();
    throw error;
  }
}
