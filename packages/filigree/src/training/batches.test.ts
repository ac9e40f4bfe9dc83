import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import type { Tokenizer } from '../nn/tokenizer.js';
import { batches } from './batches.js';

/** Digits are their own ids, 8 begins and 9 ends a text. */
const digits: Tokenizer = {
  size: 10,
  bos: 8,
  eos: 9,
  encode: (text, { bos = true } = {}) => [...(bos ? [8] : []), ...[...text].map(Number)],
  decode: (ids) => ids.join(''),
  token: String,
};
const rows = (block: Int32Array, width: number): string[] =>
  Array.from({ length: block.length / width }, (_, row) => block.slice(row * width, (row + 1) * width).join(''));

describe('batches', () => {
  it('fills windows with documents, and begins a cut one anew', () => {
    const blocks = [...batches(['111', '222', '3', '44', '5555', '666'], digits, { batch: 2, context: 6 })];
    expect(blocks.map((block) => rows(block, 7))).toEqual([
      ['8111982', '8222983'],
      ['8398449', '8555598'],
    ]);
  });

  it('cuts a document that no window holds', () => {
    const blocks = [...batches(['1234567', '12'], digits, { batch: 1, context: 3 })];
    expect(blocks.map((block) => rows(block, 4))).toEqual([['8123'], ['8129']]);
  });

  it('begins every window with a document and shows every short document whole, in order', () => {
    const document = fc.string({ unit: fc.constantFrom('1', '2', '3', '4'), maxLength: 9 });
    const options = { batch: fc.integer({ min: 1, max: 3 }), context: fc.integer({ min: 11, max: 20 }) };
    fc.assert(
      fc.property(
        fc.array(document, { minLength: 40, maxLength: 60 }),
        fc.record(options),
        (documents, { batch, context }) => {
          const windows = [...batches(documents, digits, { batch, context })].flatMap((block) =>
            rows(block, context + 1),
          );
          const whole = windows.flatMap((window) => {
            expect(window[0]).toBe('8');
            return window.match(/8[1-4]*9/g) ?? [];
          });
          expect(whole).toEqual(documents.slice(0, whole.length).map((text) => `8${text}9`));
          // What is left out is at most the last batch.
          const rest = documents.slice(whole.length).reduce((sum, text) => sum + text.length + 2, 0);
          expect(rest).toBeLessThan((batch + 1) * (context + 1));
        },
      ),
    );
  });

  it('refuses bad sizes and too little text', () => {
    for (const options of [
      { batch: 0, context: 4 },
      { batch: 2, context: 1.5 },
    ]) {
      expect(() => [...batches(['1'], digits, options)]).toThrow(InputError);
    }
    expect(() => [...batches(['1'], digits, { batch: 2, context: 8 })]).toThrow(
      /too short for one batch of 2 windows of 9/,
    );
  });
});
