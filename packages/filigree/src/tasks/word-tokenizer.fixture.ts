import type { Tokenizer } from '../nn/tokenizer.js';

/** A toy tokenizer for tests: each of `words`, with or without the space before it, is one token; other text goes by letter. */
export function wordTokenizer(words: readonly string[]): Tokenizer {
  const tokens = ['<s>'];
  const ids = new Map<string, number>();
  const idOf = (token: string): number => {
    const known = ids.get(token);
    if (known !== undefined) return known;
    ids.set(token, tokens.push(token) - 1);
    return tokens.length - 1;
  };
  const pieces = (text: string): string[] =>
    [...text.matchAll(/ ?[A-Za-z]+|\s|[^\sA-Za-z]/g)].flatMap(([word]) =>
      words.includes(word.trim()) ? [word] : [...word],
    );
  return {
    size: 1000,
    bos: 0,
    encode: (text, { bos = true } = {}) => [...(bos ? [0] : []), ...pieces(text).map(idOf)],
    decode: (list) =>
      list
        .filter((id) => id !== 0)
        .map((id) => tokens[id])
        .join(''),
    token: (id) => tokens[id],
  };
}
