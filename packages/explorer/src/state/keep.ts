import { type Given, given, type Item } from './items.js';
import { addItem, getState, setState } from './store.js';

/** What was given to the page or made in it is kept in the browser, so that its address still leads to it after the page was closed. */
interface Kept {
  readonly item: Item;
  readonly given: Given;
}

const [database, store] = ['filigree', 'given'];
/** Most things that are kept, and most bytes of one; the oldest make room. */
const most = 30;
const largest = 64 * 2 ** 20;

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(store);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Does something with what is kept; undefined where the browser keeps nothing, as in some private windows. */
async function during<T>(
  mode: IDBTransactionMode,
  work: (kept: IDBObjectStore) => IDBRequest<T>,
): Promise<T | undefined> {
  try {
    const db = await open();
    try {
      return await new Promise((resolve, reject) => {
        const request = work(db.transaction(store, mode).objectStore(store));
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    } finally {
      db.close();
    }
  } catch {
    return undefined;
  }
}

/** Lists what earlier visits have kept. */
export async function restoreKept(): Promise<void> {
  const all = (await during<Kept[]>('readonly', (kept) => kept.getAll())) ?? [];
  for (const { item, given: own } of all.sort((a, b) => a.item.made.localeCompare(b.item.made))) {
    given.set(item.id, own);
    addItem(item);
  }
}

/** Keeps what the page was given under this id. */
export async function keep(id: string): Promise<void> {
  const item = getState().items.find((known) => known.id === id);
  const own = given.get(id);
  if (!item || !own) return;
  const size = own.content?.size ?? [...(own.files?.values() ?? [])].reduce((sum, file) => sum + file.size, 0);
  if (size > largest) return;
  await during('readwrite', (kept) => kept.put({ item, given: own } satisfies Kept, id));
  const all = (await during<Kept[]>('readonly', (kept) => kept.getAll())) ?? [];
  const oldest = all.sort((a, b) => a.item.made.localeCompare(b.item.made)).slice(0, Math.max(0, all.length - most));
  for (const { item: old } of oldest) await during('readwrite', (kept) => kept.delete(old.id));
}

/** Forgets what the page was given under this id. */
export async function drop(id: string): Promise<void> {
  given.delete(id);
  setState(({ items }) => ({ items: items.filter((item) => item.id !== id) }));
  await during('readwrite', (kept) => kept.delete(id));
}
