import type { TextPair } from 'filigree';
import { packAnnotations } from './pack.js';
import { getState, type Open, setOpen } from './store.js';
import { topSize } from './units.js';
import { packNumbers } from './url.js';

const ablations = ['patch', 'zero', 'mean', 'mean-positional', 'resample', 'optimal'] as const;
const metrics = ['logit-diff', 'prob-diff', 'kl'] as const;
export const ablationNames: readonly Open['ablation'][] = ablations;
export const metricNames: readonly Open['metric'][] = metrics;
export const ablationOf = (name: unknown): Open['ablation'] => ablations.find((known) => known === name) ?? 'patch';
export const metricOf = (name: unknown): Open['metric'] => metrics.find((known) => known === name) ?? 'logit-diff';

/** Pairs of the task that a circuit is judged on unless the reader says otherwise. */
export const usualPairs = 40;

/** Circuits whose prompts the reader has edited. */
const typed = new Set<string>();

export function setPair(change: Partial<TextPair>): void {
  const { open } = getState();
  if (!open) return;
  typed.add(open.id);
  setOpen({ pair: { ...open.pair, ...change } });
}

/** What the address has to say so that the open circuit comes back as it is. */
export function circuitParams(open: Open): Record<string, string> {
  const { edits, circuit, units, pair } = open;
  const was = circuit.provenance.options;
  const sized = edits.size !== null && edits.size !== topSize(units);
  const told = getState().place.params.clean !== undefined;
  return {
    n: sized ? String(edits.size) : '',
    on: packNumbers(edits.on),
    off: packNumbers(edits.off),
    node: open.node === null ? '' : String(open.node),
    q: open.search,
    view: open.camera,
    all: open.all ? '1' : '',
    pos: circuit.nodes.position.some((p) => p !== null) && !open.byPosition ? '0' : '',
    ablation: open.ablation === ablationOf(was.ablation) ? '' : open.ablation,
    metric: open.metric === metricOf(was.metric) ? '' : open.metric,
    pairs: open.pairs === usualPairs ? '' : String(open.pairs),
    curves: open.added.map(encodeURIComponent).join(';'),
    find: open.find,
    ...(typed.has(open.id) || told
      ? { clean: pair.clean, corrupt: pair.corrupt, answer: [pair.answer].flat()[0], wrong: [pair.wrong].flat()[0] }
      : {}),
    ...packAnnotations(edits.annotations, circuit.annotations ?? {}),
  };
}
