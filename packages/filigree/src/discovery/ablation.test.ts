import { describe, expect, it } from 'vitest';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { mul, noGrad, scope, Tensor } from '../tensor/index.js';
import { inF64 } from '../testing/f64.js';
import { loadFolder, projectPath, readFixturePairs } from '../testing/fixtures.js';
import { type Ablation, makeAblation } from './ablation.js';
import { measureCircuits } from './evaluate.js';
import { exactNodes, measureNodes } from './evaluate-nodes.js';
import { exactPatching } from './exact.js';
import { EdgeGraph } from './graph.js';
import { metric } from './metric.js';
import { complement, type EdgeSet } from './select.js';
import { makeBatch, runSources } from './sources.js';

const gpt2 = projectPath('fixtures/tiny-gpt2');
const pairs = readFixturePairs(projectPath('fixtures/expected/tiny-gpt2-pairs.jsonl'));
const graph = new EdgeGraph({ layers: 2, heads: 4, mlpWidth: 128 });

/** The ablation's values for some pairs, `[source][pair][position][feature]`. */
function valuesOf(model: Transformer, ablation: Ablation, part: readonly Pair[]) {
  const { data, shape } = scope(() => {
    const batch = makeBatch(part);
    const clean = runSources(model, graph, batch.clean, batch.last);
    const corrupt = runSources(model, graph, batch.corrupt, batch.last);
    const values = ablation.values({ batch, clean, corrupt });
    return { data: values.dataSync(), shape: values.shape };
  });
  const [, b, t, d] = shape;
  return (source: number, pair: number, position: number): number[] => {
    const start = ((source * b + pair) * t + position) * d;
    return [...data.subarray(start, start + d)];
  };
}

/** What each head or MLP, or the embeddings, write on one prompt alone: site by site, without tables of sources. */
function written(model: Transformer, tokens: readonly number[], source: string): number[][] {
  const [, layer, head] = /^[am](\d+)(?:\.h(\d+))?$/.exec(source) ?? [];
  const site =
    source === 'input' ? 'embed' : head === undefined ? `blocks.${layer}.mlp_out` : `blocks.${layer}.attn.result`;
  const { shape, data } = scope(() => {
    const value = model.run([tokens], { sites: [site] }).site(site);
    return { shape: value.shape, data: value.dataSync() };
  });
  const width = shape[shape.length - 1];
  const heads = head === undefined ? 1 : shape[2];
  return tokens.map((_, t) => [
    ...data.subarray((t * heads + Number(head ?? 0)) * width, (t * heads + Number(head ?? 0) + 1) * width),
  ]);
}

const close = (found: readonly number[], wanted: readonly number[]): void => {
  expect(found.length).toBe(wanted.length);
  found.forEach((x, i) => {
    expect(x).toBeCloseTo(wanted[i], 10);
  });
};

const mean = (rows: readonly (readonly number[])[]): number[] =>
  rows[0].map((_, i) => rows.reduce((s, row) => s + row[i], 0) / rows.length);

describe('counterfactual values', () => {
  it('mean: over all positions of all clean prompts, each counted once', () =>
    inF64(gpt2, async (model) => {
      const ablation = await makeAblation('mean', model, pairs);
      const found = valuesOf(model, ablation, pairs.slice(1, 3));
      for (const [u, { name }] of graph.sources.entries()) {
        const wanted = mean(pairs.flatMap((p) => written(model, p.clean, name)));
        close(found(u, 0, 0), wanted);
        close(found(u, 1, 3), wanted);
      }
      ablation.dispose();
    }));

  it('mean-positional: per position, for prompts of one length only', () =>
    inF64(gpt2, async (model) => {
      const same = pairs.map((p) => ({ ...p, clean: p.clean.slice(0, 4), corrupt: p.corrupt.slice(0, 4) }));
      const ablation = await makeAblation('mean-positional', model, same, { memory: 2 ** 18 });
      const found = valuesOf(model, ablation, same.slice(0, 2));
      for (const [u, { name }] of graph.sources.entries()) {
        for (const t of [0, 3]) {
          const wanted = mean(same.map((p) => written(model, p.clean, name)[t]));
          close(found(u, 1, t), wanted);
        }
      }
      expect(() => valuesOf(model, ablation, pairs)).toThrow(/prompts of one length.*use mean instead/);
      await expect(makeAblation('mean-positional', model, pairs)).rejects.toThrow(/use mean instead/);
      ablation.dispose();
    }));

  it('resample: the run on another prompt of the same length, whatever the batch', () =>
    inF64(gpt2, async (model) => {
      const same = pairs.map((p) => ({ ...p, clean: p.clean.slice(0, 4), corrupt: p.corrupt.slice(0, 4) }));
      const ablation = await makeAblation('resample', model, same, { seed: 3 });
      const together = valuesOf(model, ablation, same);
      same.forEach((pair, i) => {
        const alone = valuesOf(model, ablation, [pair]);
        const [head] = [graph.sources.findIndex(({ name }) => name === 'a1.h2')];
        for (const t of [0, 3]) close(together(head, i, t), alone(head, 0, t));
        const from = same.findIndex((p) =>
          written(model, p.clean, 'a1.h2')[3].every((x, d) => Math.abs(x - alone(head, 0, 3)[d]) < 1e-9),
        );
        expect(from).toBeGreaterThanOrEqual(0);
        expect(same[from].clean).not.toEqual(pair.clean);
      });
      const draws = await Promise.all(
        [1, 2, 3, 4].map(async (seed) =>
          valuesOf(model, await makeAblation('resample', model, same, { seed }), same)(0, 0, 0),
        ),
      );
      expect(new Set(draws.map(String)).size).toBeGreaterThan(1);
      const single = await makeAblation('resample', model, [pairs[0]]);
      expect(() => valuesOf(model, single, [pairs[0]])).toThrow(/needs another prompt of \d+ tokens.*use mean/);
    }));
});

describe('zero ablation', () => {
  it('of a head or MLP is the run in which it writes nothing, for edges, nodes and exact scores alike', () =>
    inF64(gpt2, async (model) => {
      const ablation = await makeAblation('zero', model, pairs);
      const exact = await exactNodes(model, pairs, { ablation });
      for (const source of ['a0.h1', 'm0', 'a1.h3']) {
        const u = graph.sources.findIndex(({ name }) => name === source);
        const wanted = pairs.map((pair) => withoutSource(model, pair, source));
        const out = new Uint8Array(graph.tableSize);
        for (const place of graph.places()) if (graph.ends(place).source === u) out[place] = 1;
        const edges = await measureCircuits(model, graph, pairs, [complement(graph, out)], { ablation });
        const kept = new Uint8Array(graph.sources.length * 32).fill(1).fill(0, u * 32, (u + 1) * 32);
        const nodes = await measureNodes(model, graph, pairs, [kept], { ablation });
        close([...edges.circuits[0]], wanted);
        close([...nodes.circuits[0]], wanted);
        expect(exact.scores[u]).toBeCloseTo(mean(wanted.map((m) => [m]))[0] - exact.metric.clean, 10);
      }
    }));

  it('of a single edge is what exact patching scores', () =>
    inF64(gpt2, async (model) => {
      const ablation = await makeAblation('zero', model, pairs);
      const { scores, metric: value } = await exactPatching(model, pairs.slice(0, 2), { ablation });
      const places = [...graph.places()].filter((_, i) => i % 17 === 0);
      const sets = places.map(
        (place): EdgeSet => complement(graph, new Uint8Array(graph.tableSize).fill(1, place, place + 1)),
      );
      const { circuits } = await measureCircuits(model, graph, pairs.slice(0, 2), sets, { ablation });
      places.forEach((place, i) => {
        expect(scores[place], graph.edgeName(place)).toBeCloseTo(
          mean([...circuits[i]].map((m) => [m]))[0] - value.clean,
          10,
        );
      });
    }));
});

/** The metric when a head or an MLP writes zeros: an edit of its own site. */
function withoutSource(model: Transformer, pair: Pair, source: string): number {
  const [, layer, head] = /^[am](\d+)(?:\.h(\d+))?$/.exec(source)!;
  const site = `blocks.${layer}.${head === undefined ? 'mlp_out' : 'attn.z'}`;
  return scope(() =>
    noGrad(() => {
      const edit = (name: string, value: Tensor): Tensor => {
        if (name !== site) return value;
        if (head === undefined) return mul(value, 0);
        const keep = Tensor.allocate([4, 1], undefined, value.device);
        const ones = [0, 1, 2, 3].map((h) => Number(h !== Number(head)));
        value.device.write(keep.view('test').buffer, 0, ones);
        return mul(value, keep);
      };
      const { logits } = model.run([pair.clean], { at: [pair.clean.length - 1], edit });
      return metric('logit-diff', logits, [pair]).dataSync()[0];
    }),
  );
}

describe('optimal ablation', () => {
  it('does less harm than the mean, source by source', async () => {
    const model = await loadFolder(gpt2);
    const part = pairs.slice(0, 3);
    const mean = await makeAblation('mean', model, part);
    const best = await makeAblation('optimal', model, part, { steps: 60, lr: 0.02 });
    const none = await makeAblation('optimal', model, part, { steps: 0 });
    const harm = async (ablation: Ablation): Promise<number[]> =>
      [...(await exactNodes(model, part, { ablation, metric: 'kl' })).scores].map((score) => -score);
    const [before, after, untrained] = [await harm(mean), await harm(best), await harm(none)];
    expect(untrained).toEqual(before);
    after.forEach((kl, u) => {
      expect(kl, graph.sources[u].name).toBeLessThan(0.9 * before[u]);
      expect(kl).toBeGreaterThan(0);
    });
    for (const a of [mean, best, none]) a.dispose();
    model.dispose();
  });

  it('stops when asked to', async () => {
    const model = await loadFolder(gpt2);
    const signal = AbortSignal.abort();
    await expect(makeAblation('optimal', model, pairs, { signal })).rejects.toThrow(/abort/);
    model.dispose();
  });
});
