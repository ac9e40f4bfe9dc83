import { attentionSvg } from '@filigree/view';
import type { Annotations } from 'filigree';
import { useMemo, useState } from 'react';
import { toggleEdges } from '../state/open.js';
import { edit, keptEdges, type Open, setOpen } from '../state/store.js';
import { decimal, figure, visible } from './figures.js';

/** The chosen node: what leads in and out, what it does to the metric, where it is active, and the reader's own words. */
export function NodePanel({ open }: { readonly open: Open }): React.JSX.Element | null {
  const { node, circuit, rankOf, edits } = open;
  const kept = useMemo(() => keptEdges({ circuit, ranked: open.ranked, edits }), [circuit, open.ranked, edits]);
  if (node === null) return null;
  const { nodes, edges } = circuit;
  const touching = edges.source.flatMap((source, e) => (source === node || edges.target[e] === node ? [e] : []));
  const byRank = (list: number[]): number[] => list.sort((a, b) => rankOf[a] - rankOf[b]);
  const incoming = byRank(touching.filter((e) => edges.target[e] === node));
  const outgoing = byRank(touching.filter((e) => edges.source[e] === node));
  const on = touching.filter((e) => kept[e]);
  return (
    <section className="panel node-panel" aria-label={`Node ${nodes.label[node]}`}>
      <header>
        <h2>{nodes.label[node]}</h2>
        <span className="note">
          {nodes.kind[node]}
          {nodes.position[node] === null ? '' : `, position ${nodes.position[node]}`}
          {nodes.score[node] === null ? '' : `, ${figure(nodes.score[node])}`}
        </span>
        <button
          type="button"
          className="close"
          onClick={() => setOpen({ node: null })}
          aria-label="Close the node"
          title="Close (Esc)"
        >
          {'\u00d7'}
        </button>
      </header>
      <div className="row">
        <button type="button" disabled={on.length === 0} onClick={() => toggleEdges(touching, false)}>
          Switch off
        </button>
        <button type="button" disabled={on.length === touching.length} onClick={() => toggleEdges(touching, true)}>
          Switch all on
        </button>
        <PinButton open={open} node={node} />
      </div>
      <Activity open={open} node={node} />
      <EdgeList title="Leads in" list={incoming} kept={kept} open={open} other={edges.source} />
      <EdgeList title="Leads out" list={outgoing} kept={kept} open={open} other={edges.target} />
      <Words open={open} node={node} />
    </section>
  );
}

function PinButton({ open, node }: { readonly open: Open; readonly node: number }): React.JSX.Element {
  const pinned = open.edits.annotations.pinned ?? [];
  const is = pinned.includes(node);
  return (
    <button
      type="button"
      aria-pressed={is}
      onClick={() => annotate((a) => ({ ...a, pinned: is ? pinned.filter((n) => n !== node) : [...pinned, node] }))}
    >
      {is ? 'Unpin' : 'Pin'}
    </button>
  );
}

function annotate(change: (annotations: Annotations) => Annotations): void {
  edit((edits) => ({ ...edits, annotations: change(edits.annotations) }));
}

interface EdgeListProps {
  readonly title: string;
  readonly list: readonly number[];
  readonly kept: Uint8Array;
  readonly open: Open;
  readonly other: readonly number[];
}

const listed = 6;

function EdgeList({ title, list, kept, open, other }: EdgeListProps): React.JSX.Element | null {
  const [all, setAll] = useState(false);
  if (list.length === 0) return null;
  const { nodes, edges } = open.circuit;
  const shown = all ? list.slice(0, 500) : list.filter((e, i) => i < listed || kept[e]).slice(0, 60);
  return (
    <>
      <h3>
        {title}{' '}
        <span className="note">
          {list.filter((e) => kept[e]).length} of {list.length} on
        </span>
      </h3>
      <ul className="edge-list">
        {shown.map((e) => {
          const score = edges.score[e];
          return (
            <li key={e} className={kept[e] ? '' : 'off'}>
              <label>
                <input
                  type="checkbox"
                  checked={kept[e] === 1}
                  onChange={(event) => toggleEdges([e], event.target.checked)}
                />
                <span className="name">
                  {nodes.label[other[e]]}
                  {edges.port[e] ? <i>{edges.port[e]}</i> : null}
                </span>
              </label>
              <span className={`number ${score === null || score === 0 ? '' : score < 0 ? 'negative' : 'positive'}`}>
                {figure(score)}
              </span>
              <button
                type="button"
                className="go"
                onClick={() => setOpen({ node: other[e] })}
                aria-label={`Go to ${nodes.label[other[e]]}`}
              >
                {'\u2192'}
              </button>
            </li>
          );
        })}
      </ul>
      {shown.length < list.length && !all ? (
        <button type="button" className="quiet" onClick={() => setAll(true)}>
          Show all {list.length}
        </button>
      ) : null}
    </>
  );
}

/** What the model in the page knows of the node. */
function Activity({ open, node }: { readonly open: Open; readonly node: number }): React.JSX.Element | null {
  const facts = open.facts?.node === node ? open.facts : null;
  if (!open.model?.hasTokenizer) return null;
  if (!facts) return <p className="note">Looking at the model{'\u2026'}</p>;
  if (!facts.data) return <p className="warn">{facts.error}</p>;
  const { texts, largest, pattern, neurons, direct, whole, without } = facts.data;
  const first = texts[0]?.tokens ?? [];
  const kind = open.circuit.nodes.kind[node];
  return (
    <>
      {kind === 'logits' ? null : (
        <p className="effect">
          Ablated alone, it takes the metric from <b>{figure(whole)}</b> to <b>{figure(without)}</b>
          {direct === undefined ? '' : `; what it writes adds ${decimal(direct)} to the logit difference directly`}.
        </p>
      )}
      {pattern ? (
        <>
          <h3>Attention</h3>
          <div
            className="drawing"
            dangerouslySetInnerHTML={{
              __html: attentionSvg(first.map(visible), [{ label: open.circuit.nodes.label[node], pattern }], {
                styled: false,
              }),
            }}
          />
        </>
      ) : null}
      {neurons ? (
        <>
          <h3>Top neurons</h3>
          <ul className="neurons">
            {neurons.map(({ neuron, value, activation }) => (
              <li key={neuron}>
                <span className="name">n{neuron}</span>
                <span className={`number ${value >= 0 ? 'negative' : 'positive'}`}>
                  {value >= 0 ? '+' : ''}
                  {decimal(value)}
                </span>
                <Coloured tokens={first} values={activation} largest={Math.max(...activation.map(Math.abs), 1e-9)} />
              </li>
            ))}
          </ul>
        </>
      ) : null}
      {texts.length > 0 ? (
        <>
          <h3>Writes most at</h3>
          <div className="texts">
            {texts.map(({ tokens, values }, i) => (
              <Coloured key={i} tokens={tokens} values={values} largest={largest} />
            ))}
          </div>
        </>
      ) : null}
    </>
  );
}

/** Tokens, the more coloured the larger their value. */
function Coloured({
  tokens,
  values,
  largest,
}: {
  readonly tokens: readonly string[];
  readonly values: readonly number[];
  readonly largest: number;
}): React.JSX.Element {
  return (
    <p className="coloured">
      {tokens.map((token, i) => {
        const share = Math.min(1, Math.abs(values[i]) / (largest || 1));
        return (
          <span
            key={i}
            title={`${visible(token)}: ${figure(values[i])}`}
            style={{
              backgroundColor: `color-mix(in srgb, var(${values[i] < 0 ? '--score-positive' : '--score-negative'}) ${Math.round(55 * share ** 1.5)}%, transparent)`,
            }}
          >
            {token.replaceAll('\n', '\u23ce')}
          </span>
        );
      })}
    </p>
  );
}

/** The reader's note on the node, and the group it is in. */
function Words({ open, node }: { readonly open: Open; readonly node: number }): React.JSX.Element {
  const { notes = [], supernodes = [] } = open.edits.annotations;
  const note = notes.find((n) => n.node === node)?.text ?? '';
  const group = supernodes.find((g) => g.nodes.includes(node))?.name ?? '';
  const [name, setName] = useState(group);
  const setNote = (text: string): void =>
    edit(
      (edits) => ({
        ...edits,
        annotations: {
          ...edits.annotations,
          notes: [...(edits.annotations.notes ?? []).filter((n) => n.node !== node), ...(text ? [{ node, text }] : [])],
        },
      }),
      note !== '',
    );
  const put = (to: string): void => {
    setName(to);
    annotate((a) => {
      const others = (a.supernodes ?? []).map((g) => ({ ...g, nodes: g.nodes.filter((n) => n !== node) }));
      const had = others.find((g) => g.name === to);
      const next =
        to === ''
          ? others
          : had
            ? others.map((g) => (g === had ? { ...g, nodes: [...g.nodes, node] } : g))
            : [...others, { name: to, nodes: [node] }];
      return { ...a, supernodes: next.filter((g) => g.nodes.length > 0) };
    });
  };
  return (
    <div className="words" key={node}>
      <label>
        <span>Group</span>
        <input
          list="groups"
          value={name}
          placeholder="name of a group"
          onChange={(event) => setName(event.target.value)}
          onBlur={() => name.trim() !== group && put(name.trim())}
          onKeyDown={(event) => event.key === 'Enter' && put(name.trim())}
        />
      </label>
      <datalist id="groups">
        {supernodes.map((g) => (
          <option key={g.name} value={g.name} />
        ))}
      </datalist>
      <label>
        <span>Note</span>
        <textarea
          rows={2}
          value={note}
          placeholder="what you think that it does"
          onChange={(event) => setNote(event.target.value)}
        />
      </label>
    </div>
  );
}
