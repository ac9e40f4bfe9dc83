import type { Circuit, CircuitComparison } from 'filigree';
import { useEffect, useMemo, useState } from 'react';
import { desk } from '../engine/client.js';
import type { Placed } from '../engine/protocol.js';
import { CurvePlot } from '../parts/curve.js';
import { count, decimal, figure } from '../parts/figures.js';
import { Graph } from '../parts/graph.js';
import { edgeLabel } from '../parts/graph-find.js';
import { curvesOf, frameAspect, mostPlaced } from '../state/open.js';
import { messageOf, nameOf, readItem, waitForItems } from '../state/read.js';
import { changeParams, seenTheme, setState, useStore } from '../state/store.js';
import { circuitHash, placeHash } from '../state/url.js';

interface Both {
  readonly first: Circuit;
  readonly second: Circuit;
  readonly union: Circuit;
  /** Per edge of the union: -1 only the first keeps it, 1 only the second, 0 both. */
  readonly signs: Int8Array;
  readonly kept: Uint8Array;
  readonly placed: Placed;
  readonly comparison: CircuitComparison;
}

/** Two circuits of one model in one drawing: shared edges, only the first's, only the second's. */
export function CompareView({ ids }: { readonly ids: readonly string[] }): React.JSX.Element {
  const theme = seenTheme(useStore((state) => state.theme));
  const items = useStore((state) => state.items);
  const [both, setBoth] = useState<Both | null>(null);
  const { params } = useStore((state) => state.place);
  const node = params.node === undefined || params.node === '' ? null : Number(params.node);
  const hide = params.hide ?? '';
  const shown = useMemo(() => new Set([-1, 0, 1].filter((sign) => !hide.split('.').includes(String(sign)))), [hide]);
  const [first, second] = ids;
  useEffect(() => {
    let stale = false;
    setBoth(null);
    load(first, second)
      .then((found) => !stale && setBoth(found))
      .catch((error) => !stale && setState({ problem: messageOf(error) }));
    return () => {
      stale = true;
    };
  }, [first, second]);
  const kept = useMemo(
    () => both && Uint8Array.from(both.kept, (is, e) => (is && shown.has(both.signs[e]) ? 1 : 0)),
    [both, shown],
  );
  if (!both || !kept) return <p className="waiting">Comparing{'\u2026'}</p>;
  const { edges, nodes } = both.comparison;
  const names = [first, second].map(nameOf);
  const curves = [...curvesOf(both.first, names[0]), ...curvesOf(both.second, names[1])].map(({ name, data }) => ({
    name,
    data: { sizes: data.sizes, faithfulness: data.faithfulness, low: data.low, high: data.high },
  }));
  const parts: [sign: number, label: string, className: string, number: number][] = [
    [0, 'in both', 'shared', edges.both],
    [-1, `only in ${names[0]}`, 'left', edges.first - edges.both],
    [1, `only in ${names[1]}`, 'right', edges.second - edges.both],
  ];
  const choose = (place: number): React.JSX.Element => (
    <select
      aria-label={place === 0 ? 'First circuit' : 'Second circuit'}
      value={ids[place]}
      onChange={(event) => {
        const next = ids.map((id, i) => (i === place ? event.target.value : id));
        window.location.hash = placeHash({ view: 'compare', ids: next, params: {} });
      }}
    >
      {items
        .filter((item) => item.kind === 'circuit')
        .map((item) => (
          <option key={item.id} value={item.id}>
            {item.name}
          </option>
        ))}
      {items.some((item) => item.id === ids[place]) ? null : <option value={ids[place]}>{names[place]}</option>}
    </select>
  );
  return (
    <main className="compare-view">
      <header className="title">
        <p className="eyebrow">
          {choose(0)} beside {choose(1)}
        </p>
        <h1>
          They share <em>{count(edges.both)}</em> of {count(edges.first + edges.second - edges.both)} edges.
        </h1>
      </header>
      <div className="stage">
        <section className="panel drawing-panel" aria-label="Both circuits">
          <div className="tools">
            <fieldset className="parts">
              <legend>Show edges</legend>
              {parts.map(([sign, label, className, number]) => (
                <label key={sign} className="check">
                  <input
                    type="checkbox"
                    checked={shown.has(sign)}
                    onChange={(event) => {
                      const next = new Set(shown);
                      if (event.target.checked) next.add(sign);
                      else next.delete(sign);
                      changeParams({ hide: [-1, 0, 1].filter((own) => !next.has(own)).join('.') });
                    }}
                  />
                  <i className={className} />
                  {count(number)} {label}
                </label>
              ))}
            </fieldset>
          </div>
          <Graph
            circuit={both.union}
            placed={both.placed}
            kept={kept}
            rankOf={Int32Array.from(both.kept, (_, e) => e)}
            node={node}
            onNode={(next) => changeParams({ node: next === null ? '' : String(next) })}
            signs={both.signs}
            tell={(e) =>
              `${edgeLabel(both.union, e)}: ${parts.find(([sign]) => sign === both.signs[e])?.[1]}, ${figure(both.union.edges.score[e])}`
            }
            camera={params.view}
            onCamera={(view) => changeParams({ view })}
            label="Both circuits"
            theme={theme}
          />
        </section>
        <aside>
          <section className="panel">
            <h2>Overlap</h2>
            <table className="facts">
              <tbody>
                <tr>
                  <th>edges, intersection over union</th>
                  <td className="number">{decimal(edges.iou)}</td>
                </tr>
                <tr>
                  <th>of the first, in the second</th>
                  <td className="number">{decimal(edges.precision)}</td>
                </tr>
                <tr>
                  <th>of the second, in the first</th>
                  <td className="number">{decimal(edges.recall)}</td>
                </tr>
                <tr>
                  <th>nodes, intersection over union</th>
                  <td className="number">{decimal(nodes.iou)}</td>
                </tr>
                <tr>
                  <th>first ranking guesses the second (AUC)</th>
                  <td className="number">{decimal(edges.rocAuc)}</td>
                </tr>
              </tbody>
            </table>
            <p className="row">
              <a href={circuitHash(first)}>Open {names[0]}</a>
              <a href={circuitHash(second)}>Open {names[1]}</a>
            </p>
          </section>
          {curves.length > 0 ? (
            <section className="panel">
              <h2>Faithfulness</h2>
              <CurvePlot curves={curves} most={Math.max(...curves.flatMap(({ data }) => data.sizes))} />
            </section>
          ) : null}
          <section className="panel">
            <h2>By layer</h2>
            <table className="facts">
              <thead>
                <tr>
                  <th>layer</th>
                  <th className="number">first</th>
                  <th className="number">second</th>
                  <th className="number">both</th>
                </tr>
              </thead>
              <tbody>
                {both.comparison.layers.map((layer) => (
                  <tr key={layer.layer}>
                    <th>{layer.layer}</th>
                    <td className="number">{layer.first}</td>
                    <td className="number">{layer.second}</td>
                    <td className="number">{layer.both}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        </aside>
      </div>
    </main>
  );
}

async function load(firstId: string, secondId: string): Promise<Both> {
  await waitForItems();
  const [a, b] = await Promise.all([readItem(firstId), readItem(secondId)]);
  if (a.what !== 'circuit' || b.what !== 'circuit') throw new Error('Only circuits can be compared edge by edge.');
  const [first, second] = [a.circuit, b.circuit];
  const comparison = await desk.call('compare', { first, second });
  const { union, signs } = join(first, second);
  const placed = await desk.call('place', {
    circuit: union,
    most: mostPlaced,
    byPosition: false,
    aspect: frameAspect(),
  });
  return { first, second, union, signs, kept: Uint8Array.from(union.edges.kept, Number), placed, comparison };
}

/** The kept edges of both, with the stronger of their scores. */
function join(first: Circuit, second: Circuit): { union: Circuit; signs: Int8Array } {
  const nodes = new Map<string, { kind: string; label: string; layer: number; position: number | null }>();
  const edges = new Map<string, { source: string; target: string; port: string; score: number | null; in: number }>();
  [first, second].forEach((circuit, side) => {
    const { nodes: n, edges: e } = circuit;
    n.id.forEach((id, i) => {
      if (!nodes.has(id))
        nodes.set(id, { kind: n.kind[i], label: n.label[i], layer: n.layer[i], position: n.position[i] });
    });
    e.source.forEach((from, i) => {
      if (!e.kept[i]) return;
      const [source, target] = [n.id[from], n.id[e.target[i]]];
      const key = `${source} ${target} ${e.port[i]}`;
      const had = edges.get(key);
      const score = Math.abs(had?.score ?? 0) > Math.abs(e.score[i] ?? 0) ? (had?.score ?? null) : e.score[i];
      edges.set(key, { source, target, port: e.port[i], score, in: (had?.in ?? 0) | (1 << side) });
    });
  });
  const ids = [...nodes.keys()];
  const place = new Map(ids.map((id, i) => [id, i]));
  const all = [...edges.values()];
  const list = [...nodes.values()];
  return {
    union: {
      ...first,
      nodes: {
        id: ids,
        kind: list.map((n) => n.kind),
        label: list.map((n) => n.label),
        layer: list.map((n) => n.layer),
        position: list.map((n) => n.position),
        score: list.map(() => null),
      },
      edges: {
        source: all.map((e) => place.get(e.source) as number),
        target: all.map((e) => place.get(e.target) as number),
        port: all.map((e) => e.port),
        score: all.map((e) => e.score),
        kept: all.map(() => true),
      },
    },
    signs: Int8Array.from(all, (e) => (e.in === 1 ? -1 : e.in === 2 ? 1 : 0)),
  };
}
