import type { Circuit } from 'filigree';
import type { Layout, PlacedEdge, PlacedNode } from './layout.js';
import { cut, px } from './markup.js';

/** What to lay out plainly. */
export interface PlainLayoutOptions {
  /** Indices of the edges to draw. */
  readonly edges: readonly number[];
  /** Positions become columns, from left to right; nodes without one stand in a column of their own on the left. */
  readonly byPosition?: boolean;
  /** Width by height that is wanted; rows or nodes move apart, so far as lines stay readable. */
  readonly aspect?: number;
}

const padding = 24;
const height = 22;
const usualRowGap = 46;
/** Farthest that nodes of a row, and rows, move apart. */
const [widestGap, highestGap] = [90, 190];
const columnGap = 26;
/** Rows of more nodes than this have small boxes, without names. */
const named = 60;
const sweeps = 8;

/**
 * A layout for circuits of many nodes, and for those whose nodes have positions: rows by `layer` from bottom to top, lines straight from
 * box to box. Within a row, or within a cell of row and column, nodes stand in the order that barycentre sweeps give. Linear in nodes and
 * edges, and deterministic.
 */
export function plainLayout(circuit: Circuit, options: PlainLayoutOptions): Layout {
  const { nodes, edges } = circuit;
  const { edges: drawn, byPosition = false, aspect } = options;
  const touched = [...new Set(drawn.flatMap((e) => [edges.source[e], edges.target[e]]))].sort((a, b) => a - b);
  const layers = [...new Set(touched.map((n) => nodes.layer[n]))].sort((a, b) => a - b);
  const rowOf = new Map(layers.map((layer, r) => [layer, r]));
  const row = (n: number): number => rowOf.get(nodes.layer[n])!;
  const columnOf = (n: number): number => (byPosition ? (nodes.position[n] ?? -1) : 0);

  // Cells in order; those of a row stand side by side.
  const cells = new Map<string, number[]>();
  for (const n of touched) {
    const key = `${row(n)} ${columnOf(n)}`;
    const cell = cells.get(key);
    if (cell) cell.push(n);
    else cells.set(key, [n]);
  }
  const columns = [...new Set(touched.map(columnOf))].sort((a, b) => a - b);
  const widest = Math.max(0, ...[...cells.values()].map((cell) => cell.length));
  const small = widest > named;
  const widths = new Map(
    touched.map((n) => [n, small ? 9 : Math.max(34, 12 + 6.6 * [...short(nodes.label[n])].length)]),
  );
  const usualGap = small ? 5 : 12;
  const natural = Math.max(
    34,
    ...[...cells.values()].map((cell) => cell.reduce((w, n) => w + widths.get(n)! + usualGap, 0)),
  );
  const [gap, rowGap] = gapsFor(aspect, {
    natural,
    widest,
    rows: layers.length,
    gap: usualGap,
    columns: columns.length,
  });
  const room = (cell: readonly number[]): number => cell.reduce((sum, n) => sum + widths.get(n)! + gap, -gap);
  const starts = new Map<number, { left: number; width: number }>();
  let left = padding;
  for (const column of columns) {
    const own = [...cells].filter(([key]) => key.endsWith(` ${column}`)).map(([, cell]) => room(cell));
    const width = Math.max(34, ...own);
    starts.set(column, { left, width });
    left += width + columnGap;
  }

  const x = new Map<number, number>();
  const settle = (key: string): void => {
    const cell = cells.get(key)!;
    const { left: from, width } = starts.get(Number(key.split(' ')[1]))!;
    let at = from + (width - room(cell)) / 2;
    for (const n of cell) {
      const own = widths.get(n)!;
      x.set(n, at + own / 2);
      at += own + gap;
    }
  };
  for (const key of cells.keys()) settle(key);
  const neighbours = neighboursOf(circuit, drawn);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const up = sweep % 2 === 0;
    const order = [...cells.keys()].sort((a, b) => (Number(a.split(' ')[0]) - Number(b.split(' ')[0])) * (up ? 1 : -1));
    for (const key of order) {
      const cell = cells.get(key)!;
      if (cell.length < 2) continue;
      const want = new Map(cell.map((n) => [n, centre(neighbours.get(n) ?? [], x) ?? x.get(n)!]));
      cell.sort((a, b) => want.get(a)! - want.get(b)! || a - b);
      settle(key);
    }
  }

  const total = 2 * padding + layers.length * (height + rowGap) - rowGap;
  const y = (n: number): number => total - padding - height / 2 - row(n) * (height + rowGap);
  const placed = touched.map(
    (n): PlacedNode => ({
      index: n,
      row: row(n),
      x: x.get(n)!,
      y: y(n),
      width: widths.get(n)!,
      height,
      text: small ? '' : short(nodes.label[n]),
      ports: [],
    }),
  );
  const lines = drawn.map((e): PlacedEdge => {
    const [s, t] = [edges.source[e], edges.target[e]];
    return { index: e, path: line(x.get(s)!, y(s), x.get(t)!, y(t), rowGap) };
  });
  const rows = layers.map((_, r) => placed.flatMap((node, i) => (node.row === r ? [i] : [])));
  return { width: Math.max(left - columnGap + padding, 2 * padding), height: total, rows, nodes: placed, edges: lines };
}

/** Gaps between nodes of a row and between rows at which a drawing comes near to the wanted shape. */
function gapsFor(
  aspect: number | undefined,
  {
    natural,
    widest,
    rows,
    gap,
    columns,
  }: { natural: number; widest: number; rows: number; gap: number; columns: number },
): [gap: number, rowGap: number] {
  if (aspect === undefined || columns > 1) return [gap, usualRowGap];
  const tall = rows * (height + usualRowGap);
  if (natural < aspect * tall)
    return [Math.min(widestGap, gap + (aspect * tall - natural) / Math.max(1, widest)), usualRowGap];
  return [gap, Math.max(usualRowGap, Math.min(highestGap, natural / aspect / rows - height))];
}

const short = (text: string): string => cut(text, 18);

/** How far a line bows that would else run behind the boxes between its ends. */
const bow = 52;

/** From the top of the source to the bottom of the target; one that passes rows straight above its source bows to the side. */
function line(x1: number, y1: number, x2: number, y2: number, rowGap: number): string {
  const [from, to] = [y1 - height / 2, y2 + height / 2];
  const bend = Math.max(18, Math.abs(from - to) / 2);
  const side = Math.abs(from - to) > height + rowGap && Math.abs(x1 - x2) < bow / 2 ? bow : 0;
  return `M${px(x1)},${px(from)}C${px(x1 + side)},${px(from - bend)} ${px(x2 + side)},${px(to + bend)} ${px(x2)},${px(to)}`;
}

function neighboursOf({ edges }: Circuit, drawn: readonly number[]): Map<number, number[]> {
  const found = new Map<number, number[]>();
  const add = (n: number, other: number): void => {
    const list = found.get(n);
    if (list) list.push(other);
    else found.set(n, [other]);
  };
  for (const e of drawn) {
    add(edges.source[e], edges.target[e]);
    add(edges.target[e], edges.source[e]);
  }
  return found;
}

function centre(neighbours: readonly number[], x: ReadonlyMap<number, number>): number | undefined {
  if (neighbours.length === 0) return undefined;
  return neighbours.reduce((sum, n) => sum + x.get(n)!, 0) / neighbours.length;
}
