/** Where the page is: which view, of which items, and how it was changed. Everything that can be restored. */
export interface Place {
  readonly view: 'home' | 'circuit' | 'compare' | 'distribution' | 'run';
  readonly ids: readonly string[];
  readonly params: Readonly<Record<string, string>>;
}

const views = ['circuit', 'compare', 'distribution', 'run'] as const;

/** Reads `#/circuit/out%2Fx.json?n=20`. What cannot be read is home. */
export function parsePlace(hash: string): Place {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [name, ...rest] = path.split('/');
  const view = views.find((known) => known === name);
  if (!view) return { view: 'home', ids: [], params: {} };
  return { view, ids: rest.map(decode).filter(Boolean), params: Object.fromEntries(new URLSearchParams(query)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

export function placeHash({ view, ids, params }: Place): string {
  if (view === 'home') return '#/';
  const filled = Object.entries(params).filter(([, value]) => value !== '');
  const query = filled.length > 0 ? `?${new URLSearchParams(filled)}` : '';
  return `#/${[view, ...ids.map(encodeURIComponent)].join('/')}${query}`;
}

export const circuitHash = (id: string, params: Record<string, string> = {}): string =>
  placeHash({ view: 'circuit', ids: [id], params });

/** Indices as `1.2.9`. */
export const packNumbers = (numbers: Iterable<number>): string => [...numbers].join('.');
export const unpackNumbers = (text: string | undefined): number[] =>
  (text ?? '')
    .split('.')
    .filter((part) => /^\d+$/.test(part))
    .map(Number);
