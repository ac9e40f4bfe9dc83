import type { Annotations } from 'filigree';
import { useState } from 'react';
import { edit } from '../state/edits.js';
import type { Open } from '../state/store.js';

/** Changes what the reader has written on the circuit. */
export function annotate(change: (annotations: Annotations) => Annotations): void {
  edit((edits) => ({ ...edits, annotations: change(edits.annotations) }));
}

/** The reader's note on the node, and the group it is in. */
export function Words({ open, node }: { readonly open: Open; readonly node: number }): React.JSX.Element {
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
