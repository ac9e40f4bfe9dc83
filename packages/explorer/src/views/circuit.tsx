import type { Circuit } from 'filigree';
import { memo, useEffect, useMemo, useRef } from 'react';
import { AskPanel, Verdict } from '../parts/ask.js';
import { CompareWith } from '../parts/compare-with.js';
import { Sliders, setSize } from '../parts/controls.js';
import { CurvePlot } from '../parts/curve.js';
import { DiscoverPanel } from '../parts/discover.js';
import { count, figure, percent, when } from '../parts/figures.js';
import { Graph } from '../parts/graph.js';
import { edgeLabel } from '../parts/graph-find.js';
import { NodePanel } from '../parts/node-panel.js';
import { signName } from '../parts/node-units.js';
import { Summary } from '../parts/summary.js';
import { keptEdges, keptUnits, redo, undo } from '../state/edits.js';
import { exportFormats, exportOpen } from '../state/export.js';
import { groupNames } from '../state/groups.js';
import { mostDrawn, mostPlaced, placeOpen } from '../state/open.js';
import { canSave, saveOpen } from '../state/save.js';
import { type Open, seenTheme, setOpen, useStore } from '../state/store.js';
import { countOnes, nodeOfUnit, scoreOfNode, type Units, unitWord } from '../state/units.js';

/** A circuit: drawn, measured, questioned and changed. */
export function CircuitView(): React.JSX.Element {
  const open = useStore((state) => state.open);
  const opening = useStore((state) => state.opening);
  if (open) return <Opened open={open} key={open.id} />;
  return <p className="waiting">{opening ? `Opening ${opening}\u2026` : 'Nothing is open.'}</p>;
}

function Opened({ open }: { readonly open: Open }): React.JSX.Element {
  const theme = seenTheme(useStore((state) => state.theme));
  const { circuit, edits, units, placed, search } = open;
  const kept = keptEdges({ circuit, units, edits });
  const number = countOnes(keptUnits({ circuit, units, edits }));
  const groups = useMemo(() => groupNames(edits.annotations), [edits.annotations]);
  const pinned = useMemo(() => new Set(edits.annotations.pinned), [edits.annotations]);
  const setSearch = (text: string): void => setOpen({ search: text }, open.id);
  const found = useMemo(() => {
    const text = search.trim().toLowerCase();
    if (!text) return undefined;
    const { id, label } = circuit.nodes;
    return new Set(
      id.flatMap((name, n) => (`${name} ${label[n]} ${groups.get(n) ?? ''}`.toLowerCase().includes(text) ? [n] : [])),
    );
  }, [search, circuit, groups]);
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const key = (event: KeyboardEvent): void => {
      const typing = event.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
      const field =
        typing &&
        (event.target as HTMLInputElement).type !== 'range' &&
        (event.target as HTMLInputElement).type !== 'checkbox';
      if (event.key === '/' && !field) {
        event.preventDefault();
        box.current?.focus();
      }
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z' && !field) {
        event.preventDefault();
        (event.shiftKey ? redo : undo)();
      }
    };
    window.addEventListener('keydown', key);
    return () => window.removeEventListener('keydown', key);
  }, []);
  const share = open.judged?.faithfulness;
  const scored = useMemo(() => units.scores.some((score) => !Number.isNaN(score)), [units]);
  const ofNodes = useMemo(() => nodeScores(circuit, units), [circuit, units]);
  return (
    <main className="circuit-view">
      <Title open={open} number={number} share={share} />
      <div className="stage">
        <div className="column">
          <section className="panel drawing-panel" aria-label="The circuit">
            <div className="tools">
              {scored ? <Sliders open={open} /> : null}
              <div className="side-tools">
                <input
                  ref={box}
                  type="search"
                  placeholder="Search nodes ( / )"
                  aria-label="Search nodes"
                  value={search}
                  onChange={(event) => setSearch(event.target.value)}
                  onKeyDown={(event) => {
                    if (event.key === 'Enter' && found?.size) setOpen({ node: [...found][0] });
                    if (event.key === 'Escape') setSearch('');
                  }}
                />
                <Menu open={open} />
              </div>
            </div>
            {placed ? (
              <Graph
                circuit={circuit}
                placed={placed}
                kept={kept}
                rankOf={units.rankOf}
                node={open.node}
                onNode={(node) => setOpen({ node })}
                found={found}
                groups={groups}
                pinned={pinned}
                {...(ofNodes ?? {})}
                camera={open.camera}
                onCamera={(camera) => setOpen({ camera }, open.id)}
                label={`Circuit of ${number} ${unitWord(units, number)}`}
                theme={theme}
              />
            ) : (
              <div className="graph waiting">Drawing{'\u2026'}</div>
            )}
            <footer className={ofNodes ? 'legend boxes' : 'legend'}>
              <span>
                <i className="negative" /> helps: cutting it lowers the metric
              </span>
              <span>
                <i className="positive" /> hurts
              </span>
              <MoreEdges open={open} />
            </footer>
          </section>
          <Summary open={open} kept={kept} theme={theme} />
          {circuit.kind === 'transformer' ? (
            <>
              <AskPanel open={open} />
              <DiscoverPanel open={open} />
            </>
          ) : null}
          <CompareWith open={open} />
          <Made id={open.id} circuit={circuit} />
        </div>
        <aside>
          {open.node === null ? null : <NodePanel open={open} />}
          <Faithful open={open} number={number} />
          <Strongest open={open} />
        </aside>
      </div>
    </main>
  );
}

/** Says how many edges of a large circuit are drawn, and draws more. */
function MoreEdges({ open }: { readonly open: Open }): React.JSX.Element | null {
  const total = open.circuit.edges.source.length;
  if (total <= mostPlaced) return null;
  const [few, many] = [mostPlaced, Math.min(mostDrawn, total)];
  return (
    <span>
      the {count(open.all ? many : few)} strongest of {count(total)} edges are drawn
      <button
        type="button"
        onClick={() => {
          setOpen({ all: !open.all, placed: null, camera: '' }, open.id);
          void placeOpen();
        }}
      >
        Draw {count(open.all ? few : many)}
      </button>
    </span>
  );
}

/** Where the circuit comes from. */
const Made = memo(function Made({
  id,
  circuit,
}: {
  readonly id: string;
  readonly circuit: Circuit;
}): React.JSX.Element {
  const { provenance } = circuit;
  return (
    <section className="panel made">
      <h2>How it was made</h2>
      <dl>
        {Object.entries({
          file: id,
          model: provenance.model,
          task: provenance.task,
          method: provenance.method,
          options: Object.entries(provenance.options)
            .filter(([key]) => key !== 'tokens')
            .map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
            .join(', '),
          seed: String(provenance.seed),
          made: when(provenance.made),
          'model hash': provenance.modelHash.slice(0, 16),
        }).map(([name, value]) =>
          value ? (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ) : null,
        )}
      </dl>
    </section>
  );
});

function Title({
  open,
  number,
  share,
}: {
  readonly open: Open;
  readonly number: number;
  readonly share: number | undefined;
}): React.JSX.Element {
  const { provenance } = open.circuit;
  const { units } = open;
  const measured = share === undefined ? (provenance.metrics.faithfulness as unknown) : share;
  const sure =
    typeof measured === 'number' &&
    Number.isFinite(measured) &&
    (share !== undefined || open.edits === open.past[0] || open.past.length === 0);
  const all = count(units.ranked.length);
  const size = `${count(number)} of ${all} ${unitWord(units, units.ranked.length)}`;
  const said = saidBy(open.circuit);
  if (said) {
    return (
      <header className="title">
        <p className="eyebrow">
          {provenance.method} of {provenance.model || 'a model'}: {size}
        </p>
        <h1>
          {said.prompt} <em>{said.answer}</em>
        </h1>
      </header>
    );
  }
  return (
    <header className="title">
      <p className="eyebrow">
        {provenance.task} in {provenance.model || 'a model'} by {provenance.method}
      </p>
      <h1>
        {size}
        {sure ? (
          <>
            {' '}
            {number === 1 ? 'carries' : 'carry'} <em>{percent(measured as number)}</em> of the difference.
          </>
        ) : (
          '.'
        )}
      </h1>
    </header>
  );
}

/** What an attribution graph is of: the prompt, and the first of its logits as the viewers name them, `Output "x" (p=0.5)`. */
function saidBy({ kind, nodes, provenance }: Circuit): { prompt: string; answer: string } | null {
  const { tokens } = provenance.options;
  const logit = nodes.kind.indexOf('logits');
  if (kind !== 'attribution' || !Array.isArray(tokens) || logit < 0) return null;
  const answer = /^Output "(.*)" \(p=[\d.]+\)$/s.exec(nodes.label[logit])?.[1] ?? nodes.label[logit];
  return { prompt: tokens.join('').replace(/^<[^>]*>/, ''), answer };
}

function Menu({ open }: { readonly open: Open }): React.JSX.Element {
  const changed = JSON.stringify(open.saved) !== JSON.stringify(open.edits.annotations) || open.past.length > 0;
  return (
    <div className="row">
      {canSave(open) ? (
        <button
          type="button"
          disabled={!changed}
          onClick={() => void saveOpen()}
          title="Write edges, groups and notes into the file"
        >
          Save
        </button>
      ) : null}
      <select
        aria-label="Export"
        value=""
        onChange={(event) => {
          const format = exportFormats.find((known) => known.format === event.target.value);
          if (format) void exportOpen(format.format);
        }}
      >
        <option value="">Export{'\u2026'}</option>
        {exportFormats.map(({ format, label }) => (
          <option key={format} value={format} disabled={format === 'mib' && open.circuit.kind !== 'transformer'}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}

function Faithful({ open, number }: { readonly open: Open; readonly number: number }): React.JSX.Element | null {
  if (open.curves.length === 0 && !open.model) return null;
  return (
    <section className="panel" aria-labelledby="faithful-title">
      <h2 id="faithful-title">Faithfulness</h2>
      <CurvePlot
        curves={open.curves}
        marker={number}
        measured={open.judged?.faithfulness ?? null}
        most={open.units.ranked.length}
        unit={unitWord(open.units)}
        onSize={(size) => setSize(size)}
      />
      <Verdict open={open} />
    </section>
  );
}

/** How strongly each node is coloured, and what is said of it, where nodes or their features are what is kept. */
function nodeScores(
  circuit: Circuit,
  units: Units,
): { tones: Float64Array; tellNode: (n: number) => string; tell: (e: number) => string } | null {
  if (units.level === 'edge') return null;
  const scores = circuit.nodes.id.map((_, n) => scoreOfNode(units, n));
  const largest = Math.max(...scores.map((score) => Math.abs(score ?? 0))) || 1;
  const order = [...scores.keys()].sort((a, b) => Math.abs(scores[b] ?? 0) - Math.abs(scores[a] ?? 0));
  const rank = new Map(order.map((n, i) => [n, i + 1]));
  return {
    tones: Float64Array.from(scores, (score) => (score ?? 0) / largest),
    tell: (e) => edgeLabel(circuit, e),
    tellNode: (n) =>
      `${circuit.nodes.label[n]}${scores[n] === null ? '' : `: ${figure(scores[n])} \u00b7 rank ${rank.get(n)}`}`,
  };
}

const listed = 15;

function Strongest({ open }: { readonly open: Open }): React.JSX.Element | null {
  const { circuit, units } = open;
  const kept = keptUnits(open);
  const list: number[] = [];
  for (const unit of units.ranked) {
    if (kept[unit]) list.push(unit);
    if (list.length === listed) break;
  }
  return list.length === 0 ? null : <UnitList list={list.join()} circuit={circuit} units={units} />;
}

interface UnitListProps {
  /** Units, as one text, so that the same list is known as such. */
  readonly list: string;
  readonly circuit: Circuit;
  readonly units: Units;
}

const UnitList = memo(function UnitList({ list, circuit, units }: UnitListProps): React.JSX.Element {
  const { level, first } = units;
  const title = `Strongest ${unitWord(units)}`;
  const rows = list.split(',').map((text) => {
    const unit = Number(text);
    const node = level === 'edge' ? circuit.edges.source[unit] : nodeOfUnit(units, unit);
    const feature = level === 'neuron' ? `.n${unit - first[node]}` : '';
    return { unit, node, name: level === 'edge' ? edgeLabel(circuit, unit) : `${circuit.nodes.label[node]}${feature}` };
  });
  return (
    <section className="panel" aria-label={title}>
      <h2>{title}</h2>
      <ol className="edge-list">
        {rows.map(({ unit, node, name }) => {
          const score = Number.isNaN(units.scores[unit]) ? null : units.scores[unit];
          return (
            <li key={unit}>
              <span className="rank">{units.rankOf[unit] + 1}</span>
              <button type="button" className="name quiet" title={name} onClick={() => setOpen({ node })}>
                {name}
              </button>
              <span className={`number ${signName(score)}`}>{figure(score)}</span>
            </li>
          );
        })}
      </ol>
    </section>
  );
});
