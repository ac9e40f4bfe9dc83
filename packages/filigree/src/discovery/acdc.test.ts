import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import type { Transformer } from '../nn/transformer.js';
import { plantedDepth, plantedInduction, plantedIoi } from '../tasks/index.js';
import type { Pair } from '../tasks/task.js';
import { scope } from '../tensor/index.js';
import { loadFolder, projectPath, readFixturePairs } from '../testing/fixtures.js';
import { makeAblation } from './ablation.js';
import { acdc } from './acdc.js';
import { rocAuc } from './compare.js';
import { EdgeGraph } from './graph.js';
import { runCircuits } from './run-circuit.js';
import { prune } from './select.js';
import { makeBatch, runSources } from './sources.js';

const logProbabilities = (row: readonly number[]): number[] => {
  const top = Math.max(...row);
  const total = Math.log(row.reduce((s, x) => s + Math.exp(x - top), 0)) + top;
  return row.map((x) => x - total);
};

/** The search as it is published, one edge and one run at a time, with the divergence worked out on the host. */
function oneByOne(
  model: Transformer,
  pairs: readonly Pair[],
  tau: number,
): { kept: Uint8Array; increases: Map<number, number> } {
  const graph = new EdgeGraph(model.config);
  return scope(() => {
    const batch = makeBatch(pairs);
    const clean = runSources(model, graph, batch.clean, batch.last);
    const corrupt = runSources(model, graph, batch.corrupt, batch.last);
    const rows = (values: ArrayLike<number>): number[][] =>
      pairs.map((_, i) =>
        logProbabilities(Array.from(values).slice(i * model.config.vocabulary, (i + 1) * model.config.vocabulary)),
      );
    const reference = rows(clean.logits.dataSync());
    const divergence = (kept: Uint8Array): number =>
      scope(() => {
        const found = rows(runCircuits(model, graph, batch, corrupt.values, [kept]).dataSync());
        const each = reference.map((p, i) => p.reduce((s, l, v) => s + Math.exp(l) * (l - found[i][v]), 0));
        return each.reduce((a, b) => a + b, 0) / pairs.length;
      });
    const kept = new Uint8Array(graph.tableSize);
    for (const place of graph.places()) kept[place] = 1;
    let current = divergence(kept);
    const increases = new Map<number, number>();
    for (let d = graph.destinations.length - 1; d >= 0; d--) {
      for (let s = graph.destinations[d].reads - 1; s >= 0; s--) {
        const place = graph.index(s, d);
        kept[place] = 0;
        const without = divergence(kept);
        increases.set(place, without - current);
        if (without - current < tau) current = without;
        else kept[place] = 1;
      }
    }
    return { kept: prune(graph, kept), increases };
  });
}

describe('acdc', () => {
  it.each(['tiny-llama', 'tiny-neox', 'tiny-gemma2'])('decides on %s as one edge at a time does', async (name) => {
    const model = await loadFolder(projectPath(`fixtures/${name}`));
    const pairs = readFixturePairs(projectPath(`fixtures/expected/${name}-pairs.jsonl`)).slice(0, 2);
    // A threshold at which much is cut and much is kept, so that many guesses go wrong.
    const { increases } = oneByOne(model, pairs, 1e-9);
    const tau = [...increases.values()].sort((a, b) => b - a)[Math.floor(increases.size / 3)];
    expect(tau).toBeGreaterThan(0);
    const expected = oneByOne(model, pairs, tau);
    const found = await acdc(model, pairs, { tau });
    const kept = expected.kept.reduce((a, b) => a + b, 0);
    expect(kept).toBeGreaterThan(10);
    expect(kept).toBeLessThan(found.graph.edges - 10);
    expect([...found.edges]).toEqual([...expected.kept]);
    for (const [place, increase] of expected.increases) {
      expect(Math.abs(-found.scores[place] - increase)).toBeLessThan(1e-5);
    }
    model.dispose();
  });

  describe.each([
    ['induction', plantedInduction],
    ['ioi', plantedIoi],
    ['depth', plantedDepth],
  ] as const)('on the planted %s model', (_, make) => {
    it.each([0, 1, 2])('finds its circuit among decoys, and nothing else: seed %i', async (seed) => {
      const { model, pairs, truth } = make({ seed });
      const { graph, scores, edges, metric } = await acdc(model, pairs(32, seed), { tau: 0.05 });
      const places = [...graph.places()];
      expect(new Set(places.filter((p) => edges[p]).map((p) => graph.edgeName(p)))).toEqual(truth);
      const auc = rocAuc(
        places.map((p) => -scores[p]),
        places.map((p) => truth.has(graph.edgeName(p))),
      );
      expect(auc).toBe(1);
      expect(metric.clean).toBeCloseTo(0, 5);
      expect(metric.corrupt).toBeLessThan(-0.1);
      model.dispose();
    });
  });

  it('keeps less the higher tau is, and everything that helps where it is tiny', async () => {
    const { model, pairs, truth } = plantedIoi();
    const sizes: number[] = [];
    for (const tau of [1e-6, 0.05, 100]) {
      const { edges } = await acdc(model, pairs(8, 0), { tau });
      sizes.push(edges.reduce((a, b) => a + b, 0));
    }
    expect(sizes[0]).toBeGreaterThan(truth.size);
    expect(sizes.slice(1)).toEqual([truth.size, 0]);
    model.dispose();
  });

  it('searches by another metric, whose loss tau is measured in', async () => {
    const { model, pairs, truth } = plantedIoi();
    const { graph, edges, metric } = await acdc(model, pairs(16, 0), { metric: 'logit-diff', tau: 0.5 });
    expect(metric.clean).toBeGreaterThan(3);
    expect(new Set([...graph.places()].filter((p) => edges[p]).map((p) => graph.edgeName(p)))).toEqual(truth);
    model.dispose();
  });

  it('cuts to zeros where the ablation says so, under which more is needed', async () => {
    const { model, pairs, truth } = plantedIoi({ decoys: 0 });
    const data = pairs(16, 0);
    const ablation = await makeAblation('zero', model, data);
    const { graph, edges } = await acdc(model, data, { ablation, tau: 0.05 });
    const kept = new Set([...graph.places()].filter((p) => edges[p]).map((p) => graph.edgeName(p)));
    // Both prompts have these in common: which token is repeated, that the end asks, and what is copied.
    for (const name of [...truth, 'input->a0.h0<k>', 'input->a1.h0<q>', 'input->a2.h0<q>', 'input->a2.h0<v>']) {
      expect(kept).toContain(name);
    }
    ablation.dispose();
    model.dispose();
  });

  it('tells how far it is, and stops when told to', async () => {
    const { model, pairs } = plantedInduction();
    const data = pairs(4, 0);
    const seen: number[] = [];
    await acdc(model, data, { onProgress: ({ done, total }) => seen.push(done / total) });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen[seen.length - 1]).toBe(1);
    const controller = new AbortController();
    const stopped = acdc(model, data, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
    model.dispose();
  });

  it('refuses what makes no sense', async () => {
    const { model, pairs } = plantedInduction();
    for (const tau of [0, -1, Number.NaN]) await expect(acdc(model, pairs(2, 0), { tau })).rejects.toThrow(InputError);
    await expect(acdc(model, [])).rejects.toThrow(InputError);
    model.dispose();
  });
});
