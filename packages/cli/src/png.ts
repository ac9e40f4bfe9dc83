import { createRequire } from 'node:module';
import type { Theme } from '@filigree/view';
import { Resvg } from '@resvg/resvg-js';

/** How to turn a drawing into an image. */
export interface PngOptions {
  /** Colours of light or dark surroundings (default light). */
  readonly theme?: Theme;
  /** Pixels per unit of the drawing (default 2, for sharp text). */
  readonly scale?: number;
}

/** Inter comes along, so that text looks the same on every machine; what it lacks is taken from the fonts of the system. */
const family = 'Inter';
const fontFiles = ['400Regular', '600SemiBold'].map((weight) =>
  createRequire(import.meta.url).resolve(`@expo-google-fonts/inter/${weight}/Inter_${weight}.ttf`),
);

/**
 * A drawing of `@filigree/view` as a PNG image. The renderer knows neither CSS variables nor media queries, so the theme's are put
 * in their place first.
 */
export function svgToPng(svg: string, options: PngOptions = {}): Uint8Array {
  const { theme = 'light', scale = 2 } = options;
  const { drawing, paper } = settled(svg, theme);
  const font = { fontFiles, loadSystemFonts: true, defaultFontFamily: family, sansSerifFamily: family };
  const image = new Resvg(drawing, { background: paper, fitTo: { mode: 'zoom', value: scale }, font });
  return image.render().asPng();
}

/** The drawing with one theme's colours written out, and the colour of what it lies on. */
export function settled(svg: string, theme: Theme): { drawing: string; paper: string | undefined } {
  const variables = new Map<string, string>();
  const drawing = svg.replace(/<style>([^<]*)<\/style>/g, (_, css: string) => {
    const { plain, dark } = partMedia(css);
    const rules = theme === 'dark' ? plain + dark : plain;
    for (const [, name, value] of rules.matchAll(/(--[\w-]+):([^;}]*)/g)) variables.set(name, value);
    return `<style>${rules.replace(/--[\w-]+:[^;}]*;?/g, '').replace(/font-family:[^;}]*/g, `font-family:${family}`)}</style>`;
  });
  const written = drawing.replace(/var\((--[\w-]+)\)/g, (whole, name: string) => variables.get(name) ?? whole);
  return { drawing: written, paper: variables.get('--paper') };
}

/** The rules for every theme, and those inside `@media (prefers-color-scheme:dark)`. */
function partMedia(css: string): { plain: string; dark: string } {
  let [plain, dark, rest] = ['', '', css];
  for (;;) {
    const start = rest.search(/@media[^{]*\{/);
    if (start < 0) return { plain: plain + rest, dark };
    const open = rest.indexOf('{', start);
    let end = open + 1;
    for (let depth = 1; depth > 0 && end < rest.length; end++) {
      depth += rest[end] === '{' ? 1 : rest[end] === '}' ? -1 : 0;
    }
    if (/prefers-color-scheme:\s*dark/.test(rest.slice(start, open))) dark += rest.slice(open + 1, end - 1);
    plain += rest.slice(0, start);
    rest = rest.slice(end);
  }
}
