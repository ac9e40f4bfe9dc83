import type { Circuit, TextPair } from 'filigree';
import { desk } from '../engine/client.js';
import { openModelOf } from './model.js';
import { unpackAnnotations } from './pack.js';
import { ablationOf, metricOf, usualPairs } from './params.js';
import { messageOf, nameOf, readItem, waitForItems } from './read.js';
import { getState, type NamedCurve, type Open, setOpen, setState } from './store.js';
import { topSize, unitsOf } from './units.js';
import { placeHash, unpackNumbers } from './url.js';

/** Edges that are laid out unless the reader asks for more, and most of all; of larger circuits the strongest. */
export const mostPlaced = 5000;
export const mostDrawn = 50_000;

const usualPair: TextPair = {
  clean: 'One day, Lily went to the park.',
  corrupt: 'One day, Tim went to the park.',
  answer: ' She',
  wrong: ' He',
};

/** Opens a circuit and restores what the address says of it. */
export async function openCircuit(id: string, params: Readonly<Record<string, string>>): Promise<void> {
  setState({ opening: id, problem: '' });
  try {
    const file = await readItem(id);
    if (getState().opening !== id) return;
    if (file.what === 'distribution') {
      window.location.replace(placeHash({ view: 'distribution', ids: [id], params: {} }));
      return;
    }
    const open = restored(id, file.circuit, file.format, params);
    setState({ open, opening: '' });
    await placeOpen();
    await addCurves(open.added);
    if (open.circuit.kind === 'transformer') await openModelOf(open);
  } catch (error) {
    if (getState().opening === id) setState({ opening: '', open: null, problem: messageOf(error) });
    else if (getState().open?.id === id) setOpen({ modelNote: messageOf(error) }, id);
  }
}

function restored(id: string, circuit: Circuit, format: string, params: Readonly<Record<string, string>>): Open {
  const units = unitsOf(circuit);
  const count = units.ranked.length;
  const nodes = circuit.nodes.id.length;
  const inside = (list: number[], most: number): number[] => list.filter((n) => n < most);
  const node = Number(params.node ?? 'none');
  const size = Math.max(0, Math.min(count, Math.round(Number(params.n)) || 0));
  return {
    id,
    name: nameOf(id),
    format,
    circuit,
    units,
    placed: null,
    byPosition: circuit.nodes.position.some((p) => p !== null) && params.pos !== '0',
    all: params.all === '1',
    camera: params.view ?? '',
    search: params.q ?? '',
    edits: {
      size: params.n === undefined ? topSize(units) : size,
      on: new Set(inside(unpackNumbers(params.on), count)),
      off: new Set(inside(unpackNumbers(params.off), count)),
      annotations: unpackAnnotations(params, circuit.annotations ?? {}, nodes),
    },
    past: [],
    future: [],
    saved: circuit.annotations ?? {},
    node: Number.isInteger(node) && node >= 0 && node < nodes ? node : null,
    curves: curvesOf(circuit, 'in the file'),
    added: (params.curves ?? '').split(';').filter(Boolean).map(decoded),
    find: params.find ?? '',
    model: null,
    modelNote: '',
    pair: {
      clean: params.clean ?? usualPair.clean,
      corrupt: params.corrupt ?? usualPair.corrupt,
      answer: params.answer ?? usualPair.answer,
      wrong: params.wrong ?? usualPair.wrong,
    },
    ablation: ablationOf(params.ablation ?? circuit.provenance.options.ablation),
    metric: metricOf(params.metric ?? circuit.provenance.options.metric),
    pairs: Math.max(1, Math.min(1000, Number(params.pairs) || usualPairs)),
    answers: null,
    answersError: '',
    judged: null,
    judgedFor: null,
    judgedError: '',
    facts: null,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** About the width by height of a drawing's frame in this window. */
export const frameAspect = (): number => (window.innerWidth < 800 ? 0.6 : 1.25);

/** Lays the open circuit out. */
export async function placeOpen(): Promise<void> {
  const { open } = getState();
  if (!open) return;
  const { id, circuit, byPosition, all } = open;
  const most = all ? mostDrawn : mostPlaced;
  const placed = await desk.call('place', { circuit, most, byPosition, aspect: frameAspect() });
  setOpen((now) => (now.byPosition === byPosition && now.all === all ? { placed } : {}), id);
}

/** The curve that a file holds. */
export function curvesOf({ provenance }: Circuit, name: string): NamedCurve[] {
  const curve = provenance.metrics.curve as Record<string, unknown> | undefined;
  const list = (key: string): (number | null)[] | undefined => {
    const values = curve?.[key];
    return Array.isArray(values) ? values.map((x) => (typeof x === 'number' ? x : null)) : undefined;
  };
  const [sizes, faithfulness] = [list('sizes'), list('faithfulness')];
  if (!sizes || sizes.length !== faithfulness?.length || sizes.some((size) => size === null)) return [];
  const rest = Object.fromEntries(
    ['low', 'high', 'random', 'randomLow', 'randomHigh'].flatMap((key) => {
      const values = list(key);
      return values?.length === sizes.length ? [[key, values]] : [];
    }),
  );
  return [{ name, data: { sizes: sizes as number[], faithfulness, ...rest } }];
}

/** Adds the curves of other circuits to the plot of the open one. */
export async function addCurves(ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await waitForItems();
  for (const id of ids) {
    try {
      const file = await readItem(id);
      const [curve] = file.what === 'circuit' ? curvesOf(file.circuit, nameOf(id)) : [];
      if (!curve) throw new Error(`${nameOf(id)} holds no curve; open it and measure one.`);
      setOpen(({ curves, added }) => ({
        curves: [...curves.filter(({ name }) => name !== curve.name), curve],
        added: [...added.filter((other) => other !== id), id],
      }));
    } catch (error) {
      setState({ problem: messageOf(error) });
    }
  }
}
