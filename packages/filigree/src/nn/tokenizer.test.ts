import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryFiles } from '../bytes.js';
import { InputError } from '../errors.js';
import { createTokenizer, readTokenizer } from './tokenizer.js';

const shared = process.env.FILIGREE_SHARED ?? fileURLToPath(new URL('../../../../../shared', import.meta.url));
const stories = `${shared}/models/stories260K`;
const missing = !existsSync(stories);
if (missing) console.warn(`skipped: no ${stories}`);

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const fit = { vocabulary: 512, bos: 1, eos: 2 };

describe.skipIf(missing)('the tokenizer of stories260K', () => {
  const json = missing ? undefined : (readJson(`${stories}/tokenizer.json`) as StoriesTokenizer);
  const make = (config: object = readJson(`${stories}/tokenizer_config.json`) as object) =>
    createTokenizer(json, config, fit);

  test('a sentence begins with <s>, and decodes to itself', () => {
    const tokenizer = make();
    const text = 'One day, Lily went to the park.';
    const ids = tokenizer.encode(text);
    expect(ids[0]).toBe(1);
    expect(ids).toEqual([1, 385, 328, 432, 317, 263, 377, 267, 265, 282, 295, 433, 426]);
    expect(tokenizer.decode(ids)).toBe(text);
    expect(ids.map((id) => tokenizer.token(id)).join('')).toBe('<s> One day, Lily went to the park.');
    expect(tokenizer).toMatchObject({ size: 512, bos: 1, eos: 2 });
  });

  test('the begin token follows the option, then the settings, then the template', () => {
    expect(make().encode('a', { bos: false })[0]).not.toBe(1);
    expect(make({ add_bos_token: false }).encode('a')[0]).not.toBe(1);
    expect(make({ add_bos_token: false }).encode('a', { bos: true })[0]).toBe(1);
    expect(make({}).encode('a')[0]).toBe(1);
    expect(make().encode('')).toEqual([1]);
    expect(make().decode([])).toBe('');
  });

  test('tokens that are no text by themselves are named', () => {
    const tokenizer = make();
    expect(tokenizer.token(0x0a + 3)).toBe('\n');
    expect(tokenizer.token(0xe6 + 3)).toBe('<0xE6>');
    expect(tokenizer.token(2)).toBe('</s>');
    expect(() => tokenizer.token(512)).toThrow(InputError);
    expect(() => tokenizer.decode([-1])).toThrow(/no token -1/);
  });

  test('agrees with byte-pair merging done naively, and inverts, on any text', () => {
    const tokenizer = make();
    const naive = naiveBpe(json as StoriesTokenizer);
    const word = fc.constantFrom(
      'the',
      'Lily',
      'park',
      'saw',
      'a',
      'é',
      '漢',
      '🎉',
      '.',
      ',',
      '"',
      '\n',
      '  ',
      "don't",
    );
    const text = fc.oneof(
      fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
      fc.string({ unit: 'grapheme', maxLength: 30 }),
    );
    fc.assert(
      fc.property(
        text.filter((t) => !/<\/?s>|<unk>|▁/.test(t)),
        (t) => {
          const ids = tokenizer.encode(t, { bos: false });
          expect(ids).toEqual(t === '' ? [] : naive(t));
          expect(tokenizer.decode(ids)).toBe(t);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a vocabulary larger than the model is refused', () => {
    expect(() => createTokenizer(json, {}, { vocabulary: 500 })).toThrow(/does not fit the model.*knows 500/);
  });
});

interface StoriesTokenizer {
  model: { vocab: Record<string, number>; merges: string[] };
}

/** Byte-pair encoding by its definition: merge the pair of least rank, leftmost first, until none is left. */
function naiveBpe({ model }: StoriesTokenizer): (text: string) => number[] {
  const ranks = new Map(model.merges.map((merge, rank) => [merge, rank]));
  return (text) => {
    const parts = [...`▁${text.replaceAll(' ', '▁')}`];
    for (;;) {
      let best = Infinity;
      let at = -1;
      for (let i = 0; i + 1 < parts.length; i++) {
        const rank = ranks.get(`${parts[i]} ${parts[i + 1]}`) ?? Infinity;
        if (rank < best) [best, at] = [rank, i];
      }
      if (at < 0) break;
      parts.splice(at, 2, parts[at] + parts[at + 1]);
    }
    return parts.flatMap((part) =>
      Object.hasOwn(model.vocab, part)
        ? [model.vocab[part]]
        : [...new TextEncoder().encode(part)].map(
            (byte) => model.vocab[`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`],
          ),
    );
  };
}

/** A byte-level tokenizer as GPT-2 has it, of the 256 bytes, a merge and one special token; bytes are written as GPT-2 writes them. */
function byteLevel() {
  const shown = new Map<number, string>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const plain = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    shown.set(byte, String.fromCodePoint(plain ? byte : next++));
  }
  const vocab: Record<string, number> = {};
  for (const character of shown.values()) vocab[character] = Object.keys(vocab).length;
  vocab['Ġt'] = 256;
  vocab['Ġthe'] = 257;
  vocab['he'] = 258;
  return {
    added_tokens: [
      {
        id: 259,
        content: '<|endoftext|>',
        special: true,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
    post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
    model: { type: 'BPE', vocab, merges: ['Ġ t', 'h e', 'Ġt he'] },
  };
}

describe('a byte-level tokenizer', () => {
  const gpt2 = createTokenizer(byteLevel(), { bos_token: '<|endoftext|>' }, { vocabulary: 260, eos: 259 });

  test('has no begin token unless asked, and keeps spaces in tokens', () => {
    expect(gpt2.encode(' the')).toEqual([257]);
    expect(gpt2.encode(' the', { bos: true })).toEqual([259, 257]);
    expect(gpt2.token(257)).toBe(' the');
    expect(gpt2).toMatchObject({ size: 260, bos: 259, eos: 259 });
  });

  test('inverts on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(gpt2.decode(gpt2.encode(text))).toBe(text);
      }),
    );
  });
});

describe('what does not fit is refused in one line', () => {
  const edit = (change: (json: ReturnType<typeof byteLevel>) => object) => () =>
    createTokenizer(change(byteLevel()), {}, { vocabulary: 300 });

  test.each<[string, () => unknown, RegExp]>([
    ['another kind', edit((j) => ({ ...j, model: { ...j.model, type: 'WordLevel' } })), /kind "WordLevel"/],
    ['no merges', edit((j) => ({ ...j, model: { type: 'BPE', vocab: j.model.vocab } })), /merges/],
    ['no vocabulary', edit((j) => ({ ...j, model: { type: 'BPE', merges: [] } })), /"model\.vocab" is wrong/],
    ['an unknown pre-tokenizer', edit((j) => ({ ...j, pre_tokenizer: { type: 'Odd' } })), /not supported: .*Odd/],
    ['an id used twice', edit((j) => ({ ...j, added_tokens: [{ id: 0, content: 'twin' }] })), /id 0 to both/],
    ['a huge id', edit((j) => ({ ...j, added_tokens: [{ id: 4e9, content: 'far' }] })), /has id 4000000000/],
    ['not an object', () => createTokenizer([], {}, { vocabulary: 3 }), /tokenizer\.json/],
  ])('%s', (_, run, expected) => {
    expect(run).toThrow(expected);
    expect(run).toThrow(InputError);
  });

  test('a missing file says what still works', async () => {
    await expect(readTokenizer(memoryFiles('m', new Map()), fit)).rejects.toThrow(
      /m has no tokenizer\.json.*token ids/,
    );
  });

  test('any JSON at all', () => {
    const part = fc.constantFrom('model', 'normalizer', 'pre_tokenizer', 'decoder', 'post_processor', 'added_tokens');
    fc.assert(
      fc.property(fc.dictionary(part, fc.jsonValue()), fc.jsonValue(), (json, config) => {
        try {
          createTokenizer({ ...byteLevel(), ...json }, config, { vocabulary: 300 }).encode('some text');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as InputError).message).not.toMatch(/\n/);
        }
      }),
      { numRuns: 300 },
    );
  });
});
