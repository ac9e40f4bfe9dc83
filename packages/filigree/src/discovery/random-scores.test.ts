import { expect, it } from 'vitest';
import { loadFolder, projectPath, readFixturePairs } from '../testing/fixtures.js';
import { eap } from './eap.js';
import { randomScores } from './random-scores.js';

it('draws scores of possible edges by the seed, whatever the model and pairs', async () => {
  const model = await loadFolder(projectPath('fixtures/tiny-llama'));
  const pairs = readFixturePairs(projectPath('fixtures/expected/tiny-llama-pairs.jsonl'));
  const { graph, scores, metric } = await randomScores(model, pairs, { seed: 4 });
  expect((await randomScores(model, pairs.slice(1), { seed: 4 })).scores).toEqual(scores);
  expect((await randomScores(model, pairs, { seed: 5 })).scores).not.toEqual(scores);
  const places = [...graph.places()];
  const drawn = places.map((p) => scores[p]);
  expect(new Set(drawn).size).toBe(graph.edges);
  expect(scores.filter((s) => s !== 0).length).toBe(graph.edges);
  expect(drawn.reduce((s, x) => s + x * x, 0) / drawn.length).toBeGreaterThan(0.6);
  const known = (await eap(model, pairs)).metric;
  expect(metric.clean).toBeCloseTo(known.clean, 5);
  expect(metric.corrupt).toBeCloseTo(known.corrupt, 5);
  model.dispose();
});
