import { InputError } from '../errors.js';
import type { Tokenizer } from '../nn/tokenizer.js';

/** The shape of a batch. */
export interface BatchOptions {
  /** Windows in a batch. */
  batch: number;
  /** Positions of a window that predict; a window holds one token more, the last one's target. */
  context: number;
}

/**
 * Packs documents into windows of token ids: `[batch, context + 1]`, row-major. Each document is put between the
 * beginning- and the end-of-text token where the tokenizer has them. A window begins with the beginning of a document and
 * is filled with the following ones; a document that does not fit in the rest of a window is cut there and begins anew in
 * the next one, so that every document is read whole, unless it is longer than a window. No padding; the batches depend on
 * nothing but the documents and their order. Ends with the documents, leaving out a last batch that is not full.
 *
 * Throws `InputError` for a batch or context that is not a positive whole number, or too little text for one batch.
 */
export function* batches(
  documents: Iterable<string>,
  tokenizer: Tokenizer,
  { batch, context }: BatchOptions,
): Generator<Int32Array<ArrayBuffer>, void> {
  for (const [name, value] of Object.entries({ batch, context })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new InputError(`The ${name} of a training run must be a whole number from 1, not ${value}.`);
    }
  }
  const width = context + 1;
  let block = new Int32Array(batch * width);
  let filled = 0;
  let any = false;
  for (const document of documents) {
    const ids = [...tokenizer.encode(document, { bos: tokenizer.bos !== undefined })];
    if (tokenizer.eos !== undefined) ids.push(tokenizer.eos);
    for (;;) {
      const room = width - (filled % width);
      block.set(ids.slice(0, room), filled);
      filled += Math.min(room, ids.length);
      if (filled === block.length) {
        yield block;
        any = true;
        block = new Int32Array(batch * width);
        filled = 0;
      }
      // Cut documents begin anew, but for those that no window holds.
      if (ids.length <= room || room === width) break;
    }
  }
  if (!any) throw new InputError(`The text is too short for one batch of ${batch} windows of ${width} tokens.`);
}
