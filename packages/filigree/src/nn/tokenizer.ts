import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import type { ModelFiles } from '../bytes.js';
import { InputError } from '../errors.js';
import { parseJson, quote, validate } from '../validate.js';
import type { TransformerConfig } from './config.js';

export interface Tokenizer {
  /** One more than the largest token id. */
  readonly size: number;
  /** Token that begins a sequence. */
  readonly bos?: number;
  /** Token that ends a sequence. */
  readonly eos?: number;
  /**
   * Token ids of a text. Special tokens that the text spells out are taken as such.
   * @param options.bos whether to put the begin token before the text; by default as the tokenizer's files say
   * @throws InputError when the text cannot be expressed in the vocabulary, or a begin token is asked for and there is none
   */
  encode(text: string, options?: { bos?: boolean }): number[];
  /**
   * The text of token ids, without special tokens: the inverse of `encode`.
   * @throws InputError when an id is not in the vocabulary
   */
  decode(ids: readonly number[]): string;
  /**
   * What a token adds in the middle of a text, leading space and all. Special tokens and bytes that are no text by themselves are
   * given as the vocabulary writes them.
   * @throws InputError when the id is not in the vocabulary
   */
  token(id: number): string;
}

const idOf = z.number().int().nonnegative();

const tokenizerSchema = z.looseObject({
  model: z.looseObject({
    type: z.string().optional(),
    vocab: z.union([z.record(z.string(), idOf), z.array(z.tuple([z.string(), z.number()]))]),
    merges: z.array(z.union([z.string().regex(/^[^ ]+ [^ ]+$/), z.tuple([z.string(), z.string()])])).optional(),
  }),
  added_tokens: z.array(z.looseObject({ id: idOf, content: z.string(), special: z.boolean().optional() })),
});

const specialToken = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();

const configSchema = z.looseObject({
  bos_token: specialToken,
  eos_token: specialToken,
  add_bos_token: z.boolean().nullish(),
});

/** What the model knows that its tokenizer must fit. */
export type TokenizerFit = Pick<TransformerConfig, 'vocabulary' | 'bos' | 'eos'>;

/**
 * Reads `tokenizer.json` and, where there is one, `tokenizer_config.json`.
 * @throws InputError as `createTokenizer`, and when there is no tokenizer.json
 */
export async function readTokenizer(files: ModelFiles, fit: TokenizerFit): Promise<Tokenizer> {
  const [main, settings] = ['tokenizer.json', 'tokenizer_config.json'];
  if (!(await files.has(main))) {
    throw new InputError(
      `${files.name} has no ${main}; without it text cannot be turned into tokens, only token ids can be used`,
    );
  }
  const config = (await files.has(settings)) ? parseJson(await files.text(settings), settings) : {};
  return createTokenizer(parseJson(await files.text(main), main), config, fit);
}

/**
 * Makes a tokenizer of the two files' contents (parsed), for a model.
 * @throws InputError when the files are wrong, of an unsupported kind, or hold tokens that the model has not
 */
export function createTokenizer(json: unknown, config: unknown, fit: TokenizerFit): Tokenizer {
  const file = validate(tokenizerSchema, json, 'tokenizer.json');
  const settings = validate(configSchema, config, 'tokenizer_config.json');
  checkKind(file.model);
  const size = checkIds(file, fit.vocabulary);
  const library = open(json as object, config as object);

  const idOfSpecial = (token: z.infer<typeof specialToken>, fallback: number | undefined) => {
    const content = typeof token === 'string' ? token : token?.content;
    return (content === undefined ? undefined : library.token_to_id(content)) ?? fallback;
  };
  const bos = idOfSpecial(settings.bos_token, fit.bos);
  const eos = idOfSpecial(settings.eos_token, fit.eos);
  const addsBos = settings.add_bos_token ?? (bos !== undefined && library.encode('a').ids[0] === bos);
  const specials = new Set(file.added_tokens.filter((token) => token.special).map((token) => token.id));

  const check = (id: number) => {
    if (library.id_to_token(id) === undefined)
      throw new InputError(`there is no token ${id}; the tokenizer has ids below ${size}`);
  };
  const text = (ids: number[]) =>
    ids.length === 0 ? '' : library.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  const letter = letterToken(size, (id) => (library.id_to_token(id) === undefined ? undefined : text([id])));
  return {
    size,
    ...(bos === undefined ? {} : { bos }),
    ...(eos === undefined ? {} : { eos }),
    encode: (input, options = {}) => {
      const { ids } = library.encode(input, { add_special_tokens: false });
      // The library leaves a gap where neither the vocabulary nor an unknown token has a place for a piece of text.
      if (!ids.every((id: unknown) => typeof id === 'number')) {
        throw new InputError(`the tokenizer has no token for a part of ${quote(input)}`);
      }
      if (!(options.bos ?? addsBos)) return ids;
      if (bos === undefined) throw new InputError('the tokenizer has no token that begins a sequence');
      return [bos, ...ids];
    },
    decode: (ids) => {
      for (const id of ids) check(id);
      return text([...ids]);
    },
    token: (id) => {
      check(id);
      const raw = library.id_to_token(id) as string;
      if (specials.has(id) || letter === undefined) return raw;
      // Decoders drop the space at the beginning of a text, so the token is decoded behind a letter.
      const alone = text([letter, id]).slice(1);
      return alone.includes('\ufffd') ? raw : alone;
    },
  };
}

type TokenizerFile = z.infer<typeof tokenizerSchema>;

function checkKind({ type, merges }: TokenizerFile['model']): void {
  if (type === undefined ? merges !== undefined : type === 'BPE' || type === 'Unigram' || type === 'WordPiece') {
    if (type !== 'BPE' || merges !== undefined) return;
    throw new InputError('tokenizer.json: a BPE tokenizer needs "merges"');
  }
  throw new InputError(
    `tokenizer.json is of the kind ${quote(type ?? 'unknown')}, which is not supported; known are BPE, Unigram, WordPiece`,
  );
}

/** Number of ids, once every id is known to be below the model's vocabulary and to belong to one token only. */
function checkIds({ model, added_tokens }: TokenizerFile, vocabulary: number): number {
  const entries = Array.isArray(model.vocab)
    ? model.vocab.map(([token], id) => [token, id] as const)
    : Object.entries(model.vocab);
  const owner = new Map<number, string>();
  for (const [token, id] of [...entries, ...added_tokens.map(({ content, id }) => [content, id] as const)]) {
    if (id >= vocabulary) {
      throw new InputError(
        `the tokenizer does not fit the model: its token ${quote(token)} has id ${id}, and the model knows ${vocabulary} tokens`,
      );
    }
    const other = owner.get(id);
    if (other !== undefined && other !== token) {
      throw new InputError(`tokenizer.json gives id ${id} to both ${quote(other)} and ${quote(token)}`);
    }
    owner.set(id, token);
  }
  if (owner.size === 0) throw new InputError('tokenizer.json has no tokens');
  let largest = 0;
  for (const id of owner.keys()) largest = Math.max(largest, id);
  return largest + 1;
}

function open(json: object, config: object): LibraryTokenizer {
  try {
    const library = new LibraryTokenizer(json, config);
    // Some unsupported parts only show when they are used.
    library.decode(library.encode('a b').ids);
    return library;
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0];
    throw new InputError(`the tokenizer is damaged or of a kind that is not supported: ${reason}`);
  }
}

/** The first token whose text is one letter or digit. */
function letterToken(size: number, textOf: (id: number) => string | undefined): number | undefined {
  for (let id = 0; id < size; id++) {
    const text = textOf(id);
    if (text !== undefined && /^[A-Za-z0-9]$/.test(text)) return id;
  }
  return undefined;
}
