import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/reference.js';
import { setDefaultDevice } from '../tensor/index.js';
import { loadFolder, projectPath, readFixturePairs, readJson, sharedModel } from '../testing/fixtures.js';
import { measureCircuits } from './evaluate.js';
import { exactPatching } from './exact.js';
import { EdgeGraph } from './graph.js';
import { complement, prune } from './select.js';

interface Expected {
  metric: { clean: number; corrupt: number };
  sets: { name: string; kept?: string[]; cut?: string[]; metric: number; perPair: number[] }[];
  exact: [string, number][];
}

const models: [name: string, folder: string | undefined][] = [
  ['tiny-llama', projectPath('fixtures/tiny-llama')],
  ['tiny-gpt2', projectPath('fixtures/tiny-gpt2')],
  ['tiny-qwen2', projectPath('fixtures/tiny-qwen2')],
  ['tiny-neox', projectPath('fixtures/tiny-neox')],
  ['tiny-gemma2', projectPath('fixtures/tiny-gemma2')],
  ['stories260K', sharedModel('stories260K')],
];

describe.each(models)('circuits of %s behave as in an independent implementation', (name, folder) => {
  const pairs = readFixturePairs(projectPath(`fixtures/expected/${name}-pairs.jsonl`));
  const expected = readJson<Expected>(projectPath(`fixtures/expected/${name}-evaluation.json`));

  it.skipIf(!folder)('any set of edges, pruned or not', async () => {
    const model = await loadFolder(folder!);
    const graph = new EdgeGraph(model.config);
    const byName = new Map([...graph.places()].map((p) => [graph.edgeName(p), p]));
    const sets = expected.sets.map(({ kept, cut }) => {
      const edges = new Uint8Array(graph.tableSize);
      for (const edge of kept ?? cut ?? []) edges[byName.get(edge)!] = 1;
      return kept ? edges : complement(graph, edges);
    });
    const plain = await measureCircuits(model, graph, pairs, sets);
    const pruned = await measureCircuits(
      model,
      graph,
      pairs,
      sets.map((s) => prune(graph, s)),
    );
    expected.sets.forEach(({ perPair }, i) => {
      perPair.forEach((value, p) => {
        expect(plain.circuits[i][p], expected.sets[i].name).toBeCloseTo(value, 3);
        // Under post-norms a head that leads nowhere still counts in the norm that its layer's other heads go through.
        if (model.config.postNorms) return;
        expect(pruned.circuits[i][p], `${expected.sets[i].name}, pruned`).toBeCloseTo(value, 3);
      });
    });
    model.dispose();
  });

  it.skipIf(!folder || name === 'stories260K')(
    'cutting every edge is the corrupted run, cutting none the clean one',
    async () => {
      // In f64, so that nothing but a wrong edge can make a difference.
      const before = setDefaultDevice(createReferenceDevice('f64'));
      try {
        const model = await loadFolder(folder!);
        const graph = new EdgeGraph(model.config);
        const none = new Uint8Array(graph.tableSize);
        const all = complement(graph, none);
        const { clean, corrupt, circuits } = await measureCircuits(model, graph, pairs, [none, all]);
        pairs.forEach((_, p) => {
          expect(circuits[0][p]).toBeCloseTo(corrupt[p], 12);
          expect(circuits[1][p]).toBeCloseTo(clean[p], 12);
        });
        model.dispose();
      } finally {
        setDefaultDevice(before);
      }
    },
  );

  it.skipIf(!folder || name === 'stories260K')('exact patching of single edges', async () => {
    const model = await loadFolder(folder!);
    const { graph, scores } = await exactPatching(model, pairs);
    const byName = new Map([...graph.places()].map((p) => [graph.edgeName(p), scores[p]]));
    for (const [edge, value] of expected.exact) expect(byName.get(edge), edge).toBeCloseTo(value, 3);
    model.dispose();
  });
});
