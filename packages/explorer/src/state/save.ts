import type { Annotations, Circuit } from 'filigree';
import { desk } from '../engine/client.js';
import { keptEdges, keptUnits } from './edits.js';
import { addressOf, examples, here } from './items.js';
import { forget, messageOf } from './read.js';
import { getState, type Open, setOpen, setState } from './store.js';
import { countOnes, keptNodes } from './units.js';

/** The open circuit as it stands: kept units and annotations as they are now. */
export function currentCircuit(open: Open): Circuit {
  const { circuit, units } = open;
  const kept = keptUnits(open);
  const { supernodes = [], notes = [], pinned = [] } = open.edits.annotations;
  const annotations: Annotations = {
    ...(supernodes.length > 0 ? { supernodes } : {}),
    ...(notes.length > 0 ? { notes } : {}),
    ...(pinned.length > 0 ? { pinned } : {}),
  };
  const { annotations: _, ...rest } = circuit;
  const changed = kept.some((is, unit) => is !== units.inFile[unit]);
  return {
    ...rest,
    ...(changed ? { provenance: changedProvenance(open, countOnes(kept)) } : {}),
    nodes: changed ? changedNodes(open, kept) : circuit.nodes,
    edges: { ...circuit.edges, kept: Array.from(keptEdges(open), Boolean) },
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}

/** Which nodes, and which of their neurons, are kept, where that is what the circuit says. */
function changedNodes({ circuit, units }: Open, kept: Uint8Array): Circuit['nodes'] {
  const { nodes } = circuit;
  if (units.level === 'edge') return nodes;
  const own = Array.from(keptNodes(circuit, units, kept), Boolean);
  if (units.level === 'node') return { ...nodes, kept: own };
  const neurons = nodes.neurons?.map((list, n) =>
    units.first[n] === units.first[n + 1]
      ? list
      : Array.from(kept.subarray(units.first[n], units.first[n + 1]), Boolean),
  );
  return { ...nodes, kept: own, ...(neurons ? { neurons } : {}) };
}

/** Where other units are kept than in the file, what was measured of those no longer holds; what was measured here does. */
function changedProvenance({ circuit, judged, judgedFor, edits }: Open, size: number): Circuit['provenance'] {
  const { provenance } = circuit;
  const ofUnits = ['metric', 'faithfulness', 'interval', 'completeness', 'random'];
  const metrics = Object.fromEntries(Object.entries(provenance.metrics).filter(([key]) => !ofUnits.includes(key)));
  const now = judged && judgedFor === edits && Number.isFinite(judged.faithfulness) ? judged : undefined;
  return {
    ...provenance,
    options: { ...provenance.options, size, edited: true },
    metrics: now ? { ...metrics, metric: now.circuit, faithfulness: now.faithfulness } : metrics,
  };
}

/** Writes the circuit back into its file, where it is one of ours on the server. */
export async function saveOpen(): Promise<void> {
  const { open } = getState();
  if (!open) return;
  try {
    const text = await desk.call('write', { circuit: currentCircuit(open), format: 'circuit' });
    const answer = await fetch(addressOf(open.id), {
      method: 'PUT',
      body: text,
      headers: { 'content-type': 'application/json', 'x-filigree': 'save' },
    });
    if (!answer.ok) throw new Error(`${open.name} was not saved: ${await answer.text()}`);
    forget(open.id);
    setOpen({ saved: open.edits.annotations }, open.id);
    setState({ notice: `Saved into ${open.id}.` });
  } catch (error) {
    setState({ problem: messageOf(error) });
  }
}

export const canSave = ({ id, format }: Pick<Open, 'id' | 'format'>): boolean =>
  format === 'circuit' && !id.startsWith(here) && !id.startsWith(examples);
