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
  const params = Object.fromEntries(new URLSearchParams(query));
  if (!view) return { view: 'home', ids: [], params: name === '' ? params : {} };
  return { view, ids: rest.map(decode).filter(Boolean), params };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

export function placeHash({ view, ids, params }: Place): string {
  const filled = Object.entries(params).filter(([, value]) => value !== '');
  const query = filled.length > 0 ? `?${new URLSearchParams(filled)}` : '';
  const path = view === 'home' ? '' : [view, ...ids.map(encodeURIComponent)].join('/');
  return `#/${path}${query}`;
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

/** Where a drawing is seen: its zoom, and the point of it that is in the middle, in whole drawing units. */
export function cameraText(
  { k, x, y }: { readonly k: number; readonly x: number; readonly y: number },
  { width, height }: { readonly width: number; readonly height: number },
): string {
  const [cx, cy] = [(width / 2 - x) / k, (height / 2 - y) / k];
  return `${Math.round(k * 1000) / 10}_${Math.round(cx)}_${Math.round(cy)}`;
}

export function readCamera(text: string): { k: number; x: number; y: number } | undefined {
  const [, percent, x, y] = /^(\d+(?:\.\d)?)_(-?\d+)_(-?\d+)$/.exec(text) ?? [];
  if (percent === undefined) return undefined;
  return { k: Math.min(8, Math.max(0.02, Number(percent) / 100)), x: Number(x), y: Number(y) };
}
