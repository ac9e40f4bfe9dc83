import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { useEffect, useState } from 'react';
import { count, figure } from '../parts/figures.js';
import { fetchText } from '../state/items.js';
import { messageOf, nameOf, waitForItems } from '../state/read.js';
import { setState } from '../state/store.js';

interface Training {
  readonly losses: readonly [step: number, loss: number][];
  readonly facts: readonly [name: string, value: string][];
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
  const [width, height] = [720, 300];
  const x = scaleLinear([0, losses.at(-1)?.[0] ?? 1], [46, width - 12]);
  const y = scaleLinear(
    [Math.min(...losses.map(([, l]) => l)), Math.max(...losses.map(([, l]) => l))],
    [height - 40, 14],
  ).nice(5);
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
        <div className="curve-plot">
          <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label="Loss by step">
            {y.ticks(5).map((tick) => (
              <g key={tick}>
                <line className="grid" x1={46} x2={width - 12} y1={y(tick)} y2={y(tick)} />
                <text x={38} y={y(tick) + 4} textAnchor="end">
                  {tick}
                </text>
              </g>
            ))}
            {x.ticks(6).map((tick) => (
              <text key={tick} x={x(tick)} y={height - 20} textAnchor="middle">
                {count(tick)}
              </text>
            ))}
            <text x={width / 2} y={height - 3} textAnchor="middle">
              step
            </text>
            <g className="series series-0">
              <path
                className="line"
                d={
                  line<[number, number]>(
                    ([step]) => x(step),
                    ([, loss]) => y(loss),
                  )([...losses]) ?? ''
                }
              />
            </g>
          </svg>
        </div>
      </section>
      <section className="panel made">
        <h2>Recipe</h2>
        <dl>
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </section>
    </main>
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
  const facts: [string, string][] = [];
  const add = (name: string, value: unknown): void => {
    if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) add(name ? `${name}.${key}` : key, inner);
    else facts.push([name, String(value)]);
  };
  const { losses, ...rest } = json as { losses: [number, number][] };
  add('', rest);
  return { losses, facts };
}
