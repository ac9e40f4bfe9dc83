import { InputError } from '../errors.js';

/** How text is cut before pairs are merged: words with the space before them, one or two digits, single marks, other spaces. */
const proseCuts = (digits: 1 | 2): RegExp =>
  new RegExp(` ?\\p{L}+|\\p{N}${digits === 2 ? '{1,2}' : ''}| ?[^\\s\\p{L}\\p{N}]|\\s`, 'gu');

/**
 * How programs are cut: newlines with the indentation after them; names with the space or point before them; digits; `()`; runs of
 * `]` with a comma; runs of operators; other single marks and spaces.
 */
const programCuts = /\n+ *|[ .]?[\p{L}_]+| ?\p{N}|\(\)|\]+,?| ?[-=+*/<>!%]+| ?[^\s\p{L}\p{N}_]|\s/gu;

/** The merges that make every number of two digits a token. */
const numbers: readonly (readonly [string, string])[] = Array.from({ length: 100 }, (_, n) => [
  String(Math.floor(n / 10)),
  String(n % 10),
]);

/** The special tokens, in the order of their ids. */
const SPECIAL = ['<s>', '</s>'] as const;

/** What to train. */
export interface TokenizerOptions {
  /** Number of tokens, at least 258: two special tokens and the 256 bytes. Fewer come out when the text has no more pairs. */
  size?: number;
  /** A pair must occur this often to become a token. */
  minimum?: number;
  /** Digits that make a token: with 2, numbers are cut into pairs from the left, and 00 to 99 are tokens whatever the text has. */
  digits?: 1 | 2;
  /** What is cut as one: words of prose, or what programs are made of (`.add`, ` +=`, `]]`, a newline with its indentation). */
  kind?: 'prose' | 'programs';
}

/** The two files of a tokenizer in Hugging Face layout, ready for `JSON.stringify`. */
export interface TokenizerFiles {
  tokenizer: TokenizerJson;
  config: Record<string, unknown>;
}

/** The part of `tokenizer.json` that a reader may want to look into; the rest is fixed settings. */
export interface TokenizerJson {
  [setting: string]: unknown;
  model: { type: 'BPE'; vocab: Record<string, number>; merges: string[]; [setting: string]: unknown };
}

/**
 * The printable letter that stands for each byte in the files of byte-level tokenizers: printable Latin-1 stays itself and
 * the other bytes take the letters from U+0100 on.
 */
export function byteLetters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(printable ? byte : next++);
  });
}

interface Word {
  pieces: string[];
  count: number;
}

function countWords(texts: Iterable<string>, cut: RegExp): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [word] of text.matchAll(cut)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const letters = byteLetters();
  const encoder = new TextEncoder();
  return [...counts].map(([word, count]) => ({
    pieces: [...encoder.encode(word)].map((byte) => letters[byte]),
    count,
  }));
}

/** The commonest pair of neighbouring pieces; of equals the first in code-unit order, so that the order of the text is no matter. */
function commonest(words: readonly Word[]): { left: string; right: string; count: number } | undefined {
  const counts = new Map<string, number>();
  for (const { pieces, count } of words) {
    for (let i = 1; i < pieces.length; i++) {
      const pair = pieces[i - 1] + ' ' + pieces[i];
      counts.set(pair, (counts.get(pair) ?? 0) + count);
    }
  }
  let best: string | undefined;
  let most = 0;
  for (const [pair, count] of counts) {
    if (count > most || (count === most && best !== undefined && pair < best)) {
      best = pair;
      most = count;
    }
  }
  if (best === undefined) return undefined;
  const [left, right] = best.split(' ');
  return { left, right, count: most };
}

function merge(word: Word, left: string, right: string): void {
  const { pieces } = word;
  for (let i = 1; i < pieces.length; i++) {
    if (pieces[i - 1] === left && pieces[i] === right) pieces.splice(i - 1, 2, left + right);
  }
}

/**
 * Byte-pair encoding (Sennrich, Haddow and Birch 2016, "Neural machine translation of rare words with subword units",
 * arXiv 1508.07909) over bytes: starting from single bytes, the commonest pair of neighbours within a word becomes a token
 * until the vocabulary has `size`. Every text can be encoded, and decoding gives it back.
 *
 * Ids are `<s>` 0, `</s>` 1, the bytes 2 .. 257, then the merges in order; encoding puts `<s>` first. Punctuation marks stay
 * single, but for those of programs, and so do digits unless pairs of them are asked for. The result depends on how often words
 * occur in `texts`, not on their order.
 *
 * Throws `InputError` for a size below 258, and for pairs of digits in programs.
 */
export function trainTokenizer(
  texts: Iterable<string>,
  { size = 640, minimum = 2, digits = 1, kind = 'prose' }: TokenizerOptions = {},
): TokenizerFiles {
  if (kind === 'programs' && digits === 2)
    throw new InputError('Digits of programs are tokens of their own, never pairs.');
  const least = digits === 2 ? 358 : 258;
  if (!Number.isInteger(size) || size < least) {
    const what = `the 256 bytes and two special ones${digits === 2 ? ', and a hundred numbers' : ''}`;
    throw new InputError(`A byte-level vocabulary needs at least ${least} tokens, not ${size}: ${what}.`);
  }
  const cut = kind === 'programs' ? programCuts : proseCuts(digits);
  const words = countWords(texts, cut);
  const tokens: string[] = [...SPECIAL, ...byteLetters()];
  const known = new Set(tokens);
  const merges: string[] = [];
  const join = (left: string, right: string): void => {
    for (const word of words) merge(word, left, right);
    merges.push(`${left} ${right}`);
    // Two merges may spell the same token; it keeps its first id.
    const token = left + right;
    if (!known.has(token)) tokens.push(token);
    known.add(token);
  };
  if (digits === 2) for (const [left, right] of numbers) join(left, right);
  while (tokens.length < size) {
    const pair = commonest(words);
    if (!pair || pair.count < minimum) break;
    join(pair.left, pair.right);
  }
  return files(tokens, merges, cut);
}

function files(tokens: readonly string[], merges: string[], cut: RegExp): TokenizerFiles {
  const [bos, eos] = SPECIAL;
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  const begin = { SpecialToken: { id: bos, type_id: 0 } };
  const sequence = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: SPECIAL.map((content, id) => ({ id, content, ...flags })),
      normalizer: null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: cut.source }, behavior: 'Isolated', invert: false },
          byteLevel,
        ],
      },
      post_processor: {
        type: 'TemplateProcessing',
        single: [begin, sequence('A', 0)],
        pair: [begin, sequence('A', 0), begin, sequence('B', 1)],
        special_tokens: { [bos]: { id: bos, ids: [0], tokens: [bos] } },
      },
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges,
      },
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: bos,
      eos_token: eos,
      add_bos_token: true,
      add_eos_token: false,
      clean_up_tokenization_spaces: false,
    },
  };
}
