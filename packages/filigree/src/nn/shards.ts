import { z } from 'zod';
import type { ModelFiles } from '../bytes.js';
import { InputError } from '../errors.js';
import { readSafetensors, type Safetensors } from '../tensor/safetensors.js';
import { parseJson, quote, validate } from '../validate.js';
import { type ModelTensors, withSparseMatrices } from './sparse-file.js';

const single = 'model.safetensors';
const index = 'model.safetensors.index.json';

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens a model's tensors: `model.safetensors`, in which matrices may be stored by their nonzero weights, or the shards that `model.safetensors.index.json` names.
 * @throws InputError when neither is there, a shard is missing or damaged, or the index and the shards disagree
 */
export async function openTensors(files: ModelFiles): Promise<ModelTensors> {
  if (await files.has(single)) return withSparseMatrices(await readSafetensors(await files.bytes(single), single));
  if (!(await files.has(index))) {
    throw new InputError(`${files.name} has neither ${single} nor ${index}; only safetensors checkpoints can be read`);
  }
  const map = Object.entries(validate(indexSchema, parseJson(await files.text(index), index), index).weight_map);
  const shards = new Map<string, Safetensors>();
  for (const shard of new Set(map.map(([, file]) => file))) {
    // A shard lies beside its index: a path that leads elsewhere is not followed.
    if (!/^[\w-][\w.-]*\.safetensors$/.test(shard)) {
      throw new InputError(`${index} names ${quote(shard)}, which is not the name of a safetensors file`);
    }
    if (!(await files.has(shard))) throw new InputError(`${files.name} has no ${shard}, which its ${index} names`);
    shards.set(shard, await readSafetensors(await files.bytes(shard), shard));
  }
  const home = new Map<string, Safetensors>();
  for (const [name, shard] of map) {
    const tensors = shards.get(shard);
    if (!tensors?.tensors.has(name))
      throw new InputError(`${shard} has no tensor ${quote(name)}, which ${index} puts there`);
    home.set(name, tensors);
  }
  for (const [shard, { tensors }] of shards) {
    for (const name of tensors.keys()) {
      if (home.get(name)?.tensors !== tensors) {
        throw new InputError(`${shard} has a tensor ${quote(name)}, which ${index} does not put there`);
      }
    }
  }
  const find = (name: string) => {
    const tensors = home.get(name);
    if (!tensors) throw new InputError(`${files.name} has no tensor ${quote(name)}`);
    return tensors;
  };
  return {
    tensors: new Map([...shards.values()].flatMap((shard) => [...shard.tensors])),
    raw: async (name, start, length) => find(name).raw(name, start, length),
    load: async (name) => find(name).load(name),
    sparse: new Map(),
  };
}
