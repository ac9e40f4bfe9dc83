import { describe, expect, it } from 'vitest';
import { inF64 } from '../testing/f64.js';
import { projectPath, readFixturePairs } from '../testing/fixtures.js';
import { type AblationName, makeAblation } from './ablation.js';
import { cleanCorrupted } from './clean-corrupted.js';
import { eap } from './eap.js';
import { eapIg } from './eap-ig.js';
import { eapIgActivations } from './eap-ig-activations.js';
import { measureCircuits } from './evaluate.js';
import type { EdgeGraph } from './graph.js';
import { complement, type EdgeSet } from './select.js';

const model = (name: string): string => projectPath(`fixtures/${name}`);
const pairsOf = (name: string) => readFixturePairs(projectPath(`fixtures/expected/${name}-pairs.jsonl`)).slice(0, 3);

/** Sources that write at the same time: the embeddings, the heads of a layer, its MLP. */
function groups(graph: EdgeGraph): number[][] {
  const moments = new Map<string, number[]>();
  graph.sources.forEach(({ kind, layer }, u) => {
    const moment = `${layer} ${kind}`;
    moments.set(moment, [...(moments.get(moment) ?? []), u]);
  });
  return [...moments.values()];
}

const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('eapIgActivations', () => {
  it.each([
    ['tiny-llama', 'patch'],
    ['tiny-llama', 'mean'],
    ['tiny-gpt2', 'zero'],
    ['tiny-qwen2', 'patch'],
  ] as [string, AblationName][])(
    'scores of the edges out of what writes together sum to what cutting them does: %s, %s',
    (name, kind) =>
      inF64(model(name), async (m) => {
        const pairs = pairsOf(name);
        const ablation = await makeAblation(kind, m, pairs);
        const error = async (steps: number): Promise<number> => {
          const { graph, scores, metric } = await eapIgActivations(m, pairs, { steps, rule: 'mid', ablation });
          const cut = groups(graph).map((sources): EdgeSet => {
            const out = new Uint8Array(graph.tableSize);
            for (const place of graph.places()) if (sources.includes(graph.ends(place).source)) out[place] = 1;
            return complement(graph, out);
          });
          const { circuits } = await measureCircuits(m, graph, pairs, cut, { ablation });
          let [wrong, size] = [0, 0];
          groups(graph).forEach((sources, g) => {
            // The embeddings' line is that of integrated gradients on inputs, checked below; it needs far more points.
            if (sources[0] === 0) return;
            let sum = 0;
            for (const place of graph.places()) if (sources.includes(graph.ends(place).source)) sum += scores[place];
            const change = mean(circuits[g]) - metric.clean;
            expect(Math.abs(change)).toBeGreaterThan(1e-3);
            wrong += Math.abs(sum - change);
            size += Math.abs(change);
          });
          return wrong / size;
        };
        const rough = await error(6);
        const fine = await error(18);
        expect(fine).toBeLessThan(0.005);
        // The midpoint rule's error falls with the square of the steps.
        expect(fine).toBeLessThan(rough / 7);
        ablation.dispose();
      }),
  );

  it("scores the input's edges as integrated gradients on inputs do", () =>
    inF64(model('tiny-qwen2'), async (m) => {
      const pairs = pairsOf('tiny-qwen2');
      const { graph, scores } = await eapIgActivations(m, pairs);
      const inputs = await eapIg(m, pairs);
      graph.destinations.forEach((_, d) => {
        expect(scores[graph.index(0, d)]).toBeCloseTo(inputs.scores[graph.index(0, d)], 10);
      });
    }));

  it('is the same however pairs and points are split into batches', async () => {
    const name = 'tiny-llama';
    await inF64(model(name), async (m) => {
      const pairs = pairsOf(name);
      const whole = await eapIgActivations(m, pairs);
      const split = await eapIgActivations(m, pairs, { memory: 2 ** 19 });
      whole.scores.forEach((score, i) => {
        expect(split.scores[i]).toBeCloseTo(score, 10);
      });
    });
  });

  it('takes kl, whose gradient on the clean prompt alone is zero', () =>
    inF64(model('tiny-llama'), async (m) => {
      const pairs = pairsOf('tiny-llama');
      const { scores } = await eapIgActivations(m, pairs, { metric: 'kl' });
      expect(scores.filter((s) => s < -1e-6).length).toBeGreaterThan(10);
      await expect(eapIgActivations(m, pairs, { metric: 'kl', steps: 1 })).rejects.toThrow(
        /use eap-ig with more steps/,
      );
    }));
});

describe('cleanCorrupted', () => {
  it('is the mean of the scores by the gradients at both ends', () =>
    inF64(model('tiny-gpt2'), async (m) => {
      const pairs = pairsOf('tiny-gpt2');
      const { scores } = await cleanCorrupted(m, pairs);
      const corrupted = await eapIg(m, pairs, { rule: 'left', steps: 1 });
      const clean = await eap(m, pairs);
      scores.forEach((score, i) => {
        expect(score).toBeCloseTo((clean.scores[i] + corrupted.scores[i]) / 2, 10);
      });
    }));
});

describe('what makes no sense is refused with what to use instead', () => {
  const [name, pairs] = ['tiny-llama', pairsOf('tiny-llama')];
  it.each(['zero', 'mean', 'optimal'] as const)('gradients along the inputs with %s ablation', (kind) =>
    inF64(model(name), async (m) => {
      const ablation = await makeAblation(kind, m, pairs, { steps: 1 });
      const message = new RegExp(`${kind} ablation.*use eap-ig-activations`);
      await expect(eapIg(m, pairs, { ablation })).rejects.toThrow(message);
      await expect(cleanCorrupted(m, pairs, { ablation })).rejects.toThrow(message);
      await expect(eap(m, pairs, { ablation })).resolves.toBeDefined();
      ablation.dispose();
    }),
  );

  it('kl where its gradient is zero', () =>
    inF64(model(name), async (m) => {
      await expect(eap(m, pairs, { metric: 'kl' })).rejects.toThrow(/use eap-ig with more steps, or exact/);
      await expect(eapIg(m, pairs, { metric: 'kl' })).resolves.toBeDefined();
    }));
});
