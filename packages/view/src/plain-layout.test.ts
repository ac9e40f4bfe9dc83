import { describe, expect, it } from 'vitest';
import { plainLayout } from './plain-layout.js';
import { madeUpCircuit } from './testing.js';

const circuit = madeUpCircuit({ layers: 3, heads: 4, kept: 20 });
const edges = circuit.edges.source.map((_, e) => e);

describe('plainLayout', () => {
  it('puts layers into rows and leads every edge from box to box', () => {
    const { nodes, edges: lines, rows, width } = plainLayout(circuit, { edges });
    expect(nodes).toHaveLength(circuit.nodes.id.length);
    expect(rows.map((row) => row.length)).toEqual([1, 4, 1, 4, 1, 4, 1, 1]);
    const at = new Map(nodes.map((node) => [node.index, node]));
    for (const { index, path } of lines) {
      const [x1, y1, , , , , x2, y2] = path.match(/-?[\d.]+/g)!.map(Number);
      const [from, to] = [at.get(circuit.edges.source[index])!, at.get(circuit.edges.target[index])!];
      expect([x1, y1, x2, y2]).toEqual(
        [from.x, from.y - from.height / 2, to.x, to.y + to.height / 2].map((v) => expect.closeTo(v, 1)),
      );
    }
    for (const row of rows) {
      const sorted = row.map((i) => nodes[i]).sort((a, b) => a.x - b.x);
      for (let i = 1; i < sorted.length; i++) {
        expect(sorted[i].x - sorted[i].width / 2).toBeGreaterThan(sorted[i - 1].x + sorted[i - 1].width / 2);
      }
      expect(sorted.at(-1)!.x + sorted.at(-1)!.width / 2).toBeLessThan(width);
    }
  });

  it('makes columns of positions', () => {
    const position = circuit.nodes.id.map((_, n) => (n === 0 ? null : n % 3));
    const positioned = { ...circuit, nodes: { ...circuit.nodes, position } };
    const { nodes } = plainLayout(positioned, { edges, byPosition: true });
    const ends = [-1, 0, 1, 2].map((p) => {
      const xs = nodes.filter((node) => (position[node.index] ?? -1) === p).map((node) => node.x);
      return [Math.min(...xs), Math.max(...xs)];
    });
    for (let c = 1; c < ends.length; c++) expect(ends[c][0]).toBeGreaterThan(ends[c - 1][1]);
  });

  it('is quick for thousands of edges, and empty for none', () => {
    const large = madeUpCircuit({ layers: 12, heads: 12, kept: 50 });
    const all = large.edges.source.map((_, e) => e);
    expect(plainLayout(large, { edges: all }).edges).toHaveLength(all.length);
    expect(plainLayout(circuit, { edges: [] }).nodes).toEqual([]);
  });
});
