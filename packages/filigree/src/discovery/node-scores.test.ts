import { describe, expect, it } from 'vitest';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { add, assign, at, mul, noGrad, scope, type Tensor } from '../tensor/index.js';
import { inF64 } from '../testing/f64.js';
import { projectPath, readFixturePairs } from '../testing/fixtures.js';
import { makeAblation } from './ablation.js';
import { cleanCorrupted } from './clean-corrupted.js';
import { eap } from './eap.js';
import { eapIg } from './eap-ig.js';
import { eapIgActivations } from './eap-ig-activations.js';
import { measureCircuits } from './evaluate.js';
import {
  evaluateNodeScores,
  evaluateNodes,
  exactNodes,
  measureNodes,
  selectNodes,
  weightedEdges,
} from './evaluate-nodes.js';
import { EdgeGraph } from './graph.js';
import { metric } from './metric.js';
import { nodeScores } from './node-scores.js';
import { relp } from './relp.js';
import { complement, type EdgeSet } from './select.js';

const folder = (name: string): string => projectPath(`fixtures/${name}`);
const pairsOf = (name: string): Pair[] =>
  readFixturePairs(projectPath(`fixtures/expected/${name}-pairs.jsonl`)).slice(0, 3);

describe.each(['tiny-llama', 'tiny-gpt2', 'tiny-qwen2'])('nodes of %s', (name) => {
  const pairs = pairsOf(name);
  it.each([
    ['eap', eap],
    ['eap-ig', eapIg],
    ['eap-ig-activations', eapIgActivations],
    ['clean-corrupted', cleanCorrupted],
    ['relp', relp],
  ] as const)(
    'score what the edges out of them score together, and neurons what their node does: %s',
    (method, edges) =>
      inF64(folder(name), async (model) => {
        const { graph, scores, metric } = await edges(model, pairs);
        const nodes = await nodeScores(model, pairs, { method });
        const neurons = await nodeScores(model, pairs, { method, level: 'neuron' });
        const { width } = model.config;
        expect(neurons.scores.length).toBe(graph.sources.length * width);
        graph.sources.forEach((source, u) => {
          const sum = graph.destinations.reduce((total, _, d) => total + scores[graph.index(u, d)], 0);
          expect(nodes.scores[u], source.name).toBeCloseTo(sum, 9);
          const features = neurons.scores.subarray(u * width, (u + 1) * width);
          expect(features.reduce((a, b) => a + b, 0)).toBeCloseTo(sum, 9);
        });
        expect(nodes.metric).toEqual(metric);
      }),
  );
});

/** The metric of a pair when a feature of what a head or MLP writes is moved. */
function nudged(model: Transformer, pair: Pair, site: string, head: number, feature: number, by: Tensor): number {
  return scope(() =>
    noGrad(() => {
      const edit = (name: string, value: Tensor): Tensor => {
        if (name !== site) return value;
        const moved = value.packed();
        const own = at(head < 0 ? moved : at(moved, 2, head), 2, feature);
        assign(own, add(own, by));
        return moved;
      };
      const { logits } = model.run([pair.clean], { at: [pair.clean.length - 1], results: true, edit });
      return metric('logit-diff', logits, [pair]).dataSync()[0];
    }),
  );
}

it('a neuron scores the slope of the metric towards its counterfactual, by finite differences', () =>
  inF64(folder('tiny-gpt2'), async (model) => {
    const [pair] = pairsOf('tiny-gpt2');
    const { graph, scores } = await nodeScores(model, [pair], { method: 'eap', level: 'neuron' });
    for (const [source, site, head] of [
      ['a0.h2', 'blocks.0.attn.result', 2],
      ['a1.h0', 'blocks.1.attn.result', 0],
      ['m0', 'blocks.0.mlp_out', -1],
      ['m1', 'blocks.1.mlp_out', -1],
      ['input', 'blocks.0.resid_pre', -1],
    ] as const) {
      const u = graph.sources.findIndex((s) => s.name === source);
      for (const feature of [0, 13, 31]) {
        const read = (tokens: readonly number[]): Tensor => {
          const value = model.run([tokens], { sites: [site], results: true }).site(site);
          return at(head < 0 ? value : at(value, 2, head), 2, feature);
        };
        const slope = scope(() => {
          const step = mul(add(read(pair.corrupt), mul(read(pair.clean), -1)), 1e-5);
          const [up, down] = [step, mul(step, -1)].map((by) => nudged(model, pair, site, head, feature, by));
          return (up - down) / 2e-5;
        });
        expect(scores[u * 32 + feature], `${source} ${feature}`).toBeCloseTo(slope, 6);
      }
    }
  }));

describe('circuits of nodes', () => {
  it('cutting a node is cutting all edges out of it, with any ablation', () =>
    inF64(folder('tiny-qwen2'), async (model) => {
      const pairs = pairsOf('tiny-qwen2');
      for (const kind of ['patch', 'mean'] as const) {
        const ablation = await makeAblation(kind, model, pairs);
        const { graph, scores, metric } = await exactNodes(model, pairs, { ablation });
        const sets = graph.sources.map((_, u): EdgeSet => {
          const out = new Uint8Array(graph.tableSize);
          for (const place of graph.places()) if (graph.ends(place).source === u) out[place] = 1;
          return complement(graph, out);
        });
        const { circuits } = await measureCircuits(model, graph, pairs, sets, { ablation });
        circuits.forEach((values, u) => {
          const mean = values.reduce((a, b) => a + b, 0) / values.length;
          expect(scores[u]).toBeCloseTo(mean - metric.clean, 10);
        });
        ablation.dispose();
      }
    }));

  it('keeping all is the clean run, keeping none the corrupted one; exact neurons cut one feature', () =>
    inF64(folder('tiny-llama'), async (model) => {
      const pairs = pairsOf('tiny-llama');
      const graph = new EdgeGraph(model.config);
      const size = graph.sources.length * 32;
      const [none, all] = [new Uint8Array(size), new Uint8Array(size).fill(1)];
      const { clean, corrupt, circuits } = await measureNodes(model, graph, pairs, [none, all]);
      pairs.forEach((_, p) => {
        expect(circuits[0][p]).toBeCloseTo(corrupt[p], 12);
        expect(circuits[1][p]).toBeCloseTo(clean[p], 12);
      });
      const last = graph.sources.length - 1;
      const { scores } = await exactNodes(model, pairs.slice(0, 1), { level: 'neuron' });
      // After the last MLP comes only the final norm, near which its features act almost alone and almost linearly.
      const slopes = await nodeScores(model, pairs.slice(0, 1), {
        level: 'neuron',
        method: 'eap-ig-activations',
        steps: 20,
      });
      const [exact, estimate] = [scores, slopes.scores].map((s) => s.slice(last * 32));
      const error = Math.max(...exact.map((s, i) => Math.abs(s - estimate[i])));
      expect(error).toBeLessThan(0.2 * Math.max(...exact.map(Math.abs)));
    }));

  it('counts edges between kept nodes by the share of the source that is kept', () => {
    const graph = new EdgeGraph({ layers: 2, heads: 2, mlpWidth: 8 });
    const nodes = new Uint8Array(graph.sources.length * 4);
    expect(weightedEdges(graph, nodes)).toBe(0);
    expect(
      weightedEdges(
        graph,
        nodes.map(() => 1),
      ),
    ).toBe(graph.edges);
    const keep = (name: string, features: number): void => {
      const u = graph.sources.findIndex((s) => s.name === name);
      nodes.fill(1, 4 * u, 4 * u + features);
    };
    keep('input', 4);
    keep('a0.h1', 1);
    keep('m1', 2);
    // input: 3 into a0.h1, 1 into m1, 1 into the logits; a quarter of a0.h1: m1, logits; half of m1: logits.
    expect(weightedEdges(graph, nodes)).toBe(5 + 2 / 4 + 1 / 2);
  });

  it('are judged like circuits of edges, over their size in edges', () =>
    inF64(folder('tiny-llama'), async (model) => {
      const pairs = pairsOf('tiny-llama');
      for (const level of ['node', 'neuron'] as const) {
        const found = await nodeScores(model, pairs, { method: 'eap', level });
        const { graph } = found;
        const units = found.scores.length;
        const curve = await evaluateNodeScores(model, found, pairs, { ranking: 'signed', randomCircuits: 1 });
        expect(curve.sizes[9]).toBe(units);
        expect(curve.edges[9]).toBe(graph.edges);
        expect(curve.faithfulness[9]).toBeCloseTo(1, 10);
        expect(curve.completeness[9]).toBeCloseTo(0, 10);
        let area = 0;
        for (let i = 1; i < 10; i++) {
          area +=
            ((curve.edges[i] - curve.edges[i - 1]) / graph.edges) *
            ((curve.faithfulness[i] + curve.faithfulness[i - 1]) / 2);
        }
        expect(curve.cpr).toBeCloseTo(area, 10);
        const half = selectNodes(found, 32, curve.sizes[8], 'signed');
        const own = await evaluateNodes(model, graph, level, half, pairs, { randomCircuits: 0 });
        expect(own.sizes).toEqual([curve.sizes[8]]);
        expect(own.faithfulness[0]).toBeCloseTo(curve.faithfulness[8], 10);
        expect(own.edges[0]).toBe(curve.edges[8]);
        expect(own.random).toBeNull();
      }
    }));
});
