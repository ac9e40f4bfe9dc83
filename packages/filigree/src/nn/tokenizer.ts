/** Turns text into the token ids of one vocabulary and back. */
export interface Tokenizer {
  /** Number of ids; every id is in 0 .. size - 1. */
  readonly size: number;
  /** The id put before every text, where the vocabulary has one. */
  readonly bos?: number;
  /** The id that ends a text, where the vocabulary has one. */
  readonly eos?: number;
  /** Ids of `text`; `bos: false` leaves the beginning-of-text token out. */
  encode(text: string, options?: { bos?: boolean }): number[];
  /** Text of `ids`, without special tokens. */
  decode(ids: readonly number[]): string;
  /** The text of one token, spaces included. */
  token(id: number): string;
}
