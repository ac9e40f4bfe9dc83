import { scaleLinear, scaleLog } from 'd3-scale';
import { area, line } from 'd3-shape';
import { memo, useMemo, useRef } from 'react';
import type { NamedCurve } from '../state/store.js';
import { count, decimal } from './figures.js';
import { useWidth } from './width.js';

interface CurvePlotProps {
  readonly curves: readonly NamedCurve[];
  /** The number of units now, and its faithfulness where it was measured. */
  readonly marker?: number;
  readonly measured?: number | null;
  readonly most: number;
  /** What is counted; edges unless given. */
  readonly unit?: string;
  /** Sets the size where the plot is clicked. */
  readonly onSize?: (size: number) => void;
}

const margin = { top: 14, right: 14, bottom: 40, left: 40 };

/** Faithfulness against size on a logarithmic axis, several curves with their intervals; a marker moves with the size. */
export function CurvePlot({
  curves,
  marker,
  measured,
  most,
  unit = 'edges',
  onSize,
}: CurvePlotProps): React.JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 220);
  const height = Math.round(Math.min(260, Math.max(190, width * 0.56)));
  const [low, high] = useMemo(() => {
    const values = curves.flatMap(({ data }) =>
      [data.faithfulness, data.low, data.high, data.random].flatMap((list) => list ?? []),
    );
    const finite = values.filter((value): value is number => value !== null && Number.isFinite(value));
    return [Math.min(0, ...finite), Math.max(1, ...finite)];
  }, [curves]);
  const own = measured !== undefined && measured !== null && Number.isFinite(measured) ? measured : undefined;
  const { x, y } = scales({ width, height, most, low: Math.min(low, own ?? low), high: Math.max(high, own ?? high) });
  const random = curves.find(({ data }) => data.random);
  const pick = (clientX: number): void => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    onSize?.(Math.round(x.invert(clientX - left)));
  };
  return (
    <div className="curve-plot" ref={box}>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the slider does the same by keyboard */}
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`Faithfulness against number of ${unit}`}
        onClick={onSize ? (event) => pick(event.clientX) : undefined}
        style={onSize ? { cursor: 'ew-resize' } : undefined}
      >
        <Lines
          curves={curves}
          width={width}
          height={height}
          most={most}
          unit={unit}
          low={Math.min(low, own ?? low)}
          high={Math.max(high, own ?? high)}
        />
        {marker === undefined ? null : (
          <g className="marker" transform={`translate(${x(Math.max(1, marker))} 0)`} data-size={marker}>
            <line y1={margin.top - 6} y2={height - margin.bottom} />
            {own === undefined ? null : <circle cy={y(own)} r={5.5} />}
          </g>
        )}
      </svg>
      {curves.length > 1 || random ? (
        <ul className="key">
          {curves.map(({ name }, i) => (
            <li key={name} className={`series-${i % 4}`}>
              <i />
              {name}
            </li>
          ))}
          {random ? (
            <li className="random">
              <i />
              random circuits
            </li>
          ) : null}
        </ul>
      ) : null}
    </div>
  );
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly most: number;
  readonly low: number;
  readonly high: number;
}

function scales({ width, height, most, low, high }: Frame) {
  return {
    x: scaleLog([1, Math.max(2, most)], [margin.left, width - margin.right]).clamp(true),
    y: scaleLinear([low, high], [height - margin.bottom, margin.top]).nice(5),
  };
}

/** All but the marker, which moves while these stay. */
const Lines = memo(function Lines({
  curves,
  unit,
  ...frame
}: Frame & { readonly curves: readonly NamedCurve[]; readonly unit: string }): React.JSX.Element {
  const { width, height } = frame;
  const { x, y } = scales(frame);
  const random = curves.find(({ data }) => data.random);
  const points = (data: NamedCurve['data'], list: readonly (number | null)[] | undefined): [number, number][] =>
    (list ?? []).flatMap((value, i) =>
      value === null || data.sizes[i] < 1 ? [] : [[data.sizes[i], value] as [number, number]],
    );
  const draw = line<[number, number]>(
    ([size]) => x(size),
    ([, value]) => y(value),
  );
  const band = ({ data }: NamedCurve): string => {
    const rows = data.sizes.flatMap((size, i) => {
      const [from, to] = [data.low?.[i] ?? null, data.high?.[i] ?? null];
      return size < 1 || from === null || to === null ? [] : [[size, from, to]];
    });
    return (
      area<number[]>()
        .x(([size]) => x(size))
        .y0(([, from]) => y(from))
        .y1(([, , to]) => y(to))(rows) ?? ''
    );
  };
  return (
    <g>
      {y.ticks(5).map((tick) => (
        <g key={tick}>
          <line
            className={tick === 0 || tick === 1 ? 'reference' : 'grid'}
            x1={margin.left}
            x2={width - margin.right}
            y1={y(tick)}
            y2={y(tick)}
          />
          <text x={margin.left - 8} y={y(tick) + 4} textAnchor="end">
            {String(tick).replace('-', '\u2212')}
          </text>
        </g>
      ))}
      {x
        .ticks()
        .filter((tick) => Number.isInteger(Math.log10(tick)))
        .map((tick) => (
          <text key={tick} x={x(tick)} y={height - margin.bottom + 18} textAnchor="middle">
            {count(tick)}
          </text>
        ))}
      <text x={(margin.left + width - margin.right) / 2} y={height - 5} textAnchor="middle">
        {unit}
      </text>
      {random ? <path className="line random" d={draw(points(random.data, random.data.random)) ?? ''} /> : null}
      {curves.map((curve, i) => (
        <g key={curve.name} className={`series series-${i % 4}`}>
          <path className="band" d={band(curve)} />
          <path className="line" d={draw(points(curve.data, curve.data.faithfulness)) ?? ''} />
          {points(curve.data, curve.data.faithfulness).map(([size, value]) => (
            <circle key={size} className="point" cx={x(size)} cy={y(value)} r={3}>
              <title>{`${count(size)} ${unit}: ${decimal(value)} (${curve.name})`}</title>
            </circle>
          ))}
        </g>
      ))}
    </g>
  );
});
