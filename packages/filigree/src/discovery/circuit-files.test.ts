import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { circuitText } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { acdcEdgesText } from './acdc-edges.js';
import { readCircuitFile } from './circuit-files.js';
import { EdgeGraph } from './graph.js';
import { mibGraphText } from './mib-graph.js';
import { scoresFile } from './scores-file.js';
import { selectTop } from './select.js';
import { fromCircuit, toCircuit } from './to-circuit.js';

const graph = new EdgeGraph({ layers: 2, heads: 2, mlpWidth: 8, width: 4 });
const scores = new Float64Array(graph.tableSize);
for (const place of graph.places()) scores[place] = place / 8 - 3;
const edges = selectTop(graph, scores, 7);
const circuit = toCircuit(graph, edges, scores, {
  ...{ model: 'm', modelHash: '', task: 't', method: 'eap', options: {}, seed: 1, metrics: {}, made: '' },
});

const texts = {
  circuit: circuitText(circuit),
  mib: mibGraphText(circuit),
  acdc: acdcEdgesText(circuit),
  scores: JSON.stringify(scoresFile({ graph, scores, metric: { clean: 1, corrupt: 0 } }, 'eap')),
};
const kinds = Object.keys(texts) as (keyof typeof texts)[];

describe('a file with a circuit', () => {
  it.each(kinds)('of the kind %s is known by what it holds', (kind) => {
    const read = readCircuitFile(texts[kind], 'x');
    expect(read.kind).toBe(kind);
    const found = fromCircuit(read.circuit, graph, 'x');
    expect(found.edges).toEqual(kind === 'scores' ? new Uint8Array(graph.tableSize) : edges);
    if (kind !== 'acdc') expect(found.scores).toEqual(scores);
  });

  it('is refused when it is something else', () => {
    for (const text of ['{}', '3', 'null', '"x"']) expect(() => readCircuitFile(text, 'x')).toThrow(/x is no circuit/);
    expect(() => readCircuitFile('{', 'x')).toThrow(/not valid JSON/);
    expect(() => readCircuitFile('{"sources":["a"],"destinations":[],"scores":[]}', 'x')).toThrow(/one row per source/);
    expect(() => readCircuitFile('{"sources":["?"],"destinations":["b"],"scores":[[1]]}', 'x')).toThrow(/node "\?"/);
  });

  it('never gives anything but a circuit or one line, however damaged', () => {
    const damage = fc.record({
      kind: fc.constantFrom(...kinds),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      cut: fc.nat(20),
      put: fc.constantFrom('', '1', 'null', '[]', '{}', '"x"', '-', 'NaN', ',', '1e999', 'a9.h9', '"m0"'),
    });
    fc.assert(
      fc.property(damage, ({ kind, at, cut, put }) => {
        const text = texts[kind];
        const place = Math.floor(at * text.length);
        const damaged = text.slice(0, place) + put + text.slice(place + cut);
        try {
          expect(readCircuitFile(damaged, 'x').circuit.format).toBe('filigree-circuit');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as InputError).message).not.toMatch(/\n/);
        }
      }),
      { numRuns: 1000 },
    );
    const json = fc.oneof(
      fc.jsonValue().map((cfg) => ({ cfg, nodes: {}, edges: {} })),
      fc.dictionary(
        fc.constantFrom('cfg', 'nodes', 'edges', 'sources', 'destinations', 'scores', 'format'),
        fc.jsonValue(),
      ),
      fc.array(fc.jsonValue()),
    );
    fc.assert(
      fc.property(json, (value) => {
        try {
          readCircuitFile(JSON.stringify(value), 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
