import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/index.js';
import { plantedInduction } from '../tasks/planted-induction.js';
import type { Pair } from '../tasks/task.js';
import { setDefaultDevice } from '../tensor/index.js';
import { loadFolder, projectPath, readFixturePairs, sharedModel } from '../testing/fixtures.js';
import { pearson, rocAuc } from './compare.js';
import { eap } from './eap.js';
import { eapIg } from './eap-ig.js';
import { measureCircuits } from './evaluate.js';
import { exactPatching } from './exact.js';
import type { EdgeScores } from './scores.js';
import { rank } from './select.js';

/**
 * How far the scores of the input's edges are from summing to m(corrupt) - m(clean), pair by pair, as a share of the changes'
 * size: in the mean over pairs, changes of either sign would cancel, and so would errors.
 */
async function axiomError(pairs: readonly Pair[], attribute: (pair: Pair) => Promise<EdgeScores>): Promise<number> {
  let [error, size] = [0, 0];
  for (const pair of pairs) {
    const { graph, scores, metric } = await attribute(pair);
    const fromInput = graph.destinations.map((_, d) => scores[graph.index(0, d)]);
    const change = metric.corrupt - metric.clean;
    error += Math.abs(fromInput.reduce((a, b) => a + b, 0) - change);
    size += Math.abs(change);
  }
  return error / size;
}

describe('the completeness axiom: scores of the input sum to m(corrupt) - m(clean)', () => {
  it('in f64, the closer the finer the steps', async () => {
    const before = setDefaultDevice(createReferenceDevice('f64'));
    try {
      const model = await loadFolder(projectPath('fixtures/tiny-llama'));
      const pairs = readFixturePairs(projectPath('fixtures/expected/tiny-llama-pairs.jsonl'));
      const error = (steps: number): Promise<number> =>
        axiomError(pairs, (pair) => eapIg(model, [pair], { rule: 'mid', steps }));
      const at20 = await error(20);
      expect(at20).toBeLessThan(0.01);
      // The midpoint rule's error falls with the square of the steps.
      expect(await error(40)).toBeLessThan(at20 / 3);
      expect(await axiomError(pairs, (pair) => eap(model, [pair]))).toBeGreaterThan(0.3);
      model.dispose();
    } finally {
      setDefaultDevice(before);
    }
  });

  const folder = sharedModel('stories260K');
  it.skipIf(!folder)('on a trained model', async () => {
    const model = await loadFolder(folder!);
    const pairs = readFixturePairs(projectPath('fixtures/expected/stories260K-pairs.jsonl'));
    const error = await axiomError(pairs, (pair) => eapIg(model, [pair], { rule: 'mid', steps: 20 }));
    expect(error).toBeLessThan(0.01);
    expect(await axiomError(pairs, (pair) => eap(model, [pair]))).toBeGreaterThan(0.2);
    model.dispose();
  });
});

describe('the planted induction circuit', () => {
  it('is what exact patching finds, and nothing else matters without decoys', async () => {
    const { model, pairs, truth } = plantedInduction({ beta: 12, decoys: 0 });
    const data = pairs(16, 1);
    const { graph, scores } = await exactPatching(model, data);
    const isTrue = (place: number): boolean => truth.has(graph.edgeName(place));
    for (const place of graph.places()) {
      if (isTrue(place)) expect(Math.abs(scores[place])).toBeGreaterThan(1);
      else expect(Math.abs(scores[place])).toBeLessThan(1e-4);
    }
    const kept = Uint8Array.from({ length: graph.tableSize }, (_, place) => (isTrue(place) ? 1 : 0));
    const { clean, circuits } = await measureCircuits(model, graph, data, [kept]);
    clean.forEach((value, i) => {
      expect(circuits[0][i]).toBeCloseTo(value, 4);
    });
    model.dispose();
  });

  /** Figures of a double-precision prototype; ours may differ by what other decoys and pairs change. */
  it.each([
    { beta: 3, least: 5, eapAuc: [0.995, 1] },
    { beta: 12, least: 2, eapAuc: [0.8, 0.9] },
    { beta: 24, least: 2, eapAuc: [0.7, 0.86] },
  ])('at beta $beta is found by EAP-IG, and by EAP only while attention is not saturated', async (setting) => {
    const { model, pairs, truth } = plantedInduction({ beta: setting.beta, seed: 0 });
    const data = pairs(64, 0);
    const exact = await exactPatching(model, data);
    const { graph } = exact;
    expect(graph.edges).toBe(52);
    const places = [...graph.places()];
    const isTrue = places.map((p) => truth.has(graph.edgeName(p)));
    const judge = ({ scores }: EdgeScores) => ({
      top: rank(graph, scores, 'abs')
        .slice(0, 5)
        .filter((p) => truth.has(graph.edgeName(p))).length,
      auc: rocAuc(
        places.map((p) => Math.abs(scores[p])),
        isTrue,
      ),
      correlation: pearson(
        places.map((p) => scores[p]),
        places.map((p) => exact.scores[p]),
      ),
    });
    expect(judge(exact).top).toBe(5);
    const integrated = judge(await eapIg(model, data, { rule: 'mid' }));
    expect(integrated.top).toBe(5);
    expect(integrated.auc).toBeGreaterThanOrEqual(0.98);
    expect(integrated.correlation).toBeGreaterThan(0.95);
    const plain = judge(await eap(model, data));
    expect(plain.top).toBe(setting.least);
    expect(plain.auc).toBeGreaterThanOrEqual(setting.eapAuc[0]);
    expect(plain.auc).toBeLessThanOrEqual(setting.eapAuc[1]);
    model.dispose();
  });
});
