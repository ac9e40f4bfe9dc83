import type { ModelFiles } from '../bytes.js';
import { InputError } from '../errors.js';
import type { LoadedTensor, Safetensors } from '../tensor/safetensors.js';
import { parseJson, quote } from '../validate.js';
import { readConfig, type TransformerConfig } from './config.js';
import { isIgnored, parameterSources, type Source, withoutPrefix } from './names.js';
import { openTensors } from './shards.js';
import { readTokenizer, type Tokenizer } from './tokenizer.js';

export type { ModelFiles } from '../bytes.js';

/** A parameter's values, row-major. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export interface Checkpoint {
  readonly name: string;
  readonly config: TransformerConfig;
  /**
   * Loads a parameter by our name (see `parameterShapes`), a linear map as [out, in]. `unembed.weight` of a tied model is its
   * embedding.
   * @throws InputError when the model has no such parameter or its file has changed
   */
  weights(name: string): Promise<Weight>;
  /** Nonzero weights of the parameters that are stored by them, by our names; other parameters are stored whole. */
  readonly sparse: ReadonlyMap<string, number>;
  /**
   * Reads the model's tokenizer, once.
   * @throws InputError when it is missing, of an unsupported kind or does not fit the model
   */
  tokenizer(): Promise<Tokenizer>;
  /** SHA-256, hexadecimal, of the configuration and all parameters as stored; it does not depend on how they are sharded. */
  hash(): Promise<string>;
}

/** Element types in which parameters may be stored. */
const parameterTypes = new Set(['F64', 'F32', 'F16', 'BF16']);

/**
 * Opens a checkpoint in Hugging Face layout: `config.json`, one or several safetensors files, `tokenizer.json`. Every parameter is
 * checked to be there with the shape that the configuration gives it; values are read when asked for.
 * @throws InputError when a file is missing or damaged, a tensor is missing, unknown or of a wrong shape or element type, or the
 * configuration asks for what is not supported
 */
export async function openCheckpoint(files: ModelFiles): Promise<Checkpoint> {
  const config = readConfig(parseJson(await files.text('config.json'), 'config.json'));
  const tensors = await openTensors(files);
  const sources = parameterSources(config);
  const fileNames = namesInFile(tensors, sources, config, files.name);
  let tokenizer: Promise<Tokenizer> | undefined;
  const sparse = new Map<string, number>();
  for (const [name, { stored }] of sources) {
    const weights = tensors.sparse.get(fileNames.get(stored) as string);
    if (weights !== undefined) sparse.set(name, weights);
  }
  return {
    name: files.name,
    config,
    sparse,
    weights: async (asked) => {
      const name = config.tied && asked === 'unembed.weight' ? 'embed.weight' : asked;
      const source = sources.get(name);
      if (!source) throw new InputError(`${files.name} has no parameter ${quote(asked)}`);
      return takePart(await tensors.load(fileNames.get(source.stored) as string), source);
    },
    tokenizer: () => {
      tokenizer ??= readTokenizer(files, config);
      return tokenizer;
    },
    hash: () => hashTensors(config, tensors, fileNames),
  };
}

/** The file's name of each stored tensor that parameters are read from, once all are known to be there and to fit. */
function namesInFile(
  { tensors }: Pick<Safetensors, 'tensors'>,
  sources: ReadonlyMap<string, Source>,
  config: TransformerConfig,
  model: string,
): Map<string, string> {
  const wanted = new Map([...sources.values()].map((source) => [source.stored, source.storedShape]));
  const found = new Map<string, string>();
  for (const [name, { shape, dtype }] of tensors) {
    const stored = withoutPrefix(name);
    const expected = wanted.get(stored);
    if (!expected) {
      if (isIgnored(stored, config)) continue;
      throw new InputError(
        `${model} has a tensor ${quote(name)}, which a ${config.architecture} model of this config.json has not`,
      );
    }
    if (found.has(stored))
      throw new InputError(`${model} has the tensor ${quote(name)} twice, with and without a prefix`);
    if (shape.join() !== expected.join()) {
      throw new InputError(
        `tensor ${quote(name)} of ${model} has shape [${shape.slice(0, 8)}]; config.json asks for [${expected}]`,
      );
    }
    if (!parameterTypes.has(dtype)) {
      throw new InputError(
        `tensor ${quote(name)} of ${model} is stored as ${dtype}; only F64, F32, F16 and BF16 can be read`,
      );
    }
    found.set(stored, name);
  }
  const missing = [...wanted.keys()].filter((stored) => !found.has(stored));
  if (missing.length > 0) {
    const others = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
    throw new InputError(`${model} has no tensor ${quote(missing[0])}${others}, which its config.json asks for`);
  }
  return found;
}

/** The parameter's own outputs of a stored tensor, as [out, in] and f32. */
function takePart({ data: all }: LoadedTensor, source: Source): Weight {
  const { shape, outputs, transposed, storedShape, offset } = source;
  const [out, inputs = 1] = shape;
  // Only F64 arrives as anything but f32, and the integer types were refused when the checkpoint was opened.
  const values = all instanceof Float32Array ? all : Float32Array.from(all as Float64Array);
  if (!transposed && values.length === out * inputs) {
    return { shape, data: offset === 0 ? values : values.map((value) => value + offset) };
  }
  const data = new Float32Array(out * inputs);
  const [between, within] = transposed ? [1, storedShape[1]] : [inputs, 1];
  for (let o = 0; o < out; o++) {
    const from = outputs.first + Math.floor(o / outputs.run) * outputs.stride + (o % outputs.run);
    for (let i = 0; i < inputs; i++) data[o * inputs + i] = values[from * between + i * within];
  }
  return { shape, data };
}

/** Bytes hashed at a time. WebCrypto hashes only what is whole in memory, so pieces are hashed, then the list of their hashes. */
const hashPiece = 4 << 20;

async function hashTensors(
  config: TransformerConfig,
  { tensors, raw }: Pick<Safetensors, 'tensors' | 'raw'>,
  fileNames: ReadonlyMap<string, string>,
): Promise<string> {
  const digest = async (bytes: Uint8Array<ArrayBuffer>) =>
    hexadecimal(await globalThis.crypto.subtle.digest('SHA-256', bytes));
  const lines = [JSON.stringify(Object.entries({ ...config, biases: Object.entries(config.biases).sort() }).sort())];
  for (const [stored, name] of [...fileNames].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { dtype, shape, length } = tensors.get(name) as { dtype: string; shape: readonly number[]; length: number };
    lines.push(JSON.stringify([stored, dtype, shape]));
    for (let start = 0; start < length; start += hashPiece) {
      lines.push(await digest(await raw(name, start, Math.min(hashPiece, length - start))));
    }
  }
  return digest(new TextEncoder().encode(lines.join('\n')));
}

function hexadecimal(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
