import type { AblationName, Annotations, Circuit, MetricName, TextPair } from 'filigree';
import { create } from 'zustand';
import type { Answers, CurveData, Judged, ModelFacts, NodeFacts, Placed, ProgressState } from '../engine/protocol.js';
import type { Edits } from './edits.js';
import { fetchItems, type Item } from './items.js';
import type { Units } from './units.js';
import { type Place, parsePlace, placeHash } from './url.js';

export type Theme = 'auto' | 'light' | 'dark';

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
  readonly units: Units;
  readonly placed: Placed | null;
  readonly byPosition: boolean;
  /** Whether more edges are drawn than can be told apart. */
  readonly all: boolean;
  /** Where the reader has moved the drawing to, as the address says it; empty: all of it is seen. */
  readonly camera: string;
  readonly search: string;
  readonly edits: Edits;
  readonly past: readonly Edits[];
  readonly future: readonly Edits[];
  /** Edits at the last save. */
  readonly saved: Annotations;
  readonly node: number | null;
  readonly curves: readonly NamedCurve[];
  /** Circuits whose curves the reader has added to the plot. */
  readonly added: readonly string[];
  /** How a circuit is to be found anew, as the address says it. */
  readonly find: string;
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

export async function refreshItems(): Promise<void> {
  const items = await fetchItems();
  setState((state) => ({ items: [...items, ...state.items.filter(({ id }) => id.startsWith('here/'))], listed: true }));
}

export function addItem(item: Item): void {
  setState(({ items }) => ({ items: [...items.filter(({ id }) => id !== item.id), item] }));
}

const themeKey = 'filigree-theme';

/** The theme that the address asks for, else what was chosen before. */
function readTheme(): Theme {
  const { theme } = parsePlace(window.location.hash).params;
  const kept = theme ?? window.localStorage.getItem(themeKey);
  return kept === 'light' || kept === 'dark' ? kept : 'auto';
}

export function setTheme(theme: Theme): void {
  window.localStorage.setItem(themeKey, theme);
  setState({ theme });
  changeParams({});
}

/** The theme that is seen. */
export function seenTheme(theme: Theme): 'light' | 'dark' {
  if (theme !== 'auto') return theme;
  return window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** Changes some of what the address says, and with it what a view shows, without a new entry in the history. */
export function changeParams(change: Readonly<Record<string, string>>): void {
  setParams({ ...getState().place.params, ...change });
}

/** Says all of it anew. A chosen theme is part of every address. */
export function setParams(params: Readonly<Record<string, string>>): void {
  const { place, theme } = getState();
  const hash = placeHash({ ...place, params: { ...params, theme: theme === 'auto' ? '' : theme } });
  if (hash !== placeHash(parsePlace(window.location.hash))) window.history.replaceState(null, '', hash);
  setState({ place: parsePlace(hash) });
}

/** For panels of the open circuit that show only some of its fields: whether these are the same. */
export const sameFields =
  (...fields: readonly (keyof Open)[]) =>
  (a: { readonly open: Open }, b: { readonly open: Open }): boolean =>
    fields.every((field) => a.open[field] === b.open[field]);
