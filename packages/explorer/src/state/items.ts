import type { Item } from '../../items.js';

export type { Item };

/** Ids of what was given to the page or made in it begin with this. */
export const here = 'here/';
/** Ids of the examples that come with the page. */
export const examples = 'examples/';

/** Where an item's file is, relative to the page. */
export const addressOf = (id: string): string =>
  (id.startsWith(examples) ? '' : 'files/') + id.split('/').map(encodeURIComponent).join('/');

/** The list of the server; empty where the page is served by something else, such as a plain web server. */
export async function fetchItems(): Promise<Item[]> {
  const answer = await fetch('api/items').catch(() => undefined);
  if (!answer?.ok) return [];
  const { items } = (await answer.json().catch(() => ({ items: [] }))) as { items: Item[] };
  return items;
}

/** Longest file that is taken as a circuit. */
const longest = 512 * 2 ** 20;

/** An item's file. Throws an Error for the user where it is not there. */
export async function fetchFile(id: string): Promise<Blob> {
  const answer = await fetch(addressOf(id)).catch(() => undefined);
  if (!answer) throw new Error(`${id} cannot be read: the server does not answer. Is filigree explore still running?`);
  if (answer.status === 404) throw new Error(`There is no ${id} here any more.`);
  if (!answer.ok) throw new Error(`${id} cannot be read: the server answered ${answer.status}.`);
  if (Number(answer.headers.get('content-length') ?? 0) > longest) throw new Error(`${id} is too large to be shown.`);
  return answer.blob();
}

export const fetchText = async (id: string): Promise<string> => (await fetchFile(id)).text();

/** What the page was given: a file with its vtree, or the files of a model. */
export interface Given {
  readonly content?: Blob;
  readonly files?: ReadonlyMap<string, Blob>;
  readonly vtree?: { readonly name: string; readonly text: string };
}

export const given = new Map<string, Given>();
