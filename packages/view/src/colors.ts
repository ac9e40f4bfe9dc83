/** Light or dark surroundings. */
export type Theme = 'light' | 'dark';

type Rgb = readonly [number, number, number];

interface Palette {
  readonly negative: Rgb;
  readonly neutral: Rgb;
  readonly positive: Rgb;
}

/**
 * Ends and middle of the diverging scale. Blue against orange stay apart under every common form of colour blindness, and both
 * ends stand out from the page in either theme.
 */
const palettes: Record<Theme, Palette> = {
  light: { negative: [11, 104, 173], neutral: [148, 152, 158], positive: [186, 72, 0] },
  dark: { negative: [92, 174, 240], neutral: [118, 124, 133], positive: [245, 151, 66] },
};

/** Names of the CSS variables that `colorVariables` sets, for use in `var(...)`. */
export const colorNames = {
  negative: '--score-negative',
  neutral: '--score-neutral',
  positive: '--score-positive',
} as const;

/**
 * The colour of a signed number: blue where negative (a helpful edge), orange where positive, grey at 0. For canvas and table
 * cells; drawings that follow the reader's theme use the variables of `colorVariables`.
 *
 * @param t The number divided by the largest size there is; values beyond -1 and 1 get the ends.
 * @returns `rgb(r g b)`.
 */
export function divergingColor(t: number, theme: Theme): string {
  const { negative, neutral, positive } = palettes[theme];
  const share = Math.min(1, Math.abs(t)) || 0;
  return css(mix(neutral, t < 0 ? negative : positive, share));
}

/** One end, or the middle, of the scale: `rgb(r g b)`. */
export const paletteColor = (end: keyof Palette, theme: Theme): string => css(palettes[theme][end]);

/** Declarations of the three colours as CSS variables, to be put inside a rule: `--score-negative:rgb(...);...`. */
export function colorVariables(theme: Theme): string {
  return (['negative', 'neutral', 'positive'] as const)
    .map((end) => `${colorNames[end]}:${paletteColor(end, theme)};`)
    .join('');
}

/**
 * Rules that give a drawing of class `name` its colours, light and dark: the scale, `--paper`, `--ink`, `--muted` and `--line`,
 * and the host's own typeface.
 */
export function drawingTheme(name: string): string {
  return `.${name}{${colorVariables('light')}--paper:#fff;--ink:#1c2127;--muted:#626a74;--line:#c3c9d0;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){.${name}{${colorVariables('dark')}--paper:#14171b;--ink:#e6e9ed;--muted:#98a1ac;--line:#424a54}}`;
}

/** Mixes in linear light, so that the way from grey to the end looks even. */
function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const blend = (i: number) => encode(decode(from[i]) * (1 - share) + decode(to[i]) * share);
  return [blend(0), blend(1), blend(2)];
}

function decode(channel: number): number {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

function encode(light: number): number {
  return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
}

function css(color: Rgb): string {
  return `rgb(${color.join(' ')})`;
}
