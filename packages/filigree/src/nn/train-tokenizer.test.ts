import { Tokenizer as HubTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { byteLetters, type TokenizerFiles, trainTokenizer } from './train-tokenizer.js';

const open = ({ tokenizer, config }: TokenizerFiles) => new HubTokenizer(tokenizer, config);
const sample = ['The cat sat on the mat. The cat ran.', 'A hat, a cat and a "mat" [sat (12)].', 'the the the'];

describe('trainTokenizer', () => {
  it('merges the commonest pair of bytes first', () => {
    // " t" 4, "th" and "he" of " the" 3, "at" 7: counted by hand in the sample.
    const { merges } = trainTokenizer(sample, { size: 259 }).tokenizer.model;
    expect(merges).toEqual(['a t']);
    const more = trainTokenizer(['aab aab aab', 'ba'], { size: 300 }).tokenizer.model;
    // " " a 2, a a 3, a b 3: of the equals the first by code unit; then "aa b" 3, then "Ġ aab" 2; "b a" occurs once.
    expect(more.merges).toEqual(['a a', 'aa b', 'Ġ aab']);
  });

  it('has the special tokens, the bytes and the merges, in this order', () => {
    const { vocab, merges } = trainTokenizer(sample, { size: 280, minimum: 1 }).tokenizer.model;
    expect(Object.keys(vocab)).toHaveLength(280);
    expect(vocab['<s>']).toBe(0);
    expect(vocab['</s>']).toBe(1);
    expect(vocab[byteLetters()[65]]).toBe(2 + 65);
    expect(merges).toHaveLength(22);
    expect(Object.values(vocab).sort((a, b) => a - b)).toEqual(Array.from({ length: 280 }, (_, id) => id));
  });

  it('does not depend on the order of the texts', () => {
    expect(trainTokenizer([...sample].reverse(), { size: 290, minimum: 1 })).toEqual(
      trainTokenizer(sample, { size: 290, minimum: 1 }),
    );
  });

  it('ends early when no pair is left', () => {
    expect(Object.keys(trainTokenizer(['ab ab'], { size: 600 }).tokenizer.model.vocab).length).toBeLessThan(263);
    expect(trainTokenizer([], { size: 600 }).tokenizer.model.merges).toEqual([]);
  });

  it('is read by another library, and gives every text back', () => {
    const hub = open(trainTokenizer(sample, { size: 290, minimum: 1 }));
    expect(hub.encode('the cat').ids[0]).toBe(0);
    expect(hub.tokenize('The cat sat [(').at(-1)).toBe('(');
    const text = fc
      .oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ minLength: 1 }), fc.constantFrom(...sample))
      .filter((s) => !/<\/?s>/.test(s));
    fc.assert(
      fc.property(text, (input) => {
        const ids = hub.encode(input, { add_special_tokens: false }).ids;
        // A text outside Unicode (half a surrogate pair) has no bytes of its own; everything else must come back.
        if (!/\p{Surrogate}/u.test(input)) expect(hub.decode(ids, { skip_special_tokens: true })).toBe(input);
      }),
      { numRuns: 300 },
    );
  });

  it('cuts numbers into pairs of digits where asked, all of which are tokens', () => {
    const hub = open(trainTokenizer([...sample, 'the year 1732'], { size: 380, digits: 2 }));
    for (const [text, pieces] of [
      ['1732', ['17', '32']],
      ['90817', ['90', '81', '7']],
      ['00', ['00']],
    ] as const) {
      expect(hub.tokenize(text)).toEqual(pieces);
    }
    expect(hub.decode(hub.encode('in 1066, 7 of 500').ids, { skip_special_tokens: true })).toBe('in 1066, 7 of 500');
    expect(() => trainTokenizer(sample, { size: 357, digits: 2 })).toThrow(/at least 358 tokens/);
  });

  it('cuts programs into names with their point or space, operators, and newlines with their indentation', () => {
    const code = 'def f(a_b):\n    a_b.add([[x, 12], [y]])\n    n += 1\n';
    const hub = open(trainTokenizer([code, code], { size: 330, kind: 'programs' }));
    expect(
      hub.tokenize(code).map((piece: string) => piece.replaceAll('\u0120', ' ').replaceAll('\u010a', '\n')),
    ).toEqual('def| f|(|a_b|)|:|\n    |a_b|.add|(|[|[|x|,| 1|2|],| [|y|]]|)|\n    |n| +=| 1|\n'.split('|'));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-composite', minLength: 1 }), (text) => {
        const ids = hub.encode(text, { add_special_tokens: false }).ids;
        if (!/<\/?s>|\p{Surrogate}/u.test(text)) expect(hub.decode(ids, { skip_special_tokens: true })).toBe(text);
      }),
      { numRuns: 100 },
    );
    expect(() => trainTokenizer([code], { size: 400, kind: 'programs', digits: 2 })).toThrow(InputError);
  });

  it('refuses a size without room for the bytes', () => {
    expect(() => trainTokenizer(sample, { size: 257 })).toThrow(InputError);
    expect(() => trainTokenizer(sample, { size: 300.5 })).toThrow(InputError);
  });
});
