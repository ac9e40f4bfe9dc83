import { InputError } from '../errors.js';
import { itemSizes } from '../tensor/safetensors.js';
import { type WrittenType, writeSafetensors } from '../tensor/safetensors-write.js';
import { quote } from '../validate.js';
import type { TransformerConfig } from './config.js';
import { writeConfig } from './config-write.js';
import { parameterSources } from './names.js';
import { sparseParts } from './sparse-file.js';

export interface CheckpointFilesOptions {
  /** Element type of the parameters; default F32. */
  readonly dtype?: WrittenType;
  /** What `tokenizer_config.json` is to hold; left out by default. */
  readonly tokenizerConfig?: unknown;
  /** Stores matrices by their nonzero weights (as `storeSparse` does, csr) where that takes less room; false by default. */
  readonly sparse?: boolean;
  /** Free text for the safetensors file, such as how the model was made. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a model of the Llama family, or of our own, in Hugging Face layout.
 * @param weights values by our names (see `parameterShapes`), linear maps as [out, in]
 * @param tokenizerJson what `tokenizer.json` is to hold; undefined leaves it out
 * @returns the files' bytes by name
 * @throws InputError when a parameter is missing, unknown or of a wrong shape, or the family's files cannot say the configuration
 */
export function checkpointFiles(
  config: TransformerConfig,
  weights: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
  tokenizerJson?: unknown,
  options: CheckpointFilesOptions = {},
): Map<string, Uint8Array<ArrayBuffer>> {
  const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
  const dtype = options.dtype ?? 'F32';
  const torchType = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }[dtype];
  const files = new Map([['config.json', json({ ...writeConfig(config), torch_dtype: torchType })]]);
  const sources = parameterSources(config);
  for (const name of weights.keys()) {
    if (!sources.has(name)) throw new InputError(`a model of this configuration has no parameter ${quote(name)}`);
  }
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array | Int32Array }>();
  const layouts: Record<string, string> = {};
  for (const [name, { stored, shape }] of sources) {
    const weight = weights.get(name);
    if (!weight) throw new InputError(`cannot write the model: its parameter ${name} is missing`);
    if (weight.shape.join() !== shape.join()) {
      throw new InputError(`cannot write the model: its parameter ${name} has shape [${weight.shape}], not [${shape}]`);
    }
    const file = stored.startsWith('lm_head') ? stored : `model.${stored}`;
    const sparse = options.sparse ? sparseParts(file, weight, itemSizes[dtype]) : undefined;
    if (sparse) {
      for (const [part, value] of sparse.tensors) tensors.set(part, value);
      layouts[sparse.layout[0]] = sparse.layout[1];
    } else tensors.set(file, weight);
  }
  files.set('model.safetensors', writeSafetensors(tensors, { format: 'pt', ...layouts, ...options.metadata }, dtype));
  if (tokenizerJson !== undefined) files.set('tokenizer.json', json(tokenizerJson));
  if (options.tokenizerConfig !== undefined) files.set('tokenizer_config.json', json(options.tokenizerConfig));
  return files;
}
