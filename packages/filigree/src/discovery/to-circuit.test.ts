import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Provenance } from '../circuit/index.js';
import { readCircuit } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { EdgeGraph } from './graph.js';
import { mibGraphText, readMibGraph } from './mib-graph.js';
import { selectTop } from './select.js';
import { fromCircuit, nodesFromCircuit, nodesToCircuit, toCircuit } from './to-circuit.js';

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

describe('a circuit of nodes or neurons', () => {
  const width = 3;
  const sources = graph.sources.length;
  const own = new EdgeGraph({ layers: 2, heads: 2, mlpWidth: 4, width });
  /** Features kept at random; of whole nodes where the level asks for them. */
  const drawn = (level: 'node' | 'neuron', seed: number): Uint8Array => {
    const random = new Random(seed);
    if (level === 'neuron') return Uint8Array.from({ length: sources * width }, () => random.integer(2));
    return Uint8Array.from(Array.from({ length: sources }, () => new Array(width).fill(random.integer(2))).flat());
  };

  it.each(['node', 'neuron'] as const)(
    'keeps its %ss and scores through JSON, and through the format of MIB',
    (level) => {
      for (let seed = 0; seed < 20; seed++) {
        const nodes = drawn(level, seed);
        const values = Float64Array.from(new Random(seed).normals(sources * (level === 'node' ? 1 : width)));
        const circuit = nodesToCircuit({ graph: own, level, scores: values }, nodes, provenance);
        const json = readCircuit(JSON.parse(JSON.stringify(circuit)), 'x.circuit.json');
        const theirs = readMibGraph(JSON.parse(mibGraphText(circuit).replaceAll('NaN', 'null')), 'x.mib.json');
        for (const read of [json, theirs]) {
          expect(read.level).toBe(level);
          expect(nodesFromCircuit(read, own, level, width, 'x')).toEqual({ nodes, scores: values });
        }
      }
    },
  );

  it('keeps the edges between its nodes', () => {
    const nodes = drawn('node', 3);
    const keeps = (name: string): boolean => nodes[graph.sources.findIndex((s) => s.name === name) * width] === 1;
    const { nodes: columns, edges } = nodesToCircuit(
      { graph: own, level: 'node', scores: new Float64Array(sources) },
      nodes,
      provenance,
    );
    expect(edges.kept.some(Boolean)).toBe(true);
    edges.kept.forEach((kept, e) => {
      const [from, to] = [columns.id[edges.source[e]], columns.id[edges.target[e]]];
      expect(kept, `${from}->${to}`).toBe(keeps(from) && (to === 'logits' || keeps(to)));
    });
  });

  it('is refused where nothing is said of nodes or neurons, or of fewer than there are', () => {
    const edges = toCircuit(own, selectTop(own, scores, 5), scores, provenance);
    expect(() => nodesFromCircuit(edges, own, 'node', width, 'x')).toThrow(
      /circuit of edges, and does not say which nodes/,
    );
    const nodes = nodesToCircuit(
      { graph: own, level: 'node', scores: new Float64Array(sources) },
      drawn('node', 1),
      provenance,
    );
    expect(() => nodesFromCircuit(nodes, own, 'neuron', width, 'x')).toThrow(/does not say which neurons/);
    const neurons = nodesToCircuit(
      { graph: own, level: 'neuron', scores: new Float64Array(sources * width) },
      drawn('neuron', 1),
      provenance,
    );
    expect(() => nodesFromCircuit(neurons, own, 'neuron', 4, 'x')).toThrow(/has 3 neurons of input/);
    // Which nodes have any neuron is known as well.
    expect(nodesFromCircuit(neurons, own, 'node', width, 'x').scores).toBeUndefined();
  });
});
