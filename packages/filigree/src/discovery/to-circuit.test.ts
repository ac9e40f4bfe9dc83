import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Provenance } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { EdgeGraph } from './graph.js';
import { selectTop } from './select.js';
import { fromCircuit, toCircuit } from './to-circuit.js';

const provenance: Provenance = {
  model: 'tiny',
  modelHash: '0'.repeat(64),
  task: 'pronoun',
  method: 'eap',
  options: {},
  seed: 0,
  metrics: {},
  made: '2024-01-01T00:00:00Z',
};

const graph = new EdgeGraph({ layers: 2, heads: 2, mlpWidth: 4 });
const scores = new Random(2).normals(graph.tableSize);
for (let place = 0; place < scores.length; place++) {
  const { source, destination } = graph.ends(place);
  if (!graph.possible(source, destination)) scores[place] = 0;
}

describe('a transformer as a circuit', () => {
  it('keeps its edges and scores through JSON', () => {
    fc.assert(
      fc.property(fc.nat(graph.edges), fc.constantFrom(0, 4), fc.integer({ min: 1, max: 3 }), (n, mlpWidth, layers) => {
        const own = new EdgeGraph({ layers, heads: 2, mlpWidth });
        const values = new Random(n).normals(own.tableSize);
        const edges = selectTop(own, values, n);
        const circuit = JSON.parse(JSON.stringify(toCircuit(own, edges, values, provenance)));
        const read = fromCircuit(circuit, own, 'x.circuit.json');
        expect(read.edges).toEqual(edges);
        for (const place of own.places()) expect(read.scores?.[place]).toBe(values[place]);
      }),
    );
  });

  it('has depths that rise along every edge', () => {
    const { nodes, edges } = toCircuit(graph, selectTop(graph, scores, 10), scores, provenance);
    edges.source.forEach((s, e) => {
      expect(nodes.layer[s]).toBeLessThan(nodes.layer[edges.target[e]]);
    });
    expect(nodes.id).toEqual([...graph.sources.map((s) => s.name), 'logits']);
    expect(edges.kept.filter(Boolean).length).toBe(10);
  });

  it('may come without scores', () => {
    const edges = selectTop(graph, scores, 5);
    const read = fromCircuit(toCircuit(graph, edges, undefined, provenance), graph, 'x.circuit.json');
    expect(read.edges).toEqual(edges);
    expect(read.scores).toBeUndefined();
  });

  it('is refused for another model, or of another kind', () => {
    const circuit = toCircuit(graph, selectTop(graph, scores, 5), scores, provenance);
    const smaller = new EdgeGraph({ layers: 1, heads: 2, mlpWidth: 4 });
    expect(() => fromCircuit(circuit, smaller, 'x.circuit.json')).toThrow(InputError);
    expect(() => fromCircuit(circuit, smaller, 'x.circuit.json')).toThrow(/another model's/);
    expect(() => fromCircuit({ ...circuit, kind: 'logic' }, graph, 'x.circuit.json')).toThrow(/kind 'logic'/);
  });
});
