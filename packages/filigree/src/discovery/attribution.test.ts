import { describe, expect, it } from 'vitest';
import { loadFolder, projectPath, readFixturePairs, readJson, sharedModel } from '../testing/fixtures.js';
import { eap } from './eap.js';
import { eapIg } from './eap-ig.js';
import { EdgeGraph } from './graph.js';
import type { EdgeScores } from './scores.js';

interface Expected {
  edges: number;
  metric: { clean: number; corrupt: number };
  scores: Record<string, [string, number][]>;
}

const models: [name: string, folder: string | undefined][] = [
  ['tiny-llama', projectPath('fixtures/tiny-llama')],
  ['tiny-gpt2', projectPath('fixtures/tiny-gpt2')],
  ['tiny-qwen2', projectPath('fixtures/tiny-qwen2')],
  ['tiny-neox', projectPath('fixtures/tiny-neox')],
  ['tiny-gemma2', projectPath('fixtures/tiny-gemma2')],
  ['stories260K', sharedModel('stories260K')],
];

it('counts the edges of 12 layers with 12 heads', () => {
  const graph = new EdgeGraph({ layers: 12, heads: 12, mlpWidth: 3072 });
  expect(graph.edges).toBe(32491);
  expect([...graph.places()].length).toBe(32491);
});

describe.each(models)('attribution on %s agrees with an independent implementation', (name, folder) => {
  const pairs = readFixturePairs(projectPath(`fixtures/expected/${name}-pairs.jsonl`));
  const expected = readJson<Expected>(projectPath(`fixtures/expected/${name}-attribution.json`));
  const compare = (found: EdgeScores, wanted: [string, number][]): void => {
    expect(found.graph.edges).toBe(expected.edges);
    expect(found.metric.clean).toBeCloseTo(expected.metric.clean, 4);
    expect(found.metric.corrupt).toBeCloseTo(expected.metric.corrupt, 4);
    const byName = new Map([...found.graph.places()].map((p) => [found.graph.edgeName(p), found.scores[p]]));
    for (const [edge, score] of wanted.slice(0, 100)) {
      expect(Math.abs((byName.get(edge) ?? Number.NaN) - score) / Math.abs(score), edge).toBeLessThan(1e-3);
    }
  };
  it.skipIf(!folder)('EAP', async () => {
    const model = await loadFolder(folder!);
    compare(await eap(model, pairs), expected.scores['eap']);
    model.dispose();
  });
  for (const rule of ['right', 'left', 'mid'] as const) {
    it.skipIf(!folder)(`EAP-IG, ${rule} rule`, async () => {
      const model = await loadFolder(folder!);
      compare(await eapIg(model, pairs, { steps: 5, rule }), expected.scores[`eap-ig-${rule}`]);
      model.dispose();
    });
  }
});
