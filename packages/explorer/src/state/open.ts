import type { Annotations, Circuit, TextPair } from 'filigree';
import { desk, EngineError, engine } from '../engine/client.js';
import type { ModelFacts, OpenedFile } from '../engine/protocol.js';
import { addressOf, examples, fetchText, given, here, type Item } from './items.js';
import { packAnnotations, unpackAnnotations } from './pack.js';
import {
  addItem,
  countKept,
  edit,
  getState,
  keptEdges,
  type NamedCurve,
  type Open,
  refreshItems,
  setOpen,
  setState,
  topSize,
  useStore,
} from './store.js';
import { packNumbers, placeHash, unpackNumbers } from './url.js';

/** Edges that are laid out; of larger circuits the strongest. */
export const mostPlaced = 5000;

const opened = new Map<string, Promise<OpenedFile>>();

/** Reads an item's file in the worker; once for each id. */
export function readItem(id: string): Promise<OpenedFile> {
  const found = opened.get(id) ?? load(id);
  opened.set(id, found);
  found.catch(() => opened.delete(id));
  return found;
}

/** Lets an item be read anew. */
export const forget = (id: string): boolean => opened.delete(id);

/** What is known of an item, also before the list is there. */
export const itemOf = (id: string): Item | undefined => getState().items.find((item) => item.id === id);

async function load(id: string): Promise<OpenedFile> {
  const own = given.get(id);
  if (id.startsWith(here) && !own) {
    throw new Error(`${id.slice(here.length)} was only in an earlier visit of this page; drop the file here again.`);
  }
  if (!own && !id.startsWith(examples)) {
    await waitForItems();
    if (!itemOf(id)) await refreshItems();
    if (!itemOf(id)) throw new Error(`There is no ${id} here, or it is not something that this page shows.`);
  }
  const name = id.split('/').at(-1) ?? id;
  const tree = itemOf(id)?.vtree;
  const vtree = own?.vtree ?? (tree === undefined ? undefined : { name: tree, text: await fetchText(tree) });
  return desk.call('readFile', {
    key: id,
    name,
    text: own?.text ?? (await fetchText(id)),
    ...(vtree ? { vtree } : {}),
  });
}

/** Ranks edges by the size of their score, those without one last. */
function rankEdges({ edges }: Circuit): Pick<Open, 'ranked' | 'rankOf'> {
  const size = (e: number): number => Math.abs(edges.score[e] ?? 0) + (edges.score[e] === null ? -1 : 0);
  const ranked = Int32Array.from(edges.source.keys()).sort((a, b) => size(b) - size(a) || a - b);
  const rankOf = new Int32Array(ranked.length);
  ranked.forEach((e, i) => {
    rankOf[e] = i;
  });
  return { ranked, rankOf };
}

export const usualPair: TextPair = {
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
    const { circuit, format } = file;
    const ranks = rankEdges(circuit);
    const count = circuit.edges.source.length;
    const nodes = circuit.nodes.id.length;
    const inside = (list: number[], most: number): number[] => list.filter((n) => n < most);
    const annotations = unpackAnnotations(params, circuit.annotations ?? {}, nodes);
    const node = Number(params.node ?? 'none');
    const open: Open = {
      id,
      name: itemOf(id)?.name ?? id.split('/').at(-1) ?? id,
      format,
      circuit,
      ...ranks,
      placed: null,
      byPosition: circuit.nodes.position.some((p) => p !== null) && params.pos !== '0',
      edits: {
        size:
          params.n === undefined
            ? topSize(circuit, ranks.ranked)
            : Math.max(0, Math.min(count, Math.round(Number(params.n)) || 0)),
        on: new Set(inside(unpackNumbers(params.on), count)),
        off: new Set(inside(unpackNumbers(params.off), count)),
        annotations,
      },
      past: [],
      future: [],
      saved: circuit.annotations ?? {},
      node: Number.isInteger(node) && node >= 0 && node < nodes ? node : null,
      curves: curvesOf(circuit, 'in the file'),
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
      pairs: Math.max(1, Math.min(1000, Number(params.pairs) || 40)),
      answers: null,
      answersError: '',
      judged: null,
      judgedFor: null,
      judgedError: '',
      facts: null,
    };
    setState({ open, opening: '' });
    await placeOpen();
    if (circuit.kind !== 'transformer') return;
    if (circuit.level === 'edge') await openModelOf(open, params);
    else setOpen({ modelNote: `Circuits of ${circuit.level}s are shown here; only circuits of edges are run.` }, id);
  } catch (error) {
    if (getState().opening === id) setState({ opening: '', open: null, problem: messageOf(error) });
    else if (getState().open?.id === id) setOpen({ modelNote: messageOf(error) }, id);
  }
}

const ablations = ['patch', 'zero', 'mean', 'mean-positional', 'resample', 'optimal'] as const;
const metrics = ['logit-diff', 'prob-diff', 'kl'] as const;
export const ablationNames: readonly Open['ablation'][] = ablations;
export const metricNames: readonly Open['metric'][] = metrics;
const ablationOf = (name: unknown): Open['ablation'] => ablations.find((known) => known === name) ?? 'patch';
const metricOf = (name: unknown): Open['metric'] => metrics.find((known) => known === name) ?? 'logit-diff';

/** Lays the open circuit out. */
export async function placeOpen(): Promise<void> {
  const { open } = getState();
  if (!open) return;
  const { id, circuit, byPosition } = open;
  const placed = await desk.call('place', { circuit, most: mostPlaced, byPosition });
  setOpen((now) => (now.byPosition === byPosition ? { placed } : {}), id);
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

/** Finds and opens the model that a circuit is of: by its name in the list. */
async function openModelOf({ id, circuit }: Open, params: Readonly<Record<string, string>>): Promise<void> {
  const wanted = circuit.provenance.model.split('/').at(-1) ?? '';
  await waitForItems();
  const models = getState().items.filter((item) => item.kind === 'model');
  const item = models.find((model) => model.name === wanted) ?? models.find((model) => model.id === params.model);
  if (!item) {
    setOpen(
      {
        modelNote: `The model \u201c${wanted}\u201d is not here, so nothing can be asked anew. Drop its folder here, or give it to filigree explore.`,
      },
      id,
    );
    return;
  }
  await useModel(item.id);
}

/** Waits until the list of the server has come. */
export function waitForItems(): Promise<void> {
  return new Promise((resolve) => {
    const done = (): boolean => getState().listed;
    if (done()) return resolve();
    const stop = useStore.subscribe(() => {
      if (!done()) return;
      stop();
      resolve();
    });
  });
}

/** Loads a model in the worker. */
export async function loadModel(item: Item): Promise<ModelFacts> {
  const own = given.get(item.id)?.files;
  return engine.call('openModel', {
    key: item.id,
    name: item.name,
    source: own
      ? { kind: 'given', files: own }
      : { kind: 'served', base: new URL(`${addressOf(item.id)}/`, document.baseURI).href, files: item.files ?? [] },
  });
}

/** Asks about the open circuit with a model of the list. */
export async function useModel(modelId: string): Promise<void> {
  const { open } = getState();
  const item = itemOf(modelId);
  if (!open || !item) return;
  const { id, circuit } = open;
  setOpen({ modelNote: `Opening ${item.name}\u2026` }, id);
  try {
    const facts = await loadModel(item);
    await engine.call('useCircuit', { model: item.id, key: id, circuit });
    const { modelHash, task } = circuit.provenance;
    const other = modelHash !== '' && modelHash !== facts.hash;
    const pair = await examplePair(item.id, task);
    const { params } = getState().place;
    setOpen(
      {
        model: facts,
        modelNote: other
          ? `The weights of ${facts.name} differ from those of the model that the circuit was found in.`
          : '',
        ...(pair && params.clean === undefined ? { pair } : {}),
      },
      id,
    );
  } catch (error) {
    setOpen({ model: null, modelNote: messageOf(error) }, id);
  }
}

/** Built-in tasks, by name. */
export const taskNames = ['pronoun', 'induction', 'bracket', 'quote'] as const;

/** The task to ask about: the circuit's own where it is built in. */
export const taskOf = ({ circuit }: Pick<Open, 'circuit'>): string | undefined =>
  taskNames.find((name) => name === circuit.provenance.task);

async function examplePair(model: string, task: string): Promise<TextPair | undefined> {
  // The prompts that the tour speaks of are of this task.
  if (task === 'pronoun' || !taskNames.some((name) => name === task)) return undefined;
  const [first] = await engine.call('texts', { model, task, count: 1, part: 'evaluation', seed: 0 });
  return first;
}

/** Adds a circuit that was made here, and gives its id. */
export function addCircuit(circuit: Circuit, name: string): string {
  let id = `${here}${name}`;
  for (let n = 2; opened.has(id); n++) id = `${here}${name} ${n}`;
  opened.set(id, Promise.resolve({ what: 'circuit', circuit, format: 'circuit' }));
  given.set(id, {});
  const { task, method, model, metrics: made } = circuit.provenance;
  const faithfulness = made.faithfulness;
  addItem({
    id,
    kind: 'circuit',
    name: id.slice(here.length),
    size: 0,
    made: circuit.provenance.made || new Date().toISOString(),
    facts: {
      kind: circuit.kind,
      task,
      method,
      model,
      nodes: circuit.nodes.id.length,
      edges: circuit.edges.source.length,
      kept: circuit.edges.kept.filter(Boolean).length,
      faithfulness: typeof faithfulness === 'number' ? faithfulness : null,
    },
  });
  return id;
}

/** The open circuit as it stands: kept edges and annotations as they are now. */
export function currentCircuit(open: Open): Circuit {
  const kept = keptEdges(open);
  const { supernodes = [], notes = [], pinned = [] } = open.edits.annotations;
  const annotations: Annotations = {
    ...(supernodes.length > 0 ? { supernodes } : {}),
    ...(notes.length > 0 ? { notes } : {}),
    ...(pinned.length > 0 ? { pinned } : {}),
  };
  const { annotations: _, ...rest } = open.circuit;
  const changed = kept.some((is, e) => (is === 1) !== open.circuit.edges.kept[e]);
  return {
    ...rest,
    ...(changed ? { provenance: changedProvenance(open, countKept(kept)) } : {}),
    edges: { ...open.circuit.edges, kept: Array.from(kept, Boolean) },
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}

/** Where other edges are kept than in the file, what was measured of those no longer holds; what was measured here does. */
function changedProvenance({ circuit, judged, judgedFor, edits }: Open, size: number): Circuit['provenance'] {
  const { provenance } = circuit;
  const ofEdges = ['metric', 'faithfulness', 'interval', 'completeness', 'random'];
  const metrics = Object.fromEntries(Object.entries(provenance.metrics).filter(([key]) => !ofEdges.includes(key)));
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
    opened.delete(open.id);
    setOpen({ saved: open.edits.annotations }, open.id);
    setState({ notice: `Saved into ${open.id}.` });
  } catch (error) {
    setState({ problem: messageOf(error) });
  }
}

export const canSave = ({ id, format }: Pick<Open, 'id' | 'format'>): boolean =>
  format === 'circuit' && !id.startsWith(here) && !id.startsWith('examples/');

/** What the address has to say so that the open circuit comes back as it is. */
export function circuitParams(open: Open): Record<string, string> {
  const { edits, circuit, ranked, pair } = open;
  const was = circuit.provenance.options;
  const sized = edits.size !== null && edits.size !== topSize(circuit, ranked);
  const usual = getState().place.params;
  return {
    n: sized ? String(edits.size) : '',
    on: packNumbers(edits.on),
    off: packNumbers(edits.off),
    node: open.node === null ? '' : String(open.node),
    pos: circuit.nodes.position.some((p) => p !== null) && !open.byPosition ? '0' : '',
    ablation: open.ablation === ablationOf(was.ablation) ? '' : open.ablation,
    metric: open.metric === metricOf(was.metric) ? '' : open.metric,
    pairs: open.pairs === 40 ? '' : String(open.pairs),
    ...(typed.has(open.id) || usual.clean !== undefined
      ? { clean: pair.clean, corrupt: pair.corrupt, answer: [pair.answer].flat()[0], wrong: [pair.wrong].flat()[0] }
      : {}),
    ...packAnnotations(edits.annotations, circuit.annotations ?? {}),
  };
}

/** Circuits whose prompts the reader has edited. */
const typed = new Set<string>();

export function setPair(change: Partial<TextPair>): void {
  const { open } = getState();
  if (!open) return;
  typed.add(open.id);
  setOpen({ pair: { ...open.pair, ...change } });
}

export function messageOf(error: unknown): string {
  if (error instanceof EngineError || error instanceof Error) return error.message;
  return String(error);
}

/** Switches an edge by hand; where that is what it would be anyway, the switch is taken back. */
export function toggleEdges(list: readonly number[], to: boolean): void {
  edit((edits) => {
    const open = getState().open as Open;
    const base = keptEdges({ ...open, edits: { ...edits, on: new Set(), off: new Set() } });
    const [on, off] = [new Set(edits.on), new Set(edits.off)];
    for (const e of list) {
      on.delete(e);
      off.delete(e);
      if (to && !base[e]) on.add(e);
      if (!to && base[e]) off.add(e);
    }
    return { ...edits, on, off };
  });
}
