import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EdgeGraph } from './graph.js';

const shapes = fc.record({
  layers: fc.integer({ min: 1, max: 6 }),
  heads: fc.integer({ min: 1, max: 5 }),
  mlpWidth: fc.constantFrom(0, 8),
  parallel: fc.boolean(),
});

describe('EdgeGraph', () => {
  it('has as many edges as there are writers before readers, layer by layer', () => {
    fc.assert(
      fc.property(shapes, ({ layers: L, heads: H, mlpWidth, parallel }) => {
        const M = mlpWidth > 0 ? 1 : 0;
        let expected = 1 + L * (H + M);
        for (let l = 0; l < L; l++) {
          const before = 1 + l * (H + M);
          expected += 3 * H * before + M * (before + (parallel ? 0 : H));
        }
        const graph = new EdgeGraph({ layers: L, heads: H, mlpWidth, parallel });
        expect(graph.edges).toBe(expected);
        expect([...graph.places()].length).toBe(expected);
        expect(graph.sources.length).toBe(1 + L * (H + M));
        expect(graph.destinations.length).toBe(L * (3 * H + M) + 1);
      }),
    );
  });

  it('lets an edge go only to where its source has been written', () => {
    fc.assert(
      fc.property(shapes, (config) => {
        const graph = new EdgeGraph(config);
        // Time of writing and of reading: attention of layer l at 2l, its MLP at 2l + 1, or at 2l in a parallel block.
        graph.sources.forEach((source, s) => {
          const written = source.kind === 'input' ? -1 : 2 * source.layer + (source.kind === 'mlp' ? 1 : 0);
          graph.destinations.forEach((destination, d) => {
            const late = destination.kind === 'mlp' && !config.parallel;
            const read = 2 * destination.layer + (late ? 1 : 0);
            expect(graph.possible(s, d)).toBe(written < read);
          });
        });
      }),
    );
  });

  it('finds places, ends, names and writers again', () => {
    fc.assert(
      fc.property(shapes, (config) => {
        const graph = new EdgeGraph(config);
        const names = new Set<string>();
        for (const place of graph.places()) {
          const { source, destination } = graph.ends(place);
          expect(graph.index(source, destination)).toBe(place);
          names.add(graph.edgeName(place));
        }
        expect(names.size).toBe(graph.edges);
        for (const destination of graph.destinations) {
          const writer = graph.writerOf(destination);
          if (destination.kind === 'logits') expect(writer).toBe(-1);
          else expect(graph.sources[writer].name).toBe(destination.name.replace(/<.>$/, ''));
        }
        for (let layer = 0; layer < config.layers; layer++) {
          expect(graph.sources[graph.firstSource(layer)].name).toBe(`a${layer}.h0`);
          expect(graph.destinations[graph.firstDestination(layer)].name).toBe(`a${layer}.h0<q>`);
        }
      }),
    );
  });

  it('names edges as public files do', () => {
    const graph = new EdgeGraph({ layers: 2, heads: 1, mlpWidth: 4 });
    const names = [...graph.places()].map((p) => graph.edgeName(p));
    for (const name of ['input->a0.h0<q>', 'a0.h0->m0', 'm0->a1.h0<v>', 'm1->logits']) expect(names).toContain(name);
    for (const name of ['m0->a0.h0<k>', 'a1.h0->m0', 'm0->m0']) expect(names).not.toContain(name);
  });
});
