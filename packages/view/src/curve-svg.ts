import { colorNames, drawingTheme } from './colors.js';
import { count, figure, px, safe } from './markup.js';

/** Faithfulness against circuit size, one entry a size in every list. An entry that is not finite is a gap. */
export interface Curve {
  /** Numbers of edges, rising. Sizes below 1 have no place on a logarithmic axis and are left out. */
  readonly sizes: readonly number[];
  /** 1 where the circuit does as well as the whole model, 0 where no better than with every edge cut. */
  readonly faithfulness: readonly number[];
  /** Ends of the bootstrap interval. */
  readonly low?: readonly number[];
  readonly high?: readonly number[];
  /** Faithfulness of random circuits of equal size, and its interval. */
  readonly random?: readonly number[];
  readonly randomLow?: readonly number[];
  readonly randomHigh?: readonly number[];
}

/** How to draw a curve. */
export interface CurveSvgOptions {
  /** Width in CSS pixels at natural size, 620 unless given. */
  readonly width?: number;
  /** Height, 0.56 of the width but at least 240 unless given. */
  readonly height?: number;
  /** A size to mark. */
  readonly marker?: number;
  /** What sizes count: `edge` unless given. */
  readonly unit?: string;
  /** One line that says what is drawn, for those who cannot see it. */
  readonly title?: string;
  /** Carries its own style, so that the SVG can stand alone (default true). The style is `curveStyle`. */
  readonly styled?: boolean;
}

/** Style of the plot; a later rule may set `--paper`, `--ink`, `--muted` and `--line` to those of the surroundings. */
export const curveStyle = `
${drawingTheme('curve')}
.curve text{fill:var(--muted);font-size:12px;font-variant-numeric:tabular-nums}
.curve .grid{stroke:var(--line);stroke-width:1;stroke-opacity:.45}
.curve .reference{stroke:var(--muted);stroke-width:1;stroke-dasharray:4 3}
.curve .line{fill:none;stroke:var(${colorNames.negative});stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.curve .band{fill:var(${colorNames.negative});fill-opacity:.16}
.curve .point{fill:var(${colorNames.negative});stroke:var(--paper);stroke-width:1.5}
.curve .random.line{stroke:var(${colorNames.neutral})}
.curve .random.band{fill:var(${colorNames.neutral})}
.curve .random.point{fill:var(${colorNames.neutral})}
.curve .marker line{stroke:var(--ink);stroke-width:1.5}
.curve .marker text{fill:var(--ink);font-weight:600}
.curve .own{fill:var(${colorNames.negative});font-weight:600}
`;

const top = 30;
const bottom = 46;
const left = 46;
const right = 16;

/** Where values lie in a plot. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly from: number;
  readonly to: number;
  readonly low: number;
  readonly high: number;
  x(size: number): number;
  y(value: number): number;
}

/**
 * Draws faithfulness against the number of edges, on a logarithmic size axis: a line with its interval shaded, in grey the same
 * for random circuits of equal size, dashed lines at 0 (every edge cut) and 1 (whole model). Nothing is clipped: the axis
 * grows to hold values above 1 and below 0. The marker is the group with class `marker`; `data-from`, `data-to` (sizes),
 * `data-left` and `data-right` (drawing units) on the element say where a size lies.
 */
export function curveSvg(curve: Curve, options: CurveSvgOptions = {}): string {
  const width = options.width ?? 620;
  const unit = options.unit ?? 'edge';
  const frame = frameOf(curve, width, options.height ?? Math.max(240, Math.round(width * 0.56)), options.marker);
  const { height } = frame;
  const random = curve.random;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="curve" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${safe(options.title ?? `Faithfulness against number of ${unit}s`)}" data-from="${frame.from}" data-to="${frame.to}" data-left="${left}" data-right="${width - right}">`,
    (options.styled ?? true) ? `<style>${curveStyle}</style>` : '',
    plotAxes(frame, unit),
    random ? band(frame, curve.sizes, curve.randomLow, curve.randomHigh, 'random band') : '',
    band(frame, curve.sizes, curve.low, curve.high, 'band'),
    random ? series(frame, curve.sizes, random, 'random', 'random circuits', unit) : '',
    series(frame, curve.sizes, curve.faithfulness, '', 'faithfulness', unit),
    keys(frame, random !== undefined),
    options.marker === undefined ? '' : markerSvg(frame, options.marker),
    '</svg>',
  ].join('');
}

function frameOf(curve: Curve, width: number, height: number, marker?: number): Frame {
  const { sizes, faithfulness, low, high, random, randomLow, randomHigh } = curve;
  const columns = [faithfulness, low, high, random, randomLow, randomHigh].flatMap((values) =>
    values ? [{ sizes, values }] : [],
  );
  return plotFrame(columns, width, height, marker === undefined ? [] : [marker]);
}

/** A frame that holds all values that can be drawn, 0 and 1, and further sizes. */
export function plotFrame(
  columns: readonly { readonly sizes: readonly number[]; readonly values: readonly number[] }[],
  width: number,
  height: number,
  further: readonly number[] = [],
): Frame {
  const sizes = [...columns.flatMap((column) => [...column.sizes]), ...further].filter((size) => size >= 1);
  let low = 0;
  let high = 1;
  for (const column of columns) {
    for (const [i, size] of column.sizes.entries()) {
      const value = column.values[i];
      if (!(size >= 1) || !Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  const room = 0.05 * (high - low);
  low -= room;
  high += room;
  const from = sizes.reduce((a, b) => Math.min(a, b), sizes[0] ?? 1);
  const to = Math.max(
    sizes.reduce((a, b) => Math.max(a, b), 1),
    from * 1.5,
  );
  return {
    width,
    height,
    from,
    to,
    low,
    high,
    x: (size) => left + ((width - left - right) * Math.log(size / from)) / Math.log(to / from),
    y: (value) => top + ((height - top - bottom) * (high - value)) / (high - low),
  };
}

/** Grid, ticks and their labels. */
export function plotAxes(frame: Frame, unit: string): string {
  const { width, height, x, y } = frame;
  const parts: string[] = [];
  for (const value of ticks(frame.low, frame.high)) {
    const reference = value === 0 || value === 1;
    parts.push(
      `<line class="${reference ? 'reference' : 'grid'}" x1="${left}" x2="${width - right}" y1="${px(y(value))}" y2="${px(y(value))}"/>`,
      `<text x="${left - 8}" y="${px(y(value) + 4)}" text-anchor="end">${tickText(value)}</text>`,
    );
  }
  let taken = Number.NEGATIVE_INFINITY;
  for (const size of sizeTicks(frame)) {
    const at = x(size);
    const text = count(size);
    if (at - text.length * 3.5 < taken) continue;
    taken = at + text.length * 3.5 + 8;
    parts.push(
      `<line class="grid" x1="${px(at)}" x2="${px(at)}" y1="${height - bottom}" y2="${height - bottom + 5}"/>`,
      `<text x="${px(at)}" y="${height - bottom + 19}" text-anchor="middle">${text}</text>`,
    );
  }
  parts.push(
    `<text x="${px((left + width - right) / 2)}" y="${height - 8}" text-anchor="middle">number of ${safe(unit)}s</text>`,
  );
  return `<g class="axes">${parts.join('')}</g>`;
}

/** Steps of 1, 2 or 5 times a power of ten, at most about seven; 0 and 1 are always among them. */
function ticks(low: number, high: number): number[] {
  const raw = (high - low) / 6;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw)! * power;
  const found = new Set<number>([0, 1]);
  for (let i = Math.ceil(low / step); i * step <= high; i++) {
    const value = Number((i * step).toPrecision(6));
    if (value === 0 || value === 1 || Math.min(Math.abs(value), Math.abs(value - 1)) > step / 2) found.add(value);
  }
  return [...found];
}

function tickText(value: number): string {
  return String(value).replace('-', '\u2212');
}

/** Sizes 1, 2, 5 times powers of ten inside the frame, powers of ten first where room is short. */
function sizeTicks({ from, to, width }: Frame): number[] {
  const decades = Math.log10(to / from);
  const digits = (width - left - right) / decades > 110 ? [1, 2, 5] : [1];
  const found: number[] = [];
  for (let power = 10 ** Math.floor(Math.log10(from)); power <= to; power *= 10) {
    for (const digit of digits) {
      const size = digit * power;
      if (size >= from && size <= to && Number.isInteger(size)) found.push(size);
    }
  }
  return found.length ? found : [from];
}

/** Runs of neighbouring entries that can be drawn. */
export function plotRuns(sizes: readonly number[], ...columns: (readonly number[])[]): number[][] {
  const found: number[][] = [[]];
  sizes.forEach((size, i) => {
    if (size >= 1 && columns.every((column) => Number.isFinite(column[i]))) found.at(-1)!.push(i);
    else found.push([]);
  });
  return found.filter((run) => run.length);
}

function band(
  { x, y }: Frame,
  sizes: readonly number[],
  low: readonly number[] | undefined,
  high: readonly number[] | undefined,
  name: string,
): string {
  if (!low || !high) return '';
  return plotRuns(sizes, low, high)
    .map((run) => {
      const there = run.map((i) => `${px(x(sizes[i]))},${px(y(high[i]))}`);
      const back = [...run].reverse().map((i) => `${px(x(sizes[i]))},${px(y(low[i]))}`);
      return `<path class="${name}" d="M${[...there, ...back].join('L')}Z"/>`;
    })
    .join('');
}

function series(
  frame: Frame,
  sizes: readonly number[],
  values: readonly number[],
  name: string,
  what: string,
  unit: string,
): string {
  const { x, y } = frame;
  const all = plotRuns(sizes, values);
  const lines = all.map(
    (run) => `<path class="${name} line" d="M${run.map((i) => `${px(x(sizes[i]))},${px(y(values[i]))}`).join('L')}"/>`,
  );
  const points = all.flat().map((i) => {
    const title = `${count(sizes[i])} ${safe(unit)}${sizes[i] === 1 ? '' : 's'}: ${what} ${figure(values[i])}`;
    return `<circle class="${name} point" cx="${px(x(sizes[i]))}" cy="${px(y(values[i]))}" r="${name ? 2.5 : 4}"><title>${title}</title></circle>`;
  });
  return `<g>${lines.join('')}${points.join('')}</g>`;
}

function keys({ width }: Frame, random: boolean): string {
  const own = `<text class="own" x="${left}" y="16">faithfulness</text>`;
  return random ? `${own}<text x="${width - right}" y="16" text-anchor="end">random circuits</text>` : own;
}

function markerSvg({ x, height }: Frame, size: number): string {
  return `<g class="marker" transform="translate(${px(x(Math.max(1, size)))} 0)"><line y1="${top - 4}" y2="${height - bottom}"/></g>`;
}
