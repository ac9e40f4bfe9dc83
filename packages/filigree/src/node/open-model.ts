import { type Checkpoint, openCheckpoint } from '../nn/checkpoint.js';
import { loadTransformer } from '../nn/load.js';
import type { Tokenizer } from '../nn/tokenizer.js';
import type { Transformer } from '../nn/transformer.js';
import type { HubOptions } from './hub.js';
import { openModelFiles } from './open.js';

/** A model on the default device, with its tokenizer where its folder has one. */
export interface OpenedModel {
  readonly model: Transformer;
  readonly tokenizer: Tokenizer | undefined;
  readonly checkpoint: Checkpoint;
}

/**
 * Opens and loads a model given as the path of a folder in Hugging Face layout or as a Hub id.
 * @throws InputError when it cannot be found, is damaged, or asks for what is not supported
 */
export async function openModel(nameOrPath: string, options: HubOptions = {}): Promise<OpenedModel> {
  const files = await openModelFiles(nameOrPath, options);
  const checkpoint = await openCheckpoint(files);
  const tokenizer = (await files.has('tokenizer.json')) ? await checkpoint.tokenizer() : undefined;
  return { model: await loadTransformer(checkpoint), tokenizer, checkpoint };
}
