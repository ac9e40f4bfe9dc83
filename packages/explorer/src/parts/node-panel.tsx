import { keptUnits, toggleUnits } from '../state/edits.js';
import { type Open, setOpen } from '../state/store.js';
import { scoreOfNode, unitsOfNode } from '../state/units.js';
import { figure } from './figures.js';
import { Activity } from './node-activity.js';
import { linksOf, NeuronRows, tokenOf, type UnitRow, UnitRows } from './node-units.js';
import { annotate, Words } from './node-words.js';

/** The chosen node: what leads in and out, what it does to the metric, where it is active, and the reader's own words. */
export function NodePanel({ open }: { readonly open: Open }): React.JSX.Element | null {
  const { node, circuit, units } = open;
  if (node === null) return null;
  const { nodes } = circuit;
  const kept = keptUnits(open);
  const [incoming, outgoing] = [linksOf(open, node, 'in'), linksOf(open, node, 'out')];
  const ownUnits = (rows: readonly UnitRow[]): number[] => rows.flatMap((row) => row.units);
  const own = units.level === 'edge' ? ownUnits([...incoming, ...outgoing]) : unitsOfNode(units, node);
  const on = own.reduce((sum, unit) => sum + kept[unit], 0);
  const score = nodes.score[node] ?? scoreOfNode(units, node);
  return (
    <section className="panel node-panel" aria-label={`Node ${nodes.label[node]}`}>
      <header>
        <h2>{nodes.label[node]}</h2>
        <span className="note">
          {nodes.kind[node]}
          {nodes.label[node] === nodes.id[node] ? '' : ` ${nodes.id[node]}`}
          {nodes.position[node] === null ? '' : `, position ${nodes.position[node]} ${tokenOf(circuit, node)}`}
          {score === null ? '' : `, ${figure(score)}`}
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
        <button type="button" disabled={on === 0} onClick={() => toggleUnits(own, false)}>
          Switch off
        </button>
        <button type="button" disabled={on === own.length} onClick={() => toggleUnits(own, true)}>
          {own.length === 1 ? 'Switch on' : 'Switch all on'}
        </button>
        <PinButton open={open} node={node} />
      </div>
      <Activity open={open} node={node} />
      <NeuronRows open={open} node={node} />
      <UnitRows title={units.level === 'edge' ? 'Leads in' : 'Reads from'} rows={incoming} />
      <UnitRows title={units.level === 'edge' ? 'Leads out' : 'Read by'} rows={outgoing} />
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
