import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { plantedDepth, plantedInduction, plantedIoi } from '../tasks/index.js';
import { rocAuc } from './compare.js';
import { edgePruning } from './edge-pruning.js';
import { countEdges } from './select.js';

describe.each([
  ['induction', plantedInduction],
  ['ioi', plantedIoi],
  ['depth', plantedDepth],
] as const)('edge pruning on the planted %s model', (_, make) => {
  it.each([0, 1])('finds its circuit among decoys when asked for its size: seed %i', async (seed) => {
    const { model, pairs, truth } = make({ seed });
    const { graph, scores, edges } = await edgePruning(model, pairs(8, seed), { size: truth.size, steps: 300, seed });
    const places = [...graph.places()];
    expect(new Set(places.filter((p) => edges[p]).map((p) => graph.edgeName(p)))).toEqual(truth);
    const auc = rocAuc(
      places.map((p) => -scores[p]),
      places.map((p) => truth.has(graph.edgeName(p))),
    );
    expect(auc).toBe(1);
    model.dispose();
  });
});

describe('edge pruning', () => {
  it('shuts as many gates as asked for, and all of the circuit is among more', async () => {
    const { model, pairs, truth } = plantedInduction();
    const size = 12;
    const { graph, scores, edges } = await edgePruning(model, pairs(16, 3), { size, steps: 800 });
    const expected = scores.reduce((total, score) => total - score, 0);
    expect(Math.abs(expected - size)).toBeLessThan(1);
    for (const name of truth) {
      const place = [...graph.places()].find((p) => graph.edgeName(p) === name)!;
      expect(edges[place], name).toBe(1);
    }
    expect(countEdges(edges)).toBeLessThanOrEqual(size);
    model.dispose();
  });

  it('does the same for the same seed, and tells how far it is', async () => {
    const { model, pairs } = plantedInduction();
    const data = pairs(8, 0);
    const seen: number[] = [];
    const learn = (seed: number) =>
      edgePruning(model, data, { steps: 20, batch: 3, seed, onProgress: ({ done, total }) => seen.push(done / total) });
    const first = await learn(4);
    expect([...(await learn(4)).scores]).toEqual([...first.scores]);
    expect([...(await learn(5)).scores]).not.toEqual([...first.scores]);
    expect(seen.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => (i + 1) / 20));
    model.dispose();
  });

  it('stops when told to', async () => {
    const { model, pairs } = plantedInduction();
    const controller = new AbortController();
    const stopped = edgePruning(model, pairs(4, 0), {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
    model.dispose();
  });

  it('refuses what makes no sense', async () => {
    const { model, pairs } = plantedInduction();
    const data = pairs(2, 0);
    for (const options of [
      { size: 0 },
      { size: 53 },
      { size: 1.5 },
      { anneal: 2 },
      { ascent: -1 },
      { steps: 0 },
      { lr: 0 },
      { batch: 0 },
    ]) {
      await expect(edgePruning(model, data, options), JSON.stringify(options)).rejects.toThrow(InputError);
    }
    await expect(edgePruning(model, data, { memory: 1000 })).rejects.toThrow(/needs about \d+ MiB/);
    await expect(edgePruning(model, [])).rejects.toThrow(InputError);
    model.dispose();
  });
});
