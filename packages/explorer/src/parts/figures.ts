/** A number to `digits` significant digits, with a true minus sign. */
export function figure(x: number | null | undefined, digits = 3): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return '\u2013';
  const size = Math.abs(x);
  const text =
    x !== 0 && (size < 1e-3 || size >= 1e6)
      ? x.toExponential(digits - 1).replace('e+', 'e')
      : size >= 10 ** digits
        ? x.toFixed(0)
        : x.toPrecision(digits);
  return text.replaceAll('-', '\u2212');
}

export const decimal = (x: number | null | undefined): string =>
  x === null || x === undefined || !Number.isFinite(x)
    ? '\u2013'
    : x
        .toFixed(2)
        .replace(/^-(?=0\.00$)/, '')
        .replace('-', '\u2212');

export const percent = (x: number): string => `${Math.round(x * 100)}\u00a0%`.replace('-', '\u2212');

export const count = (n: number): string => n.toLocaleString('en');

/** A day and time, short. */
export function when(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  return date.toLocaleDateString('en', { day: 'numeric', month: 'short', year: 'numeric' });
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  if (n < 1e6) return `${(n / 1e3).toFixed(0)} kB`;
  return n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(1)} GB`;
}

/** A token with its spaces and line breaks made visible. */
export const visible = (token: string): string =>
  token.replaceAll('\n', '\u23ce').replaceAll('\t', '\u2192').replace(/^ /, '\u2423').replace(/ $/, '\u2423');
