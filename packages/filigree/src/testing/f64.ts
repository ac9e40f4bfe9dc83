import { createReferenceDevice } from '../kernels/index.js';
import type { Transformer } from '../nn/transformer.js';
import { setDefaultDevice } from '../tensor/index.js';
import { loadFolder } from './fixtures.js';

/** Runs a test on a model in f64, so that nothing but a mistake can make a difference. */
export async function inF64(folder: string, test: (model: Transformer) => Promise<void> | void): Promise<void> {
  const before = setDefaultDevice(createReferenceDevice('f64'));
  try {
    const model = await loadFolder(folder);
    await test(model);
    model.dispose();
  } finally {
    setDefaultDevice(before);
  }
}
