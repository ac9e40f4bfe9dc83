import { drawingTheme } from './colors.js';
import { plotAxes, plotFrame, plotRuns } from './curve-svg.js';
import { count, figure, px, safe } from './markup.js';

/** One line of a plot. */
export interface NamedCurve {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly faithfulness: readonly number[];
  /** Which colour it has, from 0, so that it is the same in several drawings; its place among the lines unless given. */
  readonly hue?: number;
  /** Drawn grey and dashed, as what others are compared with. */
  readonly control?: boolean;
}

/** How to draw several curves. */
export interface CurvesSvgOptions {
  /** Width in CSS pixels at natural size, 860 unless given, and height, 420 unless given. */
  readonly width?: number;
  readonly height?: number;
  /** Stands over the drawing. */
  readonly title?: string;
  /** What sizes count: `edge` unless given. */
  readonly unit?: string;
}

/** Eight hues that stay apart on paper of either theme; from the ninth line on they come again, dotted. */
const hues = {
  light: ['#0b68ad', '#ba4800', '#1f7a4d', '#7d45b0', '#b3246e', '#8a6a00', '#00818a', '#c1272d'],
  dark: ['#5caef0', '#f59742', '#5cc48d', '#b791ea', '#ef79b1', '#d6b13c', '#4fc6cf', '#ff7b72'],
};

const variables = (theme: keyof typeof hues): string => hues[theme].map((hue, i) => `--hue-${i}:${hue};`).join('');

const style = `
${drawingTheme('curves')}
.curves{${variables('light')}}
@media (prefers-color-scheme:dark){.curves{${variables('dark')}}}
.curves .ground{fill:var(--paper)}
.curves text{fill:var(--muted);font-size:12px;font-variant-numeric:tabular-nums}
.curves .title{fill:var(--ink);font-size:14px;font-weight:600}
.curves .name{fill:var(--ink)}
.curves .grid{stroke:var(--line);stroke-width:1;stroke-opacity:.45}
.curves .reference{stroke:var(--muted);stroke-width:1;stroke-dasharray:4 3}
.curves .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.curves .again{stroke-dasharray:1 5}
.curves .control{stroke:var(--muted);stroke-dasharray:6 4}
.curves .point.control{fill:var(--muted)}
${hues.light.map((_, i) => `.curves .line.hue-${i}{stroke:var(--hue-${i})}.curves .point.hue-${i}{fill:var(--hue-${i})}`).join('\n')}
`;

const titleHeight = 26;
const keyWidth = 170;
const keyStep = 20;

/**
 * Draws the faithfulness of several methods against the number of edges, on a logarithmic size axis, with their names at the right in
 * the order given: best first tells most. Nothing is clipped. Stands alone, and follows its reader's light or dark.
 */
export function curvesSvg(curves: readonly NamedCurve[], options: CurvesSvgOptions = {}): string {
  const { width = 860, height = 420, title = '', unit = 'edge' } = options;
  const columns = curves.map(({ sizes, faithfulness }) => ({ sizes, values: faithfulness }));
  const frame = plotFrame(columns, width - keyWidth, height - titleHeight);
  let hue = 0;
  const classes = curves.map(({ control, hue: wanted }) => {
    if (control) return 'control';
    const own = wanted ?? hue++;
    return `hue-${own % hues.light.length}${own >= hues.light.length ? ' again' : ''}`;
  });
  const lines = curves.map(({ name, sizes, faithfulness }, c) => {
    const all = plotRuns(sizes, faithfulness);
    const at = (i: number): string => `${px(frame.x(sizes[i]))},${px(frame.y(faithfulness[i]))}`;
    const paths = all.map((run) => `<path class="line ${classes[c]}" d="M${run.map(at).join('L')}"/>`);
    const points = all.flat().map((i) => {
      const said = `${name}, ${count(sizes[i])} ${unit}s: ${figure(faithfulness[i])}`;
      return `<circle class="point ${classes[c]}" cx="${px(frame.x(sizes[i]))}" cy="${px(frame.y(faithfulness[i]))}" r="3"><title>${safe(said)}</title></circle>`;
    });
    return `<g>${paths.join('')}${points.join('')}</g>`;
  });
  // The first lies on top.
  lines.reverse();
  const left = width - keyWidth + 6;
  const keys = curves.map(({ name }, c) => {
    const y = 34 + c * keyStep;
    return `<path class="line ${classes[c]}" d="M${left},${y}h24"/><text class="name" x="${left + 32}" y="${y + 4}">${safe(name)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="curves" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${safe(title || 'Faithfulness of several methods')}"><style>${style}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    title ? `<text class="title" x="12" y="20">${safe(title)}</text>` : '',
    `<g transform="translate(0 ${titleHeight})">`,
    plotAxes(frame, unit),
    ...lines,
    ...keys,
    '</g></svg>',
  ].join('');
}
