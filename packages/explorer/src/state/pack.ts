import type { Annotations } from 'filigree';
import { packNumbers, unpackNumbers } from './url.js';

/** What the address says of a reader's annotations: nothing where they are those of the file. */
export function packAnnotations(now: Annotations, file: Annotations): Record<string, string> {
  if (JSON.stringify(now) === JSON.stringify(file)) return {};
  return {
    groups: (now.supernodes ?? [])
      .map(({ name, nodes }) => `${encodeURIComponent(name)}:${packNumbers(nodes)}`)
      .join(';'),
    notes: (now.notes ?? []).map(({ node, text }) => `${node}:${encodeURIComponent(text)}`).join(';'),
    pins: packNumbers(now.pinned ?? []),
    own: '1',
  };
}

/** The annotations that an address says, else those of the file. */
export function unpackAnnotations(
  params: Readonly<Record<string, string>>,
  file: Annotations,
  nodes: number,
): Annotations {
  if (params.own !== '1') return file;
  const parts = (text: string | undefined): string[][] =>
    (text ?? '')
      .split(';')
      .filter(Boolean)
      .map((part) => part.split(':'));
  const decoded = (text = ''): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  const taken = new Set<number>();
  return {
    supernodes: parts(params.groups).map(([name, list]) => ({
      name: decoded(name),
      nodes: unpackNumbers(list).filter((n) => n < nodes && !taken.has(n) && taken.add(n)),
    })),
    notes: parts(params.notes).flatMap(([node, text]) =>
      Number(node) < nodes ? [{ node: Number(node), text: decoded(text) }] : [],
    ),
    pinned: unpackNumbers(params.pins).filter((n) => n < nodes),
  };
}
