import { type Layout, type LayoutOptions, layout, plainLayout, strongestFirst } from '@filigree/view';
import type { Circuit } from 'filigree';
import type { Ask, Got } from './protocol.js';

/** Points at which each line is sampled, for drawing many and for finding the one under the pointer. */
const samples = 17;
/** Edges whose exact path is kept, for drawing few. */
const exact = 1200;
/** Beyond these, lines are not led round boxes: it would take longer than the drawing is clear. */
const routedEdges = 6000;
const routedNodes = 600;

/** Places a circuit's nodes and its strongest edges, kept ones first among equals. */
export function place({ circuit, most, byPosition, aspect }: Ask<'place'>): Got<'place'> {
  const { edges } = circuit;
  const ranked = strongestFirst(circuit);
  const chosen = ranked.slice(0, most);
  // What the circuit keeps is drawn whatever its rank.
  for (const e of ranked.slice(most)) if (edges.kept[e] && edges.kept.length < 4 * most) chosen.push(e);
  // The viewers of attribution graphs name ends `Output "x"` and `Emb: "x"`; where they stand says as much.
  const label = circuit.nodes.label.map((text) => text.replace(/^(Output|Emb:) (?=")/, ''));
  const named = { ...circuit, nodes: { ...circuit.nodes, label } };
  const positional = byPosition && circuit.nodes.position.some((position) => position !== null);
  const plain = positional || chosen.length > routedEdges || circuit.nodes.id.length > routedNodes;
  const plan = plain
    ? plainLayout(named, { edges: chosen, byPosition: positional, aspect })
    : layout(named, { edges: chosen, ...(aspect === undefined ? {} : gapsFor(circuit, chosen, aspect)) });
  const points = new Float32Array(chosen.length * samples * 2);
  plan.edges.forEach(({ path }, i) => {
    sample(path, points.subarray(i * samples * 2, (i + 1) * samples * 2));
  });
  return {
    width: plan.width,
    height: plan.height,
    nodes: plan.nodes.map(({ index, x, y, width, height, text, ports }) => ({
      index,
      x,
      y,
      width,
      height,
      text,
      ports,
    })),
    order: Int32Array.from(chosen),
    points,
    samples,
    paths: plan.edges.slice(0, exact).map(({ path }) => path),
    ...(positional ? { columns: columnsOf(circuit, plan) } : {}),
  };
}

/** Height of a row's boxes, and width of a box, about; the usual gaps between rows and within one. */
const [boxHeight, boxWidth] = [28, 48];
const [usualRow, usualGap] = [38, 18];

/** Gaps at which the drawing of the edges is about `aspect` times as wide as high, so far as lines stay readable. */
function gapsFor({ nodes, edges }: Circuit, chosen: readonly number[], aspect: number): Partial<LayoutOptions> {
  const touched = new Set(chosen.flatMap((e) => [edges.source[e], edges.target[e]]));
  const rows = new Map<number, number>();
  for (const n of touched) rows.set(nodes.layer[n], (rows.get(nodes.layer[n]) ?? 0) + 1);
  const widest = Math.max(1, ...rows.values());
  const [width, height] = [widest * (boxWidth + usualGap), rows.size * (boxHeight + usualRow)];
  if (width > aspect * height) return { rowGap: Math.min(130, width / aspect / rows.size - boxHeight) };
  const gap = Math.min(96, (aspect * height) / widest - boxWidth);
  return gap > 2 * usualGap ? { nodeGap: gap } : {};
}

/** Points along a path of M, C and V commands, evenly by piece. */
function sample(path: string, into: Float32Array): void {
  const pieces: [number, number, number, number, number, number, number, number][] = [];
  let [x, y] = [0, 0];
  for (const [, command, rest] of path.matchAll(/([MCV])([^MCV]*)/g)) {
    const n = rest.split(/[ ,]+/).filter(Boolean).map(Number);
    if (command === 'M') [x, y] = n;
    else if (command === 'V') {
      pieces.push([x, y, x, y, x, n[0], x, n[0]]);
      y = n[0];
    } else {
      pieces.push([x, y, n[0], n[1], n[2], n[3], n[4], n[5]]);
      [x, y] = [n[4], n[5]];
    }
  }
  const count = into.length / 2;
  for (let i = 0; i < count; i++) {
    const along = (i / (count - 1)) * pieces.length;
    const k = Math.min(pieces.length - 1, Math.floor(along));
    const t = along - k;
    const [x0, y0, x1, y1, x2, y2, x3, y3] = pieces[k] ?? [x, y, x, y, x, y, x, y];
    const s = 1 - t;
    into[2 * i] = s * s * s * x0 + 3 * s * s * t * x1 + 3 * s * t * t * x2 + t * t * t * x3;
    into[2 * i + 1] = s * s * s * y0 + 3 * s * s * t * y1 + 3 * s * t * t * y2 + t * t * t * y3;
  }
}

/** The tokens of the prompt under the columns of positions. */
function columnsOf({ nodes, provenance }: Circuit, plan: Layout): { x: number; text: string }[] {
  const tokens = provenance.options['tokens'];
  const places = new Map<number, { sum: number; count: number }>();
  for (const { index, x } of plan.nodes) {
    const position = nodes.position[index];
    if (position === null) continue;
    const at = places.get(position) ?? { sum: 0, count: 0 };
    at.sum += x;
    at.count++;
    places.set(position, at);
  }
  return [...places].map(([position, { sum, count }]) => {
    const token = Array.isArray(tokens) ? tokens[position] : undefined;
    return { x: sum / count, text: typeof token === 'string' ? token : String(position) };
  });
}
