import type { Tokenizer } from 'filigree';

/** A token as machines read it. */
export interface NamedToken {
  readonly id: number;
  /** What it adds in the middle of a text, leading space and all; null where no tokenizer says. */
  readonly text: string | null;
}

export function namedToken(id: number, tokenizer: Tokenizer | undefined): NamedToken {
  return { id, text: tokenizer && id < tokenizer.size ? tokenizer.token(id) : null };
}

/** A token as people read it in a table or a drawing: without the space before it, whitespace made visible, `#7` where it has no text. */
export function tokenName(id: number, tokenizer: Tokenizer | undefined): string {
  const { text } = namedToken(id, tokenizer);
  if (text === null) return `#${id}`;
  const shown = text.trim() === '' ? text : text.replace(/^ +/, '');
  return shown
    .replaceAll(' ', '\u00b7')
    .replaceAll('\n', '\u21b5')
    .replaceAll('\t', '\u21e5')
    .replaceAll('\r', '\u240d');
}

/** A token with all its whitespace, quoted, for tooltips. */
export function quotedToken(id: number, tokenizer: Tokenizer | undefined): string {
  const { text } = namedToken(id, tokenizer);
  return text === null ? `#${id}` : JSON.stringify(text);
}
