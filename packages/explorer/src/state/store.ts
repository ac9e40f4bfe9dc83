import type { AblationName, Annotations, Circuit, MetricName, TextPair } from 'filigree';
import { create } from 'zustand';
import type {
  Answers,
  CurveData,
  DistributionAnswer,
  DistributionFacts,
  Judged,
  ModelFacts,
  NodeFacts,
  Placed,
  ProgressState,
} from '../engine/protocol.js';
import { fetchItems, type Item } from './items.js';
import { type Place, parsePlace, placeHash } from './url.js';

export type Theme = 'auto' | 'light' | 'dark';

/** What a reader changes of a circuit, and can take back. */
export interface Edits {
  /** Edges by rank; null: those that the file keeps. */
  readonly size: number | null;
  /** Edges switched by hand. */
  readonly on: ReadonlySet<number>;
  readonly off: ReadonlySet<number>;
  readonly annotations: Annotations;
}

export interface NamedCurve {
  readonly name: string;
  readonly data: CurveData;
}

/** The circuit that is open, with what was asked about it. */
export interface Open {
  readonly id: string;
  readonly name: string;
  readonly format: string;
  readonly circuit: Circuit;
  /** Edges from the strongest to the weakest, and per edge its place in that order. */
  readonly ranked: Int32Array;
  readonly rankOf: Int32Array;
  readonly placed: Placed | null;
  readonly byPosition: boolean;
  readonly edits: Edits;
  readonly past: readonly Edits[];
  readonly future: readonly Edits[];
  /** Edits at the last save. */
  readonly saved: Annotations;
  readonly node: number | null;
  readonly curves: readonly NamedCurve[];
  readonly model: ModelFacts | null;
  /** Why there is no model to ask, or what is being done. */
  readonly modelNote: string;
  readonly pair: TextPair;
  readonly ablation: AblationName;
  readonly metric: MetricName;
  readonly pairs: number;
  readonly answers: Answers | null;
  readonly answersError: string;
  readonly judged: Judged | null;
  /** What was judged. */
  readonly judgedFor: Edits | null;
  readonly judgedError: string;
  readonly facts: { readonly node: number; readonly data: NodeFacts | null; readonly error: string } | null;
}

/** A distribution that is open. */
export interface OpenDistribution {
  readonly id: string;
  readonly name: string;
  readonly facts: DistributionFacts;
  readonly evidence: ReadonlyMap<number, number>;
  readonly answer: DistributionAnswer | null;
  readonly error: string;
  readonly seed: number;
}

/** Something long that is under way. */
export interface Job {
  readonly what: string;
  readonly state: ProgressState | null;
  readonly cancel: () => void;
}

export interface State {
  readonly place: Place;
  readonly theme: Theme;
  readonly items: readonly Item[];
  readonly listed: boolean;
  readonly open: Open | null;
  readonly distribution: OpenDistribution | null;
  readonly opening: string;
  readonly problem: string;
  /** A line that says what has just happened. */
  readonly notice: string;
  readonly job: Job | null;
}

export const useStore = create<State>(() => ({
  place: parsePlace(window.location.hash),
  theme: readTheme(),
  items: [],
  listed: false,
  open: null,
  distribution: null,
  opening: '',
  problem: '',
  notice: '',
  job: null,
}));

export const { getState, setState } = useStore;

/** Changes the open circuit; nothing where none is open, or another than `id`. */
export function setOpen(change: Partial<Open> | ((open: Open) => Partial<Open>), id?: string): void {
  setState(({ open }) => {
    if (!open || (id !== undefined && open.id !== id)) return {};
    return { open: { ...open, ...(typeof change === 'function' ? change(open) : change) } };
  });
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

const keptOf = new WeakMap<Edits, { readonly circuit: Circuit; readonly kept: Uint8Array }>();

/** Which edges are in the circuit as it stands: by size or as the file says, then switched by hand. Made once for the same edits. */
export function keptEdges({ circuit, ranked, edits }: Pick<Open, 'circuit' | 'ranked' | 'edits'>): Uint8Array {
  const known = keptOf.get(edits);
  if (known?.circuit === circuit) return known.kept;
  const kept = new Uint8Array(ranked.length);
  if (edits.size === null) {
    for (let e = 0; e < kept.length; e++) kept[e] = circuit.edges.kept[e] ? 1 : 0;
  } else for (let i = 0; i < Math.min(edits.size, ranked.length); i++) kept[ranked[i]] = 1;
  for (const e of edits.on) kept[e] = 1;
  for (const e of edits.off) kept[e] = 0;
  keptOf.set(edits, { circuit, kept });
  return kept;
}

export function countKept(kept: Uint8Array): number {
  let count = 0;
  for (let e = 0; e < kept.length; e++) count += kept[e];
  return count;
}

/** Whether the kept edges are just the first of the ranking; then the slider begins at their number, else null. */
export function topSize(circuit: Circuit, ranked: Int32Array): number | null {
  const kept = circuit.edges.kept.filter(Boolean).length;
  for (let i = 0; i < kept; i++) if (!circuit.edges.kept[ranked[i]]) return null;
  return kept;
}

export async function refreshItems(): Promise<void> {
  const items = await fetchItems();
  setState((state) => ({ items: [...items, ...state.items.filter(({ id }) => id.startsWith('here/'))], listed: true }));
}

export function addItem(item: Item): void {
  setState(({ items }) => ({ items: [...items.filter(({ id }) => id !== item.id), item] }));
}

const themeKey = 'filigree-theme';

function readTheme(): Theme {
  const kept = window.localStorage.getItem(themeKey);
  return kept === 'light' || kept === 'dark' ? kept : 'auto';
}

export function setTheme(theme: Theme): void {
  window.localStorage.setItem(themeKey, theme);
  setState({ theme });
}

/** The theme that is seen. */
export function seenTheme(theme: Theme): 'light' | 'dark' {
  if (theme !== 'auto') return theme;
  return window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** Changes the address, and with it what a view shows, without a new entry in the history. */
export function changeParams(change: Readonly<Record<string, string>>): void {
  const { place } = getState();
  const next = { ...place, params: { ...place.params, ...change } };
  window.history.replaceState(null, '', placeHash(next));
  setState({ place: next });
}

/** For panels of the open circuit that show only some of its fields: whether these are the same. */
export const sameFields =
  (...fields: readonly (keyof Open)[]) =>
  (a: { readonly open: Open }, b: { readonly open: Open }): boolean =>
    fields.every((field) => a.open[field] === b.open[field]);
