import type { Circuit } from 'filigree';
import type { Placed, PlacedBox } from '../engine/protocol.js';
import { figure } from './figures.js';
import { hidden, type ViewTransform } from './lines-gl.js';

/** Index into the drawing's order of the visible edge nearest to a point of the view, or -1. */
export function edgeAt(
  { points, samples, order }: Placed,
  states: Uint8Array,
  { k, x, y }: ViewTransform,
  px: number,
  py: number,
): number {
  const [sx, sy] = [(px - x) / k, (py - y) / k];
  let nearest = (6 / k) ** 2;
  let best = -1;
  for (let i = 0; i < order.length; i++) {
    if (states[i] === hidden) continue;
    const at = i * samples * 2;
    for (let s = 0; s + 1 < samples; s++) {
      const [x1, y1] = [points[at + 2 * s], points[at + 2 * s + 1]];
      const [dx, dy] = [points[at + 2 * s + 2] - x1, points[at + 2 * s + 3] - y1];
      const along = dx * dx + dy * dy;
      const t = along > 0 ? Math.min(1, Math.max(0, ((sx - x1) * dx + (sy - y1) * dy) / along)) : 0;
      const distance = (sx - x1 - t * dx) ** 2 + (sy - y1 - t * dy) ** 2;
      if (distance < nearest) {
        nearest = distance;
        best = i;
      }
    }
  }
  return best;
}

export function edgeLabel({ nodes, edges }: Circuit, e: number): string {
  const port = edges.port[e] && `<${edges.port[e]}>`;
  return `${nodes.label[edges.source[e]]} \u2192 ${nodes.label[edges.target[e]]}${port}`;
}

export function edgeText(circuit: Circuit, e: number, rankOf: Int32Array): string {
  const score = circuit.edges.score[e];
  return `${edgeLabel(circuit, e)}: ${score === null ? 'not scored' : figure(score)} \u00b7 rank ${rankOf[e] + 1}`;
}

/** A node with its kind and what it scores, and how many lines it has. */
export function nodeText({ nodes, edges }: Circuit, n: number): string {
  const count = (ends: readonly number[]): number => ends.reduce((sum, end) => sum + Number(end === n), 0);
  const parts = [
    nodes.kind[n],
    nodes.score[n] === null ? '' : figure(nodes.score[n]),
    nodes.position[n] === null ? '' : `position ${nodes.position[n]}`,
    `${count(edges.source)} edges out, ${count(edges.target)} in`,
  ];
  return `${nodes.label[n]}: ${parts.filter(Boolean).join(' \u00b7 ')}`;
}

/** The node in the direction of an arrow key: the nearest of the row, or of the rows above or below. */
export function neighbour({ nodes }: Placed, from: number, key: string): number | undefined {
  const own = nodes.find(({ index }) => index === from);
  if (!own) return undefined;
  const inDirection: Readonly<Record<string, (n: PlacedBox) => boolean>> = {
    ArrowLeft: (n) => n.y === own.y && n.x < own.x,
    ArrowRight: (n) => n.y === own.y && n.x > own.x,
    ArrowUp: (n) => n.y < own.y,
    ArrowDown: (n) => n.y > own.y,
  };
  const fits = inDirection[key];
  if (!fits) return undefined;
  const distance = (n: PlacedBox): number => Math.abs(n.x - own.x) + 1000 * Math.abs(n.y - own.y);
  return nodes.filter(fits).sort((a, b) => distance(a) - distance(b))[0]?.index;
}
