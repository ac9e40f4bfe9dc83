import { colorNames, drawingTheme } from './colors.js';
import { figure, px, safe } from './markup.js';

/** A point of a frontier. */
export interface FrontierPoint {
  readonly name: string;
  readonly x: number;
  /** Above 0: the axis is logarithmic. */
  readonly y: number;
  /** Points of one group have one colour and are joined in order of x. */
  readonly group: number;
}

export interface FrontierSvgOptions {
  readonly title?: string;
  readonly xName: string;
  readonly yName: string;
  readonly groups: readonly string[];
  readonly width?: number;
  readonly height?: number;
}

const style = `
${drawingTheme('frontier')}
.frontier .ground{fill:var(--paper)}
.frontier text{fill:var(--muted);font-size:12px;font-variant-numeric:tabular-nums}
.frontier .title{fill:var(--ink);font-size:14px;font-weight:600}
.frontier .name{fill:var(--ink)}
.frontier .grid{stroke:var(--line);stroke-width:1;stroke-opacity:.45}
.frontier .line{fill:none;stroke-width:2;stroke-linejoin:round}
.frontier .group-0{stroke:var(${colorNames.negative})}
.frontier .group-1{stroke:var(${colorNames.positive})}
.frontier .point.group-0{fill:var(${colorNames.negative})}
.frontier .point.group-1{fill:var(${colorNames.positive})}
`;

const [left, right, top, bottom] = [70, 24, 44, 52];

/**
 * What is paid against what is had: points of up to two groups, named, on a linear x axis and a logarithmic y axis. Stands alone, and
 * follows its reader's light or dark.
 */
export function frontierSvg(points: readonly FrontierPoint[], options: FrontierSvgOptions): string {
  const { title = '', xName, yName, groups, width = 760, height = 420 } = options;
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => Math.log10(y));
  const spread = (values: readonly number[], share: number): [number, number] => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const more = (high - low || 1) * share;
    return [low - more, high + more];
  };
  const [xLow, xHigh] = spread(xs, 0.12);
  const [yLow, yHigh] = spread(ys, 0.12);
  const x = (value: number): number => left + ((value - xLow) / (xHigh - xLow)) * (width - left - right);
  const y = (value: number): number =>
    height - bottom - ((Math.log10(value) - yLow) / (yHigh - yLow)) * (height - top - bottom);
  const grid = [
    ...linearTicks(xLow, xHigh).map((tick) => {
      const at = px(x(tick));
      return `<path class="grid" d="M${at},${top}V${height - bottom}"/><text x="${at}" y="${height - bottom + 18}" text-anchor="middle">${figure(tick)}</text>`;
    }),
    ...logTicks(yLow, yHigh).map((tick) => {
      const at = px(y(tick));
      return `<path class="grid" d="M${left},${at}H${width - right}"/><text x="${left - 8}" y="${px(y(tick) + 4)}" text-anchor="end">${Number(tick.toPrecision(4))}</text>`;
    }),
  ];
  const lines = groups.map((_, group) => {
    const own = points.filter((point) => point.group === group).sort((a, b) => a.x - b.x);
    const path = own.map((point) => `${px(x(point.x))},${px(y(point.y))}`).join('L');
    return own.length > 1 ? `<path class="line group-${group}" d="M${path}"/>` : '';
  });
  const marks = points.map((point) => {
    const [cx, cy] = [x(point.x), y(point.y)];
    const flip = cx > width - right - 90;
    const said = `${point.name}: ${xName} ${figure(point.x)}, ${yName} ${figure(point.y)}`;
    return `<circle class="point group-${point.group}" cx="${px(cx)}" cy="${px(cy)}" r="5"><title>${safe(said)}</title></circle><text class="name" x="${px(cx + (flip ? -9 : 9))}" y="${px(cy - 8)}" text-anchor="${flip ? 'end' : 'start'}">${safe(point.name)}</text>`;
  });
  const keys = groups.map(
    (name, group) =>
      `<circle class="point group-${group}" cx="${left + 8 + group * 170}" cy="${top - 12}" r="5"/><text class="name" x="${left + 18 + group * 170}" y="${top - 8}">${safe(name)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="frontier" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${safe(title || `${yName} against ${xName}`)}"><style>${style}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    title ? `<text class="title" x="12" y="20">${safe(title)}</text>` : '',
    ...grid,
    ...lines,
    ...marks,
    ...keys,
    `<text x="${px((left + width - right) / 2)}" y="${height - 12}" text-anchor="middle">${safe(xName)}</text>`,
    `<text transform="translate(16 ${px((top + height - bottom) / 2)}) rotate(-90)" text-anchor="middle">${safe(yName)}</text>`,
    '</svg>',
  ].join('');
}

/** Three to eight round numbers in a range. */
function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) as number;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/** 1, 2 and 5 times the powers of ten in a range of exponents. */
function logTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const digit of [1, 2, 5]) {
      const tick = digit * 10 ** power;
      if (Math.log10(tick) >= low && Math.log10(tick) <= high) ticks.push(Number(tick.toPrecision(6)));
    }
  }
  return ticks;
}
