import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { readPairs } from './jsonl.js';
import { wordTokenizer } from './word-tokenizer.fixture.js';

const tokenizer = wordTokenizer(['Lily', 'Tim', 'She', 'He', 'went', 'One', 'day']);
const options = { file: 'pairs.jsonl', tokenizer, vocabulary: 1000, context: 20 };
const text = { clean: 'Lily went.', corrupt: 'Tim went.', answer: ' She', wrong: ' He' };
const ids = { clean_ids: [0, 1, 2], corrupt_ids: [0, 3, 2], answer_id: 4, wrong_id: [5, 6] };
const lines = (...rows: unknown[]): string => rows.map((row) => JSON.stringify(row)).join('\n');

describe('readPairs', () => {
  it('reads rows of text and of ids, of different lengths, with lists, empty lines, other fields and any line ends', () => {
    const file =
      '\uFEFF' + lines(text, { ...text, clean: 'One day Lily went', corrupt: 'One day Tim went' }) + '\r\n\n';
    const pairs = readPairs(file + lines({ ...ids, note: 'x' }, { ...text, answer: [' She', ' day'] }) + '\n', options);
    expect(pairs).toHaveLength(4);
    expect(tokenizer.decode(pairs[0].clean)).toBe('Lily went.');
    expect(pairs[0].clean[0]).toBe(tokenizer.bos);
    expect(pairs[2]).toEqual({ clean: [0, 1, 2], corrupt: [0, 3, 2], answers: [4], wrongs: [5, 6] });
    expect(pairs[3].answers.map((id) => tokenizer.token(id))).toEqual([' She', ' day']);
  });

  it('reads the fields of others by their names', () => {
    const theirs = { clean_prefix: text.clean, patch_prefix: text.corrupt, clean_answer: ' She', patch_answer: ' He' };
    const [pair] = readPairs(lines({ ...theirs, case: 'simple' }), options);
    expect(pair).toEqual(readPairs(lines(text), options)[0]);
    expect(() => readPairs(lines({ ...theirs, patch_answer: undefined }), options)).toThrow(/lacks "wrong"/);
  });

  it.each([
    ['{"clean": "Lily', /is not valid JSON/],
    ['[1, 2]', /is not a JSON object/],
    ['null', /is not a JSON object/],
    [lines({ ...text, answer: undefined }), /lacks "answer"/],
    [lines({ ...text, clean: 3 }), /"clean" must be a text that is not empty/],
    [lines({ ...text, wrong: [] }), /"wrong" must be a text or a list/],
    [lines({ ...text, ...ids }), /mixes text and ids/],
    [lines({}), /lacks "clean"/],
    [lines({ ...text, answer: ' Sheila' }), /" Sheila" is 7 tokens after this prompt \(" ", "S"/],
    [lines({ ...text, wrong: ' She' }), /" She" is both an answer and wrong/],
    [lines({ ...text, corrupt: 'Timothy went.' }), /the clean prompt has 4 tokens and the corrupted one 10/],
    [
      lines({ ...text, clean: 'x'.repeat(30), corrupt: 'y'.repeat(30) }),
      /have 31 tokens, but the model's context is 20/,
    ],
    [lines({ ...ids, clean_ids: [0, 1.5, 2] }), /"clean_ids" must be a list of token ids/],
    [lines({ ...ids, corrupt_ids: [] }), /"corrupt_ids" must be a list of token ids/],
    [lines({ ...ids, answer_id: -1 }), /"answer_id" must be a token id or a list/],
    [lines({ ...ids, answer_id: 1000 }), /token 1000 is outside the model's vocabulary of 1000/],
    [lines({ ...ids, wrong_id: 4 }), /token 4 is both an answer and wrong/],
    [lines({ ...ids, clean_ids: [0, 1] }), /"clean_ids" has 2 tokens and "corrupt_ids" 3/],
    [lines({ ...ids, clean_ids: Array(21).fill(1), corrupt_ids: Array(21).fill(2) }), /have 21 tokens/],
  ])('names file and line of %s', (row, message) => {
    const read = (): unknown => readPairs(`${lines(text)}\n\n${row}\n`, options);
    expect(read).toThrow(InputError);
    expect(read).toThrow(message);
    expect(read).toThrow(/^pairs\.jsonl, line 3: [^\n]*\.$/);
  });

  it('refuses a file without rows, and text where there is no tokenizer', () => {
    expect(() => readPairs('\n \n', options)).toThrow(/pairs\.jsonl has no rows/);
    expect(() => readPairs(lines(text), { file: 'f', vocabulary: 9 })).toThrow(
      /line 1: is text, but the model has no tokenizer/,
    );
  });

  it('gives pairs or an InputError for anything', () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer({ min: -2, max: 1200 }),
      fc.array(fc.integer({ min: -1, max: 1001 }), { maxLength: 25 }),
      fc.jsonValue(),
    );
    const keys = [
      'clean',
      'corrupt',
      'answer',
      'wrong',
      'clean_ids',
      'corrupt_ids',
      'answer_id',
      'wrong_id',
      '__proto__',
    ];
    const row = fc.dictionary(fc.constantFrom(...keys), value).map((object) => JSON.stringify(object));
    const near = fc.record({
      row: fc.constantFrom(lines(text), lines(ids)),
      at: fc.nat(60),
      put: fc.string({ maxLength: 3 }),
    });
    const broken = near.map(({ row: good, at, put }) => good.slice(0, at) + put + good.slice(at + 1));
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(fc.oneof(row, broken, fc.string(), fc.constant(lines(ids))), { maxLength: 4 }), (rows) => {
        try {
          for (const pair of readPairs(rows.join('\n'), options)) {
            expect(pair.clean).toHaveLength(pair.corrupt.length);
            for (const id of [...pair.clean, ...pair.corrupt, ...pair.answers, ...pair.wrongs]) {
              expect(Number.isInteger(id) && id >= 0 && id < 1000).toBe(true);
            }
            accepted++;
          }
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(0);
  });
});
