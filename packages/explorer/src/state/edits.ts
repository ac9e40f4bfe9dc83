import type { Annotations, Circuit } from 'filigree';
import { getState, type Open, setOpen } from './store.js';
import { edgesOfUnits, type Units } from './units.js';

/** What a reader changes of a circuit, and can take back. */
export interface Edits {
  /** Units by rank; null: those that the file keeps. */
  readonly size: number | null;
  /** Units switched by hand. */
  readonly on: ReadonlySet<number>;
  readonly off: ReadonlySet<number>;
  readonly annotations: Annotations;
}

const longestPast = 200;

/** Changes what can be taken back. `merge`: replaces the last change instead of adding one, as while a slider moves. */
export function edit(change: (edits: Edits) => Edits, merge = false): void {
  setOpen((open) => {
    const edits = change(open.edits);
    if (edits === open.edits) return {};
    const past = merge && open.past.length > 0 ? open.past : [...open.past, open.edits].slice(-longestPast);
    return { edits, past, future: [] };
  });
}

export function undo(): void {
  setOpen(({ edits, past, future }) => {
    const before = past.at(-1);
    return before ? { edits: before, past: past.slice(0, -1), future: [edits, ...future] } : {};
  });
}

export function redo(): void {
  setOpen(({ edits, past, future }) => {
    const [next, ...rest] = future;
    return next ? { edits: next, past: [...past, edits], future: rest } : {};
  });
}

interface Kept {
  readonly of: Units;
  readonly units: Uint8Array;
  readonly edges: Uint8Array;
}

type Changed = { readonly circuit: Circuit; readonly units: Units; readonly edits: Edits };

const keptOf = new WeakMap<Edits, Kept>();

/** Made once for the same edits. */
function kept({ circuit, units: of, edits }: Changed): Kept {
  const known = keptOf.get(edits);
  if (known?.of === of) return known;
  const units = edits.size === null ? of.inFile.slice() : new Uint8Array(of.ranked.length);
  if (edits.size !== null) for (let i = 0; i < Math.min(edits.size, units.length); i++) units[of.ranked[i]] = 1;
  for (const unit of edits.on) units[unit] = 1;
  for (const unit of edits.off) units[unit] = 0;
  const made = { of, units, edges: edgesOfUnits(circuit, of, units) };
  keptOf.set(edits, made);
  return made;
}

/** Which units are in the circuit as it stands: by size or as the file says, then switched by hand. */
export const keptUnits = (open: Changed): Uint8Array => kept(open).units;
/** Which edges are; the same where edges are the units. */
export const keptEdges = (open: Changed): Uint8Array => kept(open).edges;

/** Switches units by hand; where that is what they would be anyway, the switch is taken back. */
export function toggleUnits(list: readonly number[], to: boolean): void {
  edit((edits) => {
    const open = getState().open as Open;
    const base = keptUnits({ ...open, edits: { ...edits, on: new Set(), off: new Set() } });
    const [on, off] = [new Set(edits.on), new Set(edits.off)];
    for (const unit of list) {
      on.delete(unit);
      off.delete(unit);
      if (to && !base[unit]) on.add(unit);
      if (!to && base[unit]) off.add(unit);
    }
    return { ...edits, on, off };
  });
}
