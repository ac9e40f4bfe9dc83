import { useMemo, useState } from 'react';
import { keptUnits, toggleUnits } from '../state/edits.js';
import { type Open, setOpen } from '../state/store.js';
import { scoreOfNode, unitsOfNode } from '../state/units.js';
import { figure, visible } from './figures.js';

/** A line of a list that can be switched: an edge, a node, or a neuron. */
export interface UnitRow {
  readonly key: number;
  readonly name: string;
  readonly port?: string;
  /** The units that its switch is for. */
  readonly units: readonly number[];
  readonly on: boolean;
  readonly score: number | null;
  /** The node that it leads to. */
  readonly node?: number;
}

/** What leads into a node or out of it, strongest first: edges where these are the units, else the nodes at their other ends. */
export function linksOf(open: Open, node: number, direction: 'in' | 'out'): UnitRow[] {
  const { circuit, units } = open;
  const { nodes, edges } = circuit;
  const kept = keptUnits(open);
  const [own, other] = direction === 'in' ? [edges.target, edges.source] : [edges.source, edges.target];
  const touching = own.flatMap((n, e) => (n === node ? [e] : []));
  if (units.level === 'edge') {
    return touching
      .sort((a, b) => units.rankOf[a] - units.rankOf[b])
      .map((e) => ({
        key: e,
        name: nodes.label[other[e]],
        port: edges.port[e] || tokenOf(circuit, other[e]),
        units: [e],
        on: kept[e] === 1,
        score: edges.score[e],
        node: other[e],
      }));
  }
  return [...new Set(touching.map((e) => other[e]))]
    .map((n) => {
      const list = unitsOfNode(units, n);
      return {
        key: n,
        name: nodes.label[n],
        units: list,
        on: list.length === 0 || list.some((unit) => kept[unit] === 1),
        score: scoreOfNode(units, n),
        node: n,
      };
    })
    .sort((a, b) => Math.abs(b.score ?? 0) - Math.abs(a.score ?? 0));
}

/** The token that a node stands at; empty where it stands at none. */
export function tokenOf({ nodes, provenance }: Open['circuit'], node: number): string {
  const position = nodes.position[node];
  const { tokens } = provenance.options;
  const token: unknown = position !== null && Array.isArray(tokens) ? tokens[position] : undefined;
  return typeof token === 'string' ? `\u201c${visible(token)}\u201d` : '';
}

/** Features of what the node writes, where these are the units. */
export function NeuronRows({ open, node }: { readonly open: Open; readonly node: number }): React.JSX.Element | null {
  const { units } = open;
  const kept = keptUnits(open);
  const rows = useMemo(
    () =>
      unitsOfNode(units, node)
        .sort((a, b) => units.rankOf[a] - units.rankOf[b])
        .map((unit) => ({
          key: unit,
          name: `n${unit - units.first[node]}`,
          units: [unit],
          on: kept[unit] === 1,
          score: Number.isNaN(units.scores[unit]) ? null : units.scores[unit],
        })),
    [units, node, kept],
  );
  return units.level === 'neuron' ? <UnitRows title="Features of what it writes" rows={rows} /> : null;
}

const listed = 6;

export function UnitRows({
  title,
  rows,
}: {
  readonly title: string;
  readonly rows: readonly UnitRow[];
}): React.JSX.Element | null {
  const [all, setAll] = useState(false);
  if (rows.length === 0) return null;
  const shown = all ? rows.slice(0, 500) : rows.filter((row, i) => i < listed || row.on).slice(0, 60);
  return (
    <>
      <h3>
        {title}{' '}
        <span className="note">
          {rows.filter((row) => row.on).length} of {rows.length} on
        </span>
      </h3>
      <ul className="edge-list">
        {shown.map(({ key, name, port, units, on, score, node }) => (
          <li key={key} className={on ? '' : 'off'}>
            <label>
              <input
                type="checkbox"
                checked={on}
                disabled={units.length === 0}
                onChange={(event) => toggleUnits(units, event.target.checked)}
              />
              <span className="name" title={name}>
                {name}
                {port ? <i>{port}</i> : null}
              </span>
            </label>
            <span className={`number ${signName(score)}`}>{figure(score)}</span>
            {node === undefined ? null : (
              <button type="button" className="go" onClick={() => setOpen({ node })} aria-label={`Go to ${name}`}>
                {'\u2192'}
              </button>
            )}
          </li>
        ))}
      </ul>
      {shown.length < rows.length && !all ? (
        <button type="button" className="quiet" onClick={() => setAll(true)}>
          Show all {rows.length}
        </button>
      ) : null}
    </>
  );
}

/** The class of a number's colour. */
export const signName = (score: number | null): string =>
  score === null || score === 0 ? '' : score < 0 ? 'negative' : 'positive';
