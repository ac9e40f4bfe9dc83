import { colorNames, drawingTheme } from './colors.js';
import { cut, decimal, px, safe } from './markup.js';

/** One head's attention pattern on a prompt. */
export interface HeadPattern {
  readonly label: string;
  /** A line under the label. */
  readonly note?: string;
  /** `[t, s]`, row-major: how much position t attends to position s. */
  readonly pattern: ArrayLike<number>;
}

/** How to draw patterns. */
export interface AttentionSvgOptions {
  /** Width in CSS pixels that heads beside each other may take; 900 unless given. */
  readonly width?: number;
  /** Heads beside each other; what fits unless given. */
  readonly columns?: number;
  /** One line that says what is drawn, written above. */
  readonly title?: string;
  /** Carries its own style, so that the SVG can stand alone (default true). The style is `attentionStyle`. */
  readonly styled?: boolean;
}

/** Style of the drawing; a later rule may set `--paper`, `--ink`, `--muted` and `--line` to those of the surroundings. */
export const attentionStyle = `
${drawingTheme('attention')}
.attention .ground{fill:var(--paper)}
.attention text{fill:var(--muted);font-size:10px}
.attention .title{fill:var(--ink);font-size:13px;font-weight:600}
.attention .head{fill:var(--ink);font-size:12px;font-weight:600}
.attention .frame{fill:none;stroke:var(--line)}
.attention .edge{stroke:var(--line);stroke-width:1}
.attention .cell{fill:var(${colorNames.negative})}
.attention .cell:hover{stroke:var(--ink)}
`;

/** Weights below this are not drawn: a hundredth of the strongest colour cannot be seen. */
const visible = 0.01;
const longestLabel = 12;
const characterWidth = 5.8;
/** Least height of a cell beside which its token can be written. */
const readable = 9;
const usualWidth = 900;
const gap = 26;

/**
 * Draws attention patterns as small matrices, one a head: rows are the attending positions from the first down, columns what they
 * attend to; the darker, the more. Tokens stand at the left of each line of heads and under the last; pointing at a cell says its two
 * tokens and its weight.
 *
 * @throws RangeError for a pattern that is not tokens by tokens.
 */
export function attentionSvg(
  tokens: readonly string[],
  heads: readonly HeadPattern[],
  options: AttentionSvgOptions = {},
): string {
  const n = tokens.length;
  const wrong = heads.find(({ pattern }) => pattern.length !== n * n);
  if (wrong) throw new RangeError(`the pattern of ${wrong.label} has ${wrong.pattern.length} weights, not ${n * n}`);
  const cell = Math.max(3, Math.min(16, (heads.length > 1 ? 240 : 560) / Math.max(1, n)));
  const side = cell * n;
  const names = tokens.map((token) => cut(token, longestLabel));
  const named = cell >= readable;
  const reach = named ? Math.max(0, ...names.map((name) => name.length)) * characterWidth + 10 : 0;
  const across = options.columns ?? Math.max(1, Math.floor(((options.width ?? usualWidth) - reach) / (side + gap)));
  const columns = Math.max(1, Math.min(across, heads.length));
  const lines = Math.ceil(heads.length / columns);
  const caption = heads.some(({ note }) => note) ? 34 : 20;
  const top = options.title ? 34 : 8;
  const left = 10 + reach;
  const widest = Math.max(0, ...heads.map(({ label, note = '' }) => Math.max(label.length * 7, note.length * 5.6)));
  const step = Math.max(side, widest) + gap;
  const width = Math.max(left + columns * step - gap + 10, (options.title ?? '').length * 7.6 + 16);
  const height = top + lines * (side + caption + 14) + (named ? reach * 0.75 + 6 : 0);
  const panels = heads.map((head, i) => {
    const [line, column] = [Math.floor(i / columns), i % columns];
    const x = left + column * step;
    const y = top + line * (side + caption + 14) + caption;
    const below = named && i + columns >= heads.length;
    return panel(head, { tokens, names, cell, side, first: named && column === 0, below }, x, y);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="attention" viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" height="${px(height)}" role="img" aria-label="${safe(options.title ?? 'Attention patterns')}">`,
    (options.styled ?? true) ? `<style>${attentionStyle}</style>` : '',
    `<rect class="ground" width="${px(width)}" height="${px(height)}"/>`,
    options.title ? `<text class="title" x="10" y="20">${safe(options.title)}</text>` : '',
    ...panels,
    '</svg>',
  ].join('');
}

interface PanelPlan {
  readonly tokens: readonly string[];
  /** Tokens cut short. */
  readonly names: readonly string[];
  readonly cell: number;
  readonly side: number;
  /** Whether tokens stand at its left, and under it. */
  readonly first: boolean;
  readonly below: boolean;
}

function panel({ label, note, pattern }: HeadPattern, plan: PanelPlan, x: number, y: number): string {
  const { tokens, names, cell, side } = plan;
  const n = tokens.length;
  const cells = Array.from(pattern).flatMap((weight, i) => {
    if (!(weight >= visible)) return [];
    const [t, s] = [Math.floor(i / n), i % n];
    const title = `${tokens[t]} \u2192 ${tokens[s]}: ${decimal(weight)}`;
    return `<rect class="cell" x="${px(s * cell)}" y="${px(t * cell)}" width="${px(cell)}" height="${px(cell)}" fill-opacity="${Math.round(Math.min(1, weight) * 100) / 100}"><title>${safe(title)}</title></rect>`;
  });
  const rows = plan.first
    ? names.map((name, t) => `<text x="-6" y="${px((t + 0.5) * cell + 3.5)}" text-anchor="end">${safe(name)}</text>`)
    : [];
  const under = plan.below
    ? names.map(
        (name, s) =>
          `<text transform="translate(${px((s + 0.5) * cell + 4)} ${px(side + 9)}) rotate(-45)" text-anchor="end">${safe(name)}</text>`,
      )
    : [];
  return [
    `<g class="panel" transform="translate(${px(x)} ${px(y)})">`,
    `<text class="head" y="${note ? -20 : -7}">${safe(label)}</text>`,
    note ? `<text y="-6">${safe(note)}</text>` : '',
    `<line class="edge" x2="${px(side)}" y2="${px(side)}"/>`,
    ...cells,
    `<rect class="frame" width="${px(side)}" height="${px(side)}"/>`,
    ...rows,
    ...under,
    '</g>',
  ].join('');
}
