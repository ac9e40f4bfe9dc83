import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Circuit } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { rocAuc } from './compare.js';
import { compareCircuits } from './compare-circuits.js';
import { EdgeGraph } from './graph.js';
import { countEdges } from './select.js';
import { nodesToCircuit, toCircuit } from './to-circuit.js';

const graph = new EdgeGraph({ layers: 2, heads: 2, mlpWidth: 8 });
const places = [...graph.places()];
const provenance = { model: '', modelHash: '', task: '', method: '', options: {}, seed: 0, metrics: {}, made: '' };

const circuitOf = (kept: readonly string[], scores?: ArrayLike<number>): Circuit => {
  const edges = new Uint8Array(graph.tableSize);
  for (const place of places) if (kept.includes(graph.edgeName(place))) edges[place] = 1;
  return toCircuit(graph, edges, scores, provenance);
};

describe('two circuits', () => {
  const first = circuitOf(['input->a0.h0<q>', 'input->a0.h0<k>', 'a0.h0->m0', 'm0->logits']);
  const second = circuitOf(['input->a0.h0<q>', 'a0.h0->m0', 'a0.h0->logits', 'input->a1.h1<v>', 'a1.h1->logits']);

  it('are compared by hand', () => {
    const { edges, nodes, layers, kinds } = compareCircuits(first, second);
    const shared = { first: 4, second: 5, both: 2, iou: 2 / 7, precision: 2 / 4, recall: 2 / 5 };
    expect(edges).toEqual({ ...shared, rocAuc: null });
    // input, a0.h0, m0, logits against input, a0.h0, m0, logits, a1.h1.
    expect(nodes).toEqual({ first: 4, second: 5, both: 4, iou: 4 / 5, precision: 1, recall: 4 / 5, rocAuc: null });
    expect(layers.map(({ layer, first: a, second: b, both }) => [layer, a, b, both])).toEqual([
      ['0', 3, 2, 2],
      ['1', 0, 1, 0],
      ['logits', 1, 2, 0],
    ]);
    expect(layers[1].precision).toBeNull();
    const byKind = new Map(kinds.map(({ kind, first: a, second: b, both }) => [kind, [a, b, both]]));
    expect(byKind).toEqual(
      new Map([
        ['input->q', [1, 1, 1]],
        ['input->k', [1, 0, 0]],
        ['input->v', [0, 1, 0]],
        ['head->mlp', [1, 1, 1]],
        ['head->logits', [0, 2, 0]],
        ['mlp->logits', [1, 0, 0]],
      ]),
    );
  });

  it('of nodes or neurons are judged by what they score', () => {
    // Of input, a0.h0, a0.h1, m0, a1.h0, a1.h1, m1 the first ranks a0.h0 and m0 over input; the truth has input, a0.h0, m0.
    const nodeValues = Float64Array.of(-3, -5, 2, -4, 1, -3.5, 0);
    const found = { graph, level: 'node' as const, scores: nodeValues };
    const nodes = nodesToCircuit(found, new Uint8Array(7), provenance);
    // Of the 3 true and 4 other nodes, in pairs: only a1.h1 is ranked over a true one.
    expect(compareCircuits(nodes, first).nodes).toMatchObject({ first: 0, second: 4, rocAuc: 11 / 12 });
    const neuronValues = Array.from(nodeValues).flatMap((value) => [value + 9, -9]);
    const twice = { graph, level: 'neuron' as const, scores: Float64Array.from(neuronValues) };
    const neurons = nodesToCircuit(twice, new Uint8Array(14), provenance);
    expect(compareCircuits(neurons, first, 'signed').nodes.rocAuc).toBe(11 / 12);
    expect(compareCircuits(nodes, first, 'signed').edges.rocAuc).toBeNull();
  });

  it('agree wholly with themselves, and the groups add up', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(places.length), fc.nat(places.length), (seed, n, m) => {
        const random = new Random(seed);
        const names = places.map((place) => graph.edgeName(place));
        const some = (size: number): string[] => names.filter(() => random.uniform() * names.length < size);
        const [a, b] = [circuitOf(some(n)), circuitOf(some(m))];
        const self = compareCircuits(a, a);
        if (self.edges.first > 0) expect([self.edges.iou, self.edges.precision, self.edges.recall]).toEqual([1, 1, 1]);
        const { edges, layers, kinds } = compareCircuits(a, b);
        for (const key of ['first', 'second', 'both'] as const) {
          expect(layers.reduce((sum, group) => sum + group[key], 0)).toBe(edges[key]);
          expect(kinds.reduce((sum, group) => sum + group[key], 0)).toBe(edges[key]);
        }
        const back = compareCircuits(b, a).edges;
        expect([back.precision, back.recall, back.iou]).toEqual([edges.recall, edges.precision, edges.iou]);
      }),
    );
  });

  it('have a ranking judged as a guess at the truth', () => {
    const scores = new Random(5).normals(graph.tableSize);
    const ranked = circuitOf([], scores);
    const truth = second.edges.kept;
    const values = places.map((place) => scores[place]);
    const found = compareCircuits(ranked, second);
    expect(found.edges.rocAuc).toBeCloseTo(rocAuc(values.map(Math.abs), truth), 12);
    const helpful = compareCircuits(ranked, second, 'signed');
    expect(helpful.edges.rocAuc).toBeCloseTo(
      rocAuc(
        values.map((x) => -x),
        truth,
      ),
      12,
    );
    const perfect = second.edges.kept.map((is) => (is ? -1 : 0.5));
    const table = new Float64Array(graph.tableSize);
    places.forEach((place, i) => {
      table[place] = perfect[i];
    });
    const best = compareCircuits(circuitOf([], table), second);
    expect(best.edges.rocAuc).toBe(1);
    expect(best.layers.map((l) => l.rocAuc)).toEqual([1, 1, 1]);
    // A ranking that leaves a true edge out cannot be judged.
    const partial: Circuit = {
      ...ranked,
      edges: { ...ranked.edges, score: ranked.edges.score.map((s, e) => (truth[e] ? null : s)) },
    };
    expect(compareCircuits(partial, second).edges.rocAuc).toBeNull();
    expect(countEdges(Uint8Array.from(truth, Number))).toBe(5);
  });

  it('of different models or kinds are refused', () => {
    const larger = new EdgeGraph({ layers: 2, heads: 3, mlpWidth: 8 });
    const other = toCircuit(larger, new Uint8Array(larger.tableSize), undefined, provenance);
    expect(() => compareCircuits(first, other)).toThrow(/2 layers of 2 heads, and 2 layers of 3 heads/);
    expect(() => compareCircuits(first, { ...second, kind: 'logic' })).toThrow(InputError);
  });
});
