import { colorNames, drawingTheme } from './colors.js';
import { cut, figure, px, safe } from './markup.js';

/** A row's or column's name; a strong one stands out. */
export type AxisLabel = string | { readonly text: string; readonly strong?: boolean; readonly title?: string };

/** Numbers by row and column. */
export interface HeatMap {
  /** Drawn from the bottom up, as computation rises in the drawing of a circuit. */
  readonly rows: readonly AxisLabel[];
  readonly columns: readonly AxisLabel[];
  /** Row-major; an entry that is not finite is drawn as a gap. */
  readonly values: ArrayLike<number>;
  /** Words to write into the cells, row-major. */
  readonly texts?: readonly string[];
  /** What pointing at a cell says; row, column and value unless given. */
  readonly titles?: readonly string[];
}

/** How to draw a heat map. */
export interface HeatMapSvgOptions {
  /** Stands over the drawing, and says what is drawn to those who cannot see it. */
  readonly title?: string;
  readonly rowTitle?: string;
  readonly columnTitle?: string;
  /** The number that gets the strongest colour, at either sign; the largest size there is unless given. */
  readonly limit?: number;
  /** Width in CSS pixels that the cells may take, as far as they stay legible; 720 unless given. Cells with words keep their width. */
  readonly width?: number;
  /** What the two ends of the scale mean. */
  readonly negative?: string;
  readonly positive?: string;
  /** Carries its own style, so that the SVG can stand alone (default true). The style is `heatMapStyle`. */
  readonly styled?: boolean;
}

/** Style of the drawing; a later rule may set `--paper`, `--ink`, `--muted` and `--line` to those of the surroundings. */
export const heatMapStyle = `
${drawingTheme('heat')}
.heat .ground{fill:var(--paper)}
.heat text{fill:var(--muted);font-size:11px}
.heat .title{fill:var(--ink);font-size:13px;font-weight:600}
.heat .strong{fill:var(--ink);font-weight:600}
.heat .frame{fill:none;stroke:var(--line)}
.heat .gap{fill:var(--line);fill-opacity:.5}
.heat .negative{fill:var(${colorNames.negative})}
.heat .positive{fill:var(${colorNames.positive})}
.heat .cell:hover{stroke:var(--ink)}
.heat .word{fill:var(--ink);text-anchor:middle;pointer-events:none}
.heat .number{font-variant-numeric:tabular-nums}
`;

const usualWidth = 720;
const wordWidth = 58;
const longestLabel = 16;
/** Width of a character of the labels' size, on the safe side for most typefaces. */
const characterWidth = 6.4;
const legendSteps = 8;
/** Strongest colour under words, so that they can be read. */
const underWords = 0.5;

/**
 * Draws numbers as a table of cells: paper at 0, orange for positive and blue for negative ones, stronger the larger they are, with
 * the scale under it. Pointing at a cell says its number. Cells have class `cell` and, besides, `negative` or `positive`.
 *
 * @throws RangeError when there are not rows times columns values.
 */
export function heatMapSvg(map: HeatMap, options: HeatMapSvgOptions = {}): string {
  const { rows, columns, texts } = map;
  const values = Array.from(map.values);
  if (values.length !== rows.length * columns.length) {
    throw new RangeError(`a heat map of ${rows.length} by ${columns.length} cells got ${values.length} values`);
  }
  const sizes = values.filter(Number.isFinite).map(Math.abs);
  const largest = options.limit ?? sizes.reduce((a, b) => Math.max(a, b), 0);
  const cell = cellSize(columns.length, texts !== undefined, options.width ?? usualWidth);
  const columnTexts = columns.map((label) => cut(textOf(label), longestLabel));
  // Names that are wider than their cells lean.
  const lean = columnTexts.some((text) => text.length * characterWidth > cell.width - 3);
  const widest = Math.max(0, ...columnTexts.map((text) => text.length)) * characterWidth;
  const rowWidth = Math.max(0, ...rows.map((label) => cut(textOf(label), longestLabel).length)) * characterWidth;
  const left = Math.max((options.rowTitle ? 22 : 8) + rowWidth + 8, lean ? widest * 0.72 - cell.width / 2 + 6 : 0);
  const top = options.title ? 32 : 8;
  const [gridWidth, gridHeight] = [cell.width * columns.length, cell.height * rows.length];
  const labels = lean ? widest * 0.72 + 12 : 18;
  const afterLabels = top + gridHeight + labels + (options.columnTitle ? 16 : 0);
  const width = Math.max(left + gridWidth + 14, (options.title ?? '').length * 7.6 + 16, legendLength(options) + 16);
  const height = afterLabels + 34;
  const scale = { left, top, height: cell.height, width: cell.width, rows: rows.length };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="heat" viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" height="${px(height)}" role="img" aria-label="${safe(options.title ?? 'Heat map')}">`,
    (options.styled ?? true) ? `<style>${heatMapStyle}</style>` : '',
    `<rect class="ground" width="${px(width)}" height="${px(height)}"/>`,
    options.title ? `<text class="title" x="8" y="19">${safe(options.title)}</text>` : '',
    cells(map, values, largest, scale),
    `<rect class="frame" x="${px(left)}" y="${px(top)}" width="${px(gridWidth)}" height="${px(gridHeight)}"/>`,
    ...rows.map((label, r) => {
      const y = top + gridHeight - (r + 0.5) * cell.height + 4;
      return axisLabel(label, `x="${px(left - 7)}" y="${px(y)}" text-anchor="end"`);
    }),
    ...columns.map((label, c) => {
      const [x, y] = [left + (c + 0.5) * cell.width, top + gridHeight + 15];
      return axisLabel(
        label,
        lean
          ? `transform="translate(${px(x + 4)} ${px(y - 2)}) rotate(-45)" text-anchor="end"`
          : `x="${px(x)}" y="${px(y)}" text-anchor="middle"`,
      );
    }),
    options.rowTitle
      ? `<text transform="translate(14 ${px(top + gridHeight / 2)}) rotate(-90)" text-anchor="middle">${safe(options.rowTitle)}</text>`
      : '',
    options.columnTitle
      ? `<text x="${px(left + gridWidth / 2)}" y="${px(top + gridHeight + labels + 12)}" text-anchor="middle">${safe(options.columnTitle)}</text>`
      : '',
    legend(Math.max(8, Math.min(left, width - legendLength(options) - 8)), afterLabels + 12, largest, map, options),
    '</svg>',
  ].join('');
}

/** Cells with words are wide; others are as large as keeps the drawing of a page's width. */
function cellSize(columns: number, words: boolean, width: number): { width: number; height: number } {
  if (words) return { width: wordWidth, height: 24 };
  const side = Math.max(8, Math.min(28, width / Math.max(1, columns)));
  return { width: side, height: Math.max(14, Math.min(24, side)) };
}

interface Scale {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly rows: number;
}

function cells({ rows, columns, texts, titles }: HeatMap, values: number[], largest: number, scale: Scale): string {
  const parts = values.map((value, i) => {
    const [r, c] = [Math.floor(i / columns.length), i % columns.length];
    const x = scale.left + c * scale.width;
    const y = scale.top + (scale.rows - 1 - r) * scale.height;
    const place = `x="${px(x)}" y="${px(y)}" width="${px(scale.width)}" height="${px(scale.height)}"`;
    const said = titles?.[i] ?? `${fullText(rows[r])}, ${fullText(columns[c])}: ${figure(value)}`;
    const title = `<title>${safe(said)}</title>`;
    const most = texts ? underWords : 1;
    const rect = Number.isFinite(value)
      ? `<rect class="cell ${value < 0 ? 'negative' : 'positive'}" ${place} fill-opacity="${strength(value, largest, most)}">${title}</rect>`
      : `<rect class="cell gap" ${place}>${title}</rect>`;
    if (!texts?.[i]) return rect;
    const word = cut(texts[i], 9);
    return `${rect}<text class="word" x="${px(x + scale.width / 2)}" y="${px(y + scale.height / 2 + 4)}">${safe(word)}</text>`;
  });
  return `<g class="cells">${parts.join('')}</g>`;
}

/** How much of its colour a number gets. */
function strength(value: number, largest: number, most: number): string {
  const share = largest > 0 ? Math.min(1, Math.abs(value) / largest) : 0;
  return String(Math.round(share * most * 1000) / 1000);
}

const textOf = (label: AxisLabel): string => (typeof label === 'string' ? label : label.text);
const fullText = (label: AxisLabel): string => (typeof label === 'string' ? label : (label.title ?? label.text));

function axisLabel(label: AxisLabel, place: string): string {
  const strong = typeof label !== 'string' && label.strong ? ' class="strong"' : '';
  return `<text${strong} ${place}>${safe(cut(textOf(label), longestLabel))}<title>${safe(fullText(label))}</title></text>`;
}

function legendLength({ negative = '', positive = '' }: HeatMapSvgOptions): number {
  return legendSteps * 2 * 10 + 100 + (negative.length + positive.length) * characterWidth;
}

/** The scale: from the strongest blue to the strongest orange, or from paper on where nothing is negative. */
function legend(x: number, y: number, largest: number, { values, texts }: HeatMap, options: HeatMapSvgOptions): string {
  if (!(largest > 0)) return '';
  const most = texts ? underWords : 1;
  // Rounding below zero is no reason for a second half.
  const signed = Array.from(values).some((value) => value < -largest / 200);
  const first = signed ? -legendSteps : 0;
  const before = signed ? [options.negative, figure(-largest, 2)] : ['0'];
  const lead = before.filter(Boolean).join('  ');
  const start = x + lead.length * characterWidth + 6;
  const steps = Array.from({ length: legendSteps - first + 1 }, (_, i) => {
    const value = first + i;
    return `<rect class="${value < 0 ? 'negative' : 'positive'}" x="${px(start + i * 10)}" y="${px(y)}" width="10" height="10" fill-opacity="${strength(value, legendSteps, most)}"/>`;
  });
  const end = start + steps.length * 10;
  const after = [figure(largest, 2), options.positive].filter(Boolean).join('  ');
  return [
    '<g class="legend">',
    `<text class="number" x="${px(start - 6)}" y="${px(y + 9)}" text-anchor="end">${safe(lead)}</text>`,
    ...steps,
    `<rect class="frame" x="${px(start)}" y="${px(y)}" width="${steps.length * 10}" height="10"/>`,
    `<text class="number" x="${px(end + 6)}" y="${px(y + 9)}">${safe(after)}</text>`,
    '</g>',
  ].join('');
}
