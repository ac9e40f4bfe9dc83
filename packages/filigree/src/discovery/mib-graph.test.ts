import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { circuitText, readCircuit } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { parsePythonJson } from '../validate.js';
import { EdgeGraph } from './graph.js';
import { mibGraphText, readMibGraph } from './mib-graph.js';
import { selectTop } from './select.js';
import { fromCircuit, toCircuit } from './to-circuit.js';

/** A graph of one layer of two heads, three wide, as the authors' code writes it: neurons of heads for all heads of the layer. */
const theirs = `{"cfg": {"n_layers": 1, "n_heads": 2, "parallel_attn_mlp": false, "d_model": 3},
"nodes": {
 "input": {"in_graph": true, "score": NaN, "neurons": [true, true, false], "neurons_scores": [NaN, 2.0, -1.0]},
 "a0.h0": {"in_graph": true, "score": 0.5, "neurons": [[true, false, true], [false, false, false]],
           "neurons_scores": [[0.25, 1.0, 2.0], [NaN, NaN, NaN]]},
 "a0.h1": {"in_graph": false, "score": -0.5, "neurons": [[true, false, true], [false, false, false]],
           "neurons_scores": [[0.25, 1.0, 2.0], [NaN, NaN, NaN]]},
 "m0": {"in_graph": false, "score": 0.0},
 "logits": {"in_graph": true}},
"edges": {"input->a0.h0<q>": {"score": 0.75, "in_graph": true}, "a0.h0->logits": {"score": -2.0, "in_graph": true},
 "a0.h1->m0": {"score": 0.0, "in_graph": false}}}`;

const read = (text: string, sign?: 'as-is') => readMibGraph(parsePythonJson(text, 'g.json'), 'g.json', { sign });

const provenance = {
  model: 'tiny',
  modelHash: '0'.repeat(64),
  task: '',
  method: 'eap',
  options: {},
  seed: 0,
  metrics: {},
  made: '',
};

describe('a graph of EAP-IG or MIB', () => {
  it('becomes a circuit whose scores are changes of the metric, not of the loss', () => {
    const { nodes, edges, level, provenance: made } = read(theirs);
    expect(level).toBe('neuron');
    expect(nodes.id).toEqual(['input', 'a0.h0', 'a0.h1', 'm0', 'logits']);
    expect(nodes.layer).toEqual([0, 1, 1, 2, 3]);
    expect(nodes.score).toEqual([null, -0.5, 0.5, 0, null]);
    expect(nodes.kept).toEqual([true, true, false, false, true]);
    const [one, none] = [
      [true, false, true],
      [false, false, false],
    ];
    expect(nodes.neurons).toEqual([[true, true, false], one, none, null, null]);
    expect(nodes.neuronScores).toEqual([[null, -2, 1], [-0.25, -1, -2], [null, null, null], null, null]);
    expect(edges).toEqual({
      source: [0, 1, 2],
      target: [1, 4, 3],
      port: ['q', '', ''],
      score: [-0.75, 2, 0],
      kept: [true, true, false],
    });
    expect(made.shape).toEqual({ layers: 1, heads: 2, width: 3, parallel: false });
    expect(read(theirs, 'as-is').edges.score).toEqual([0.75, -2, 0]);
    expect(read(theirs, 'as-is').nodes.neuronScores?.[1]).toEqual([0.25, 1, 2]);
  });

  it('reads lists of neurons that stand alone', () => {
    const flat = theirs.replaceAll('[[true, false, true], [false, false, false]]', '[true, false, true]');
    expect(read(flat).nodes.neurons?.slice(1, 3)).toEqual([
      [true, false, true],
      [true, false, true],
    ]);
  });

  it('is written again with all that it said, and all edges of the model', () => {
    const again = read(mibGraphText(read(theirs)));
    const before = read(theirs);
    expect(again.nodes).toEqual(before.nodes);
    expect(again.level).toBe('neuron');
    const kept = (c: typeof again): string[] =>
      c.edges.kept.flatMap((is, e) =>
        is ? [`${c.nodes.id[c.edges.source[e]]} ${c.edges.target[e]} ${c.edges.score[e]}`] : [],
      );
    expect(kept(again)).toEqual(kept(before));
    expect(again.edges.source.length).toBe(new EdgeGraph({ layers: 1, heads: 2, mlpWidth: 1 }).edges);
    const text = mibGraphText(before, { sign: 'as-is' });
    expect(text).toContain('"input->a0.h0<q>":{"score":-0.75,"in_graph":true}');
  });

  it('keeps our circuits through both formats', () => {
    const shapes = fc.record({
      layers: fc.integer({ min: 1, max: 3 }),
      heads: fc.integer({ min: 1, max: 3 }),
      parallel: fc.boolean(),
      n: fc.nat(40),
    });
    fc.assert(
      fc.property(shapes, ({ n, ...shape }) => {
        const graph = new EdgeGraph({ ...shape, mlpWidth: 8, width: 4 });
        const scores = new Random(n).normals(graph.tableSize);
        const edges = selectTop(graph, scores, n);
        const circuit = read(mibGraphText(toCircuit(graph, edges, scores, provenance)));
        const own = readCircuit(JSON.parse(circuitText(circuit)), 'x');
        expect(own).toEqual(circuit);
        const found = fromCircuit(own, graph, 'x');
        expect(found.edges).toEqual(edges);
        for (const place of graph.places()) expect(found.scores?.[place]).toBe(scores[place]);
        const counted = JSON.parse(mibGraphText(own)) as { edges: object; cfg: object };
        expect(Object.keys(counted.edges).length).toBe(graph.edges);
        expect(counted.cfg).toEqual({
          n_layers: shape.layers,
          n_heads: shape.heads,
          parallel_attn_mlp: shape.parallel,
          d_model: 4,
        });
      }),
      { numRuns: 30 },
    );
  });

  it('has the nodes that kept edges enter and leave, where a circuit says nothing of nodes', () => {
    const graph = new EdgeGraph({ layers: 1, heads: 2, mlpWidth: 8, width: 4 });
    const edges = new Uint8Array(graph.tableSize);
    for (const place of graph.places()) {
      const name = graph.edgeName(place);
      if (['input->a0.h0<v>', 'a0.h0->logits', 'a0.h1->logits'].includes(name)) edges[place] = 1;
    }
    const { nodes } = read(mibGraphText(toCircuit(graph, edges, undefined, provenance)));
    expect(nodes.id.filter((_, i) => nodes.kept?.[i])).toEqual(['input', 'a0.h0', 'logits']);
  });

  it('needs the shape of the model', () => {
    const graph = new EdgeGraph({ layers: 1, heads: 1, mlpWidth: 8 });
    const circuit = toCircuit(graph, new Uint8Array(graph.tableSize), undefined, provenance);
    expect(() => mibGraphText(circuit)).toThrow(/needs the model's layers, heads and width/);
    const shape = { layers: 1, heads: 1, width: 5, parallel: false };
    expect(mibGraphText(circuit, { shape })).toContain('"d_model":5');
    expect(() => mibGraphText(circuit, { shape: { ...shape, parallel: true } })).toThrow(/an edge a0\.h0->m0/);
    expect(() => mibGraphText(circuit, { shape: { ...shape, layers: 90_000, heads: 90_000 } })).toThrow(/too large/);
    expect(() => mibGraphText({ ...circuit, kind: 'logic' }, { shape })).toThrow(InputError);
  });

  it.each<[string, (text: string) => string, RegExp]>([
    ['names another node', (t) => t.replaceAll('a0.h1', 'a0.x1'), /node "a0\.x1"/],
    ['names a layer too many', (t) => t.replaceAll('"m0"', '"m3"'), /names m3, but has 1 layers of 2 heads/],
    ['has an odd edge', (t) => t.replace('input->a0.h0<q>', 'input'), /an edge "input"; edges are named/],
    ['has an edge back', (t) => t.replace('a0.h1->m0', 'm0->a0.h1<q>'), /a0\.h1 reads before m0/],
    ['feeds a head nowhere', (t) => t.replace('a0.h0<q>', 'a0.h0'), /heads, and they alone/],
    ['is parallel, but has such an edge', (t) => t.replace('mlp": false', 'mlp": true'), /parallel blocks does not/],
    ['has short neurons', (t) => t.replace('[true, true, false]', '[true]'), /neurons of input are not one list/],
    ['has an infinite score', (t) => t.replace('0.75', '-Infinity'), /"edges\.input->a0\.h0<q>\.score" is wrong/],
    ['lacks its shape', (t) => t.replace('"n_heads"', '"heads"'), /"cfg\.n_heads" is wrong/],
    ['has a huge shape', (t) => t.replace('"n_layers": 1', '"n_layers": 1e9'), /"cfg\.n_layers" is wrong/],
  ])('is refused in one line when it %s', (_, change, message) => {
    expect(() => read(change(theirs))).toThrow(message);
    expect(() => read(change(theirs))).toThrow(InputError);
    expect(() => read(change(theirs))).not.toThrow(/\n/);
  });
});
