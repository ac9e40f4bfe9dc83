import { useEffect, useMemo, useState } from 'react';
import { desk } from '../engine/client.js';
import type { Placed } from '../engine/protocol.js';
import { edit } from '../state/edits.js';
import { summary } from '../state/groups.js';
import { type Open, setOpen } from '../state/store.js';
import { Graph } from './graph.js';

/** The groups and pinned nodes, drawn as a circuit of their own. */
export function Summary({
  open,
  kept,
  theme,
}: {
  readonly open: Open;
  readonly kept: Uint8Array;
  readonly theme: 'light' | 'dark';
}): React.JSX.Element | null {
  const { annotations } = open.edits;
  const circuit = useMemo(() => summary(open.circuit, kept, annotations), [open.circuit, kept, annotations]);
  const [placed, setPlaced] = useState<{ of: unknown; placed: Placed } | null>(null);
  useEffect(() => {
    if (!circuit || circuit.edges.source.length === 0) return;
    let stale = false;
    void desk.call('place', { circuit, most: 1000, byPosition: false }).then((now) => {
      if (!stale) setPlaced({ of: circuit, placed: now });
    });
    return () => {
      stale = true;
    };
  }, [circuit]);
  if (!circuit) return null;
  const { supernodes = [], notes = [] } = annotations;
  const all = new Uint8Array(circuit.edges.source.length).fill(1);
  return (
    <section className="panel summary" aria-labelledby="summary-title">
      <h2 id="summary-title">In short</h2>
      <p className="note">Groups and pinned nodes; edges between them are summed.</p>
      {placed?.of === circuit && circuit.edges.source.length > 0 ? (
        <Graph
          circuit={circuit}
          placed={placed.placed}
          kept={all}
          rankOf={Int32Array.from(all, (_, i) => i)}
          node={null}
          onNode={(n) => {
            const name = n === null ? undefined : circuit.nodes.label[n];
            const member =
              supernodes.find((g) => g.name === name)?.nodes[0] ?? open.circuit.nodes.label.indexOf(name ?? '');
            if (member >= 0) setOpen({ node: member });
          }}
          label="Groups and pinned nodes"
          theme={theme}
        />
      ) : null}
      <ul className="groups">
        {supernodes.map((group) => (
          <li key={group.name}>
            <b>{group.name}</b> {group.nodes.map((n) => open.circuit.nodes.label[n]).join(', ')}{' '}
            <button
              type="button"
              className="quiet"
              onClick={() =>
                edit((edits) => ({
                  ...edits,
                  annotations: { ...edits.annotations, supernodes: supernodes.filter((g) => g.name !== group.name) },
                }))
              }
            >
              ungroup
            </button>
          </li>
        ))}
        {notes.map(({ node, text }) => (
          <li key={node}>
            <b>{open.circuit.nodes.label[node]}</b> {text}
          </li>
        ))}
      </ul>
    </section>
  );
}
