import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { useEffect, useRef, useState } from 'react';
import { count, figure } from '../parts/figures.js';
import { useWidth } from '../parts/width.js';
import { fetchText } from '../state/items.js';
import { messageOf, nameOf, waitForItems } from '../state/read.js';
import { setState } from '../state/store.js';

interface Training {
  readonly losses: readonly [step: number, loss: number][];
  /** By the part of the record that they stand in. */
  readonly facts: readonly (readonly [group: string, rows: readonly (readonly [name: string, value: string])[]])[];
}

/** The record of a training: how the loss fell, and by which recipe. */
export function RunView({ id }: { readonly id: string }): React.JSX.Element {
  const [training, setTraining] = useState<Training | null>(null);
  useEffect(() => {
    let stale = false;
    waitForItems()
      .then(() => fetchText(id))
      .then((text) => !stale && setTraining(readTraining(text, id)))
      .catch((error) => !stale && setState({ problem: messageOf(error) }));
    return () => {
      stale = true;
    };
  }, [id]);
  if (!training)
    return (
      <p className="waiting">
        Opening {id}
        {'\u2026'}
      </p>
    );
  const { losses, facts } = training;
  return (
    <main className="run-view">
      <header className="title">
        <p className="eyebrow">{nameOf(id)}</p>
        <h1>
          {count(losses.at(-1)?.[0] ?? 0)} steps to a loss of <em>{figure(losses.at(-1)?.[1])}</em>.
        </h1>
      </header>
      <section className="panel">
        <h2>Loss</h2>
        <LossPlot losses={losses} />
      </section>
      {facts.map(([group, rows]) => (
        <section key={group} className="panel made facts-panel" aria-label={group}>
          <h2>{group}</h2>
          <dl>
            {rows.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </main>
  );
}

const margin = { top: 14, right: 28, bottom: 40, left: 46 };

function LossPlot({ losses }: Pick<Training, 'losses'>): React.JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 220);
  const height = Math.round(Math.min(360, Math.max(210, width * 0.4)));
  const x = scaleLinear([0, losses.at(-1)?.[0] ?? 1], [margin.left, width - margin.right]);
  const y = scaleLinear(
    [Math.min(...losses.map(([, l]) => l)), Math.max(...losses.map(([, l]) => l))],
    [height - margin.bottom, margin.top],
  ).nice(5);
  const draw = line<[number, number]>(
    ([step]) => x(step),
    ([, loss]) => y(loss),
  );
  return (
    <div className="curve-plot" ref={box}>
      <svg width={width} height={height} role="img" aria-label="Loss by step">
        {y.ticks(5).map((tick) => (
          <g key={tick}>
            <line className="grid" x1={margin.left} x2={width - margin.right} y1={y(tick)} y2={y(tick)} />
            <text x={margin.left - 8} y={y(tick) + 4} textAnchor="end">
              {tick}
            </text>
          </g>
        ))}
        {x.ticks(Math.max(2, Math.round(width / 140))).map((tick) => (
          <text key={tick} x={x(tick)} y={height - 20} textAnchor="middle">
            {count(tick)}
          </text>
        ))}
        <text x={width / 2} y={height - 3} textAnchor="middle">
          step
        </text>
        <g className="series series-0">
          <path className="line" d={draw([...losses]) ?? ''} />
        </g>
      </svg>
    </div>
  );
}

/** Checks a record from a file. Throws an Error for the user where it is none. */
function readTraining(text: string, id: string): Training {
  const wrong = new Error(`${id} is not the record of a training: it has no list "losses" of steps and losses.`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw wrong;
  }
  if (typeof json !== 'object' || json === null || !('losses' in json) || !Array.isArray(json.losses)) throw wrong;
  const isPoint = (point: unknown): point is [number, number] =>
    Array.isArray(point) && point.length === 2 && point.every((n) => typeof n === 'number');
  if (json.losses.length === 0 || !json.losses.every(isPoint)) throw wrong;
  const { losses, ...rest } = json as { losses: [number, number][] };
  const groups = new Map<string, [string, string][]>();
  const add = (group: string, name: string, value: unknown): void => {
    if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) add(group, name ? `${name}.${key}` : key, inner);
      return;
    }
    const rows = groups.get(group) ?? [];
    groups.set(group, rows);
    rows.push([name, typeof value === 'number' && !Number.isInteger(value) ? figure(value, 4) : String(value)]);
  };
  const title = (key: string): string => key.charAt(0).toUpperCase() + key.slice(1);
  for (const [key, value] of Object.entries(rest)) {
    if (typeof value === 'object' && value !== null) add(title(key), '', value);
    else add('Result', key, value);
  }
  return { losses, facts: [...groups] };
}
