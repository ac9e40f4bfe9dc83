import type { Circuit } from 'filigree';
import { cut } from './markup.js';
import { type Link, placeRows } from './order.js';
import { type Obstacles, Router } from './route.js';

/** What to lay out; lengths in drawing units, which are CSS pixels at natural size. */
export interface LayoutOptions {
  /** Indices of the edges to draw; the kept edges unless given. */
  readonly edges?: readonly number[];
  /** Says which nodes, by index, lines must go round; all of them unless given. */
  readonly solid?: (node: number) => boolean;
  /** Free height between two rows, 38 unless given (30 where there are more than 16 rows). */
  readonly rowGap?: number;
  /** Free width between two nodes of a row, 18 unless given (36 where no row has more than 5 nodes). */
  readonly nodeGap?: number;
}

/** A node with its place: the centre of its box and the box's size. */
export interface PlacedNode {
  /** Index into the circuit's nodes. */
  readonly index: number;
  readonly row: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** The label as drawn: long ones are cut. */
  readonly text: string;
  /** The inputs that drawn edges feed, in the order q, k, v, then others; empty where there is only one. */
  readonly ports: readonly string[];
}

/** An edge with its line as SVG path data, from the top of its source to the bottom of its target. */
export interface PlacedEdge {
  /** Index into the circuit's edges. */
  readonly index: number;
  readonly path: string;
}

/** A drawing's geometry: x grows to the right, y downwards, computation rises from the bottom to the top. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Rows of indices into `nodes`, from bottom to top. */
  readonly rows: readonly (readonly number[])[];
  readonly nodes: readonly PlacedNode[];
  /** In the order of `options.edges`. */
  readonly edges: readonly PlacedEdge[];
}

const longest = 16;
const padding = 10;
const plainHeight = 24;
const portHeight = 34;
/** Edges outside the circuit only break ties, so that the circuit itself is drawn well. */
const background = 0.05;

/**
 * Lays a circuit out in rows by `layer`, the heads of a layer in one row and its MLP in the next, input at the bottom and
 * logits on top. Order and places within a row make the kept edges short and cross little; edges go round the boxes of the
 * rows they pass. Only nodes that a drawn edge touches are placed. The same circuit always gives the same drawing.
 */
export function layout(circuit: Circuit, options: LayoutOptions = {}): Layout {
  const { nodes, edges } = circuit;
  const drawn = options.edges ?? edges.kept.flatMap((kept, e) => (kept ? [e] : []));
  const ports = portsOf(circuit, drawn);
  const indices = [...ports.keys()].sort((a, b) => a - b);
  const local = new Map(indices.map((index, i) => [index, i]));
  const rows = rowsOf(circuit, indices);
  const texts = indices.map((n) => cut(nodes.label[n], longest));
  const gap = options.nodeGap ?? (Math.max(0, ...rows.map((row) => row.length)) > 5 ? 18 : 36);
  const widths = widthsOf(texts, rows, gap, (i) => isEnd(circuit, indices[i]));

  const largest = drawn.reduce((most, e) => Math.max(most, Math.abs(edges.score[e] ?? 0)), 0) || 1;
  const links = drawn.map((e): Link => {
    const weight = edges.kept[e] ? 1 : background * (Math.abs(edges.score[e] ?? 0) / largest + 1e-3);
    return { from: local.get(edges.source[e])!, to: local.get(edges.target[e])!, weight };
  });
  const placed = placeRows({ rows, widths, gap }, links);

  const heights = indices.map((n) => (ports.get(n)!.length ? portHeight : plainHeight));
  const rowHeights = rows.map((row) => Math.max(...row.map((i) => heights[i])));
  const rowGap = options.rowGap ?? (rows.length > 16 ? 30 : 38);
  // Lines may go round the outermost boxes.
  const side = padding + 14;
  const height = 2 * padding + rowHeights.reduce((sum, h) => sum + h + rowGap, rows.length ? -rowGap : 0);
  let bottom = height - padding;
  const centres = rowHeights.map((h) => {
    const y = bottom - h / 2;
    bottom -= h + rowGap;
    return y;
  });
  const rowOf = new Map(rows.flatMap((row, r) => row.map((i) => [i, r] as const)));
  const result = indices.map((index, i): PlacedNode => {
    const row = rowOf.get(i)!;
    const x = placed.x[i] + side;
    return {
      index,
      row,
      x,
      y: centres[row],
      width: widths[i],
      height: heights[i],
      text: texts[i],
      ports: ports.get(index)!,
    };
  });

  const solid = options.solid ?? (() => true);
  const router = new Router(
    rows.map((row, r) =>
      obstacles(
        row.filter((i) => solid(indices[i])),
        result,
        centres[r],
        rowHeights[r],
      ),
    ),
  );
  const lines = drawn.map((e): PlacedEdge => {
    const from = result[local.get(edges.source[e])!];
    const to = result[local.get(edges.target[e])!];
    const start = { x: from.x + anchorOffset(from, to.x, isEnd(circuit, from.index)), y: from.y - from.height / 2 };
    const port = edges.port[e];
    const end = {
      x: to.x + (port ? portOffset(to, port) : anchorOffset(to, from.x, isEnd(circuit, to.index))),
      y: to.y + to.height / 2,
    };
    return { index: e, path: router.path(start, from.row, end, to.row) };
  });
  return { width: placed.width + 2 * side, height, rows, nodes: result, edges: lines };
}

/** Where an input of a node lies, relative to the node's centre. */
export function portOffset(node: PlacedNode, port: string): number {
  const i = node.ports.indexOf(port);
  return i < 0 ? 0 : ((i + 0.5) / node.ports.length - 0.5) * (node.width - 8);
}

/** Whether a node is where all of a circuit starts or ends; a probabilistic circuit has inputs at every depth. */
function isEnd({ kind, nodes }: Circuit, n: number): boolean {
  if (kind === 'probabilistic') return false;
  return nodes.kind[n] === 'input' || nodes.kind[n] === 'logits';
}

/** Lines leave a box, or enter one without ports, a little towards where they go; at a bar right below or above it. */
function anchorOffset(node: PlacedNode, towards: number, bar: boolean): number {
  const room = node.width / 2 - padding;
  const wanted = (towards - node.x) * (bar ? 1 : 0.15);
  return Math.min(room, Math.max(-room, wanted));
}

/** Per node that a drawn edge touches, the named inputs it shows. A head always shows all three, so that places compare. */
function portsOf(circuit: Circuit, drawn: readonly number[]): Map<number, string[]> {
  const { edges } = circuit;
  const found = new Map<number, Set<string>>();
  const of = (n: number) => found.get(n) ?? found.set(n, new Set()).get(n)!;
  for (const e of drawn) {
    of(edges.source[e]);
    const ports = of(edges.target[e]);
    if (edges.port[e]) ports.add(edges.port[e]);
  }
  const usual = ['q', 'k', 'v'];
  return new Map(
    [...found].map(([n, set]) => {
      const others = [...set].filter((port) => !usual.includes(port)).sort();
      const head = circuit.nodes.kind[n] === 'head' || others.length < set.size;
      return [n, [...(head ? usual : []), ...others]];
    }),
  );
}

/** Rows from bottom to top, as positions in `indices`: by layer, and within a layer heads below the MLP. */
function rowsOf(circuit: Circuit, indices: readonly number[]): number[][] {
  const { layer, kind } = circuit.nodes;
  const order = ['input', 'head', 'mlp', 'logits'];
  const rank = (n: number) => (order.includes(kind[n]) ? order.indexOf(kind[n]) : 1);
  const rows = new Map<string, number[]>();
  const sorted = indices
    .map((_, i) => i)
    .sort((a, b) => {
      const [m, n] = [indices[a], indices[b]];
      return layer[m] - layer[n] || rank(m) - rank(n) || a - b;
    });
  for (const i of sorted) {
    const key = `${layer[indices[i]]} ${rank(indices[i])}`;
    const row = rows.get(key);
    if (row) row.push(i);
    else rows.set(key, [i]);
  }
  return [...rows.values()];
}

/**
 * Boxes of a row are equally wide, and no narrower than three port letters need. Input and logits alone in their row become
 * bars as wide as the drawing, because much starts and ends there.
 */
function widthsOf(
  texts: readonly string[],
  rows: readonly (readonly number[])[],
  gap: number,
  bar: (i: number) => boolean,
): number[] {
  const widths = texts.map(() => 0);
  let widest = 0;
  for (const row of rows) {
    const width = Math.max(44, ...row.map((i) => 14 + 7 * [...texts[i]].length));
    for (const i of row) widths[i] = width;
    widest = Math.max(widest, row.length * (width + gap) - gap);
  }
  for (const [i] of rows.filter((row) => row.length === 1)) {
    if (bar(i)) widths[i] = widest;
  }
  return widths;
}

function obstacles(row: readonly number[], nodes: readonly PlacedNode[], y: number, height: number): Obstacles {
  const boxes = row
    .map((i) => ({ left: nodes[i].x - nodes[i].width / 2, right: nodes[i].x + nodes[i].width / 2 }))
    .sort((a, b) => a.left - b.left);
  return { top: y - height / 2, bottom: y + height / 2, boxes };
}
