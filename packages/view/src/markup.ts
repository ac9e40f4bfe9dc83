/** Text made safe for HTML and SVG, in element content and in double-quoted attributes. */
export function safe(text: string): string {
  return text.replace(/[&<>"']|(?![\t\n\r])[\p{Cc}\p{Cs}]/gu, (c) => entities[c] ?? '\ufffd');
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** JSON that may stand inside a script element: no `<`, so that it can neither close it nor open a comment. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029');
}

/** A whole number with commas: 2,461. */
export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A number to `digits` significant digits, with a true minus sign; very large and small ones in powers of ten. */
export function figure(x: number, digits = 3): string {
  if (!Number.isFinite(x)) return 'not a number';
  const size = Math.abs(x);
  const text =
    x !== 0 && (size < 1e-3 || size >= 1e5)
      ? x.toExponential(digits - 1).replace('e+', 'e')
      : size >= 10 ** digits
        ? x.toFixed(0)
        : x.toPrecision(digits);
  return text.replaceAll('-', '\u2212');
}

/** A number with two decimals, as in a column of figures that are compared: 0.84. */
export function decimal(x: number): string {
  return Number.isFinite(x)
    ? x
        .toFixed(2)
        .replace(/^-(?=0\.00$)/, '')
        .replace('-', '\u2212')
    : '\u2013';
}

/** A fraction as whole per cent: 84 %. */
export function percent(x: number): string {
  return `${figure(Math.round(x * 100), 3).replace(/\.0+$/, '')}\u00a0%`;
}

/** A drawing coordinate: at most one decimal, no trailing zero. */
export function px(x: number): string {
  return String(Math.round(x * 10) / 10 || 0);
}

/** A text of at most `most` characters; a longer one ends in an ellipsis. */
export function cut(text: string, most: number): string {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}\u2026` : text;
}
