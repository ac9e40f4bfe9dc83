import type { Circuit } from 'filigree';
import { desk, EngineError } from '../engine/client.js';
import type { OpenedFile } from '../engine/protocol.js';
import { examples, fetchFile, fetchText, given, here, type Item } from './items.js';
import { keep } from './keep.js';
import { addItem, getState, refreshItems, useStore } from './store.js';
import { countOnes, unitsOf } from './units.js';

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

/** The name of an item, which its address ends with where it is not in the list. */
export const nameOf = (id: string): string => itemOf(id)?.name ?? id.split('/').at(-1) ?? id;

async function load(id: string): Promise<OpenedFile> {
  await waitForItems();
  const own = given.get(id);
  if (id.startsWith(here) && !own) {
    throw new Error(`${id.slice(here.length)} is not kept in this browser; drop the file here again.`);
  }
  if (!own && !id.startsWith(examples)) {
    if (!itemOf(id)) await refreshItems();
    if (!itemOf(id)) throw new Error(`There is no ${id} here, or it is not something that this page shows.`);
  }
  const tree = itemOf(id)?.vtree;
  const vtree = own?.vtree ?? (tree === undefined ? undefined : { name: tree, text: await fetchText(tree) });
  return desk.call('readFile', {
    key: id,
    name: id.split('/').at(-1) ?? id,
    content: own?.content ?? (await fetchFile(id)),
    ...(vtree ? { vtree } : {}),
  });
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

/** Adds a circuit that was made here, and gives its id. */
export function addCircuit(circuit: Circuit, name: string): string {
  let id = `${here}${name}`;
  for (let n = 2; opened.has(id) || given.has(id); n++) id = `${here}${name} ${n}`;
  opened.set(id, Promise.resolve({ what: 'circuit', circuit, format: 'circuit' }));
  given.set(id, {});
  addItem(circuitItem(id, circuit, 0, new Date().toISOString()));
  void desk.call('write', { circuit, format: 'circuit' }).then((text) => {
    given.set(id, { content: new Blob([text]) });
    return keep(id);
  });
  return id;
}

/** What the list says of a circuit that was given or made here. */
export function circuitItem(id: string, circuit: Circuit, size: number, made: string): Item {
  const { task, method, model, metrics, made: told } = circuit.provenance;
  const { faithfulness } = metrics;
  const { level, inFile } = unitsOf(circuit);
  return {
    id,
    kind: 'circuit',
    name: id.slice(here.length),
    size,
    made: told || made,
    facts: {
      kind: circuit.kind,
      task,
      method,
      model,
      nodes: circuit.nodes.id.length,
      edges: circuit.edges.source.length,
      level,
      total: inFile.length,
      kept: countOnes(inFile),
      faithfulness: typeof faithfulness === 'number' ? faithfulness : null,
    },
  };
}

export function messageOf(error: unknown): string {
  if (error instanceof EngineError || error instanceof Error) return error.message;
  return String(error);
}
