import fc from 'fast-check';
import type { Circuit } from 'filigree';
import { describe, expect, it } from 'vitest';
import { strongestFirst } from './circuit-svg.js';
import { type Layout, layout } from './layout.js';
import { generator, madeUpCircuit } from './testing.js';

/** Points along path data of M, C and V commands. */
function points(path: string): { x: number; y: number }[] {
  const found: { x: number; y: number }[] = [];
  for (const [, command, rest] of path.matchAll(/([MCV])([^MCV]*)/g)) {
    const n = rest.split(/[ ,]/).map(Number);
    const from = found.at(-1)!;
    if (command === 'M') found.push({ x: n[0], y: n[1] });
    if (command === 'V') for (let i = 1; i <= 8; i++) found.push({ x: from.x, y: from.y + ((n[0] - from.y) * i) / 8 });
    if (command === 'C') {
      for (let i = 1; i <= 40; i++) {
        const t = i / 40;
        const [a, b, c, d] = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t ** 3];
        found.push({
          x: a * from.x + b * n[0] + c * n[2] + d * n[4],
          y: a * from.y + b * n[1] + c * n[3] + d * n[5],
        });
      }
    }
  }
  return found;
}

/** Pairs of drawn edges whose straight lines between node centres cross. */
function crossings(circuit: Circuit, plan: Layout): number {
  const at = new Map(plan.nodes.map((node) => [node.index, node]));
  const lines = plan.edges.map(({ index }) => [
    at.get(circuit.edges.source[index])!,
    at.get(circuit.edges.target[index])!,
  ]);
  let found = 0;
  lines.forEach(([a, b], i) => {
    for (const [c, d] of lines.slice(0, i)) {
      const side = (p: typeof a, q: typeof a, r: typeof a) =>
        Math.sign((q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x));
      if (side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0) found++;
    }
  });
  return found;
}

const circuits = fc
  .record({
    layers: fc.integer({ min: 1, max: 6 }),
    heads: fc.integer({ min: 1, max: 7 }),
    kept: fc.integer({ min: 0, max: 80 }),
    seed: fc.nat(1000),
  })
  .map(madeUpCircuit);

describe('layout', () => {
  it('puts the input at the bottom, the logits on top, heads of a layer in a row and its MLP above', () => {
    const circuit = madeUpCircuit({ layers: 3, heads: 4, kept: 1e9 });
    const plan = layout(circuit);
    const row = new Map(plan.nodes.map((node) => [circuit.nodes.id[node.index], node.row]));
    expect(plan.rows.map((r) => r.length)).toEqual([1, 4, 1, 4, 1, 4, 1, 1]);
    expect([row.get('input'), row.get('a0.h3'), row.get('m0'), row.get('a1.h0'), row.get('logits')]).toEqual([
      0, 1, 2, 3, 7,
    ]);
    for (const node of plan.nodes) {
      for (const other of plan.nodes) if (other.row > node.row) expect(other.y).toBeLessThan(node.y);
    }
  });

  it('separates heads from the MLP even where they share a layer number', () => {
    const circuit = madeUpCircuit({ layers: 2, heads: 2, kept: 1e9 });
    const layer = circuit.nodes.layer.map((l) => Math.ceil(l / 2));
    const plan = layout({ ...circuit, nodes: { ...circuit.nodes, layer } });
    expect(plan.rows.map((r) => r.length)).toEqual([1, 2, 1, 2, 1, 1]);
  });

  it('keeps boxes apart and inside, and leads every line round the boxes it passes', () => {
    fc.assert(
      fc.property(circuits, (circuit) => {
        const plan = layout(circuit);
        for (const row of plan.rows) {
          const boxes = row.map((i) => plan.nodes[i]).sort((a, b) => a.x - b.x);
          boxes.forEach((box, i) => {
            expect(box.x - box.width / 2).toBeGreaterThanOrEqual(0);
            expect(box.x + box.width / 2).toBeLessThanOrEqual(plan.width);
            expect(box.y - box.height / 2).toBeGreaterThanOrEqual(0);
            expect(box.y + box.height / 2).toBeLessThanOrEqual(plan.height);
            if (i) expect(box.x - boxes[i - 1].x).toBeGreaterThan((box.width + boxes[i - 1].width) / 2 + 5);
          });
        }
        const at = new Map(plan.nodes.map((node) => [node.index, node]));
        for (const { index, path } of plan.edges) {
          const from = at.get(circuit.edges.source[index])!;
          const to = at.get(circuit.edges.target[index])!;
          const line = points(path);
          expect(line[0].y).toBeCloseTo(from.y - from.height / 2, 0);
          expect(line.at(-1)!.y).toBeCloseTo(to.y + to.height / 2, 0);
          expect(Math.abs(line[0].x - from.x)).toBeLessThan(from.width / 2);
          expect(Math.abs(line.at(-1)!.x - to.x)).toBeLessThan(to.width / 2);
          const astray = line.filter(
            ({ x, y }) =>
              x <= 0 ||
              x >= plan.width ||
              plan.nodes.some(
                (box) => Math.abs(box.x - x) < box.width / 2 - 1 && Math.abs(box.y - y) < box.height / 2 - 1,
              ),
          );
          expect(astray).toEqual([]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('untangles shuffled chains completely', () => {
    const random = generator(5);
    const heads = 6;
    const layers = 5;
    const circuit = madeUpCircuit({ layers, heads, kept: 0 });
    const id = (l: number, h: number) => circuit.nodes.id.indexOf(`a${l}.h${h}`);
    const source: number[] = [];
    const target: number[] = [];
    for (let l = 0; l + 1 < layers; l++) {
      const order = [...Array(heads).keys()].sort(() => random() - 0.5);
      order.forEach((to, from) => {
        source.push(id(l, from));
        target.push(id(l + 1, to));
      });
    }
    const chains: Circuit = {
      ...circuit,
      edges: { source, target, port: source.map(() => 'v'), score: source.map(() => -1), kept: source.map(() => true) },
    };
    expect(crossings(chains, layout(chains))).toBe(0);
  });

  it('gives the same drawing again, and only touched nodes take part', () => {
    const circuit = madeUpCircuit({ layers: 5, heads: 8, kept: 20 });
    expect(layout(circuit)).toEqual(layout(circuit));
    const touched = new Set(
      circuit.edges.kept.flatMap((kept, e) => (kept ? [circuit.edges.source[e], circuit.edges.target[e]] : [])),
    );
    expect(new Set(layout(circuit).nodes.map((node) => node.index))).toEqual(touched);
  });

  it('lays out 5,000 edges, and none', () => {
    const circuit = madeUpCircuit({ layers: 12, heads: 12, kept: 40, edges: 5000 });
    const plan = layout(circuit, { edges: strongestFirst(circuit) });
    expect(plan.edges).toHaveLength(5000);
    expect(plan.edges.every(({ path }) => !path.includes('NaN'))).toBe(true);
    expect(layout(circuit, { edges: [] })).toMatchObject({ nodes: [], edges: [], rows: [] });
  });

  it('draws edges within a row and downwards as arcs', () => {
    const circuit = madeUpCircuit({ layers: 1, heads: 2, kept: 1e9 });
    const back: Circuit = {
      ...circuit,
      edges: { source: [1, 3, 1], target: [2, 1, 1], port: ['', '', ''], score: [1, 1, 1], kept: [true, true, true] },
    };
    for (const { path } of layout(back).edges) {
      expect(path).toMatch(/^M[\d.-]+,[\d.-]+C[\d., -]+$/);
    }
  });
});
