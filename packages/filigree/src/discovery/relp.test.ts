import { describe, expect, it } from 'vitest';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { abs, alias, backward, mul, ones, scope, sub, sum, type Tensor, track } from '../tensor/index.js';
import { inF64 as f64 } from '../testing/f64.js';
import { loadFolder, projectPath, readFixturePairs } from '../testing/fixtures.js';
import { eap } from './eap.js';
import { metric } from './metric.js';
import { type RelpRules, relp, relpRules } from './relp.js';

const llama = projectPath('fixtures/tiny-llama');
const pairs = readFixturePairs(projectPath('fixtures/expected/tiny-llama-pairs.jsonl'));

const inF64 = (test: (model: Transformer) => Promise<void> | void): Promise<void> => f64(llama, test);

/** The metric of one pair, and sum_i x_i rho_i and sum_i |x_i rho_i| at every layer's entrance and at the end. */
function relevance(model: Transformer, pair: Pair, rules: RelpRules) {
  return scope(() => {
    const sites = [...Array.from({ length: model.config.layers }, (_, l) => `blocks.${l}.resid_pre`), 'final_in'];
    const edit = (site: string, x: Tensor): Tensor => (site === 'embed' ? track(alias(x)) : x);
    const run = model.run([pair.clean], { at: [pair.clean.length - 1], sites, edit });
    const value = metric('logit-diff', run.logits, [pair]);
    const streams = sites.map(run.site);
    const rho = backward([{ tensor: value, seed: ones([1]) }], streams, { rules: relpRules(rules) });
    const total = (t: Tensor): number => Array.from(t.dataSync()).reduce((a, b) => a + b, 0);
    const terms = streams.map((x, i) => mul(x, rho[i]!));
    return { value: value.dataSync()[0], sums: terms.map(total), sizes: terms.map((t) => total(abs(t))) };
  });
}

/** The largest relative difference between the relevance anywhere in the stream and the metric. */
const leak = (model: Transformer, rules: RelpRules): number =>
  Math.max(
    ...pairs.map((pair) => {
      const { value, sums } = relevance(model, pair, rules);
      return Math.max(...sums.map((s) => Math.abs(s - value) / Math.abs(value)));
    }),
  );

describe('without biases relevance is conserved at every layer', () => {
  it('in f64', () =>
    inF64((model) => {
      expect(leak(model, { pattern: 'freeze' })).toBeLessThan(1e-11);
    }));

  it('in f32, to the rounding of the terms', async () => {
    const model = await loadFolder(llama);
    for (const pair of pairs) {
      const { value, sums, sizes } = relevance(model, pair, { pattern: 'freeze' });
      sums.forEach((s, i) => {
        expect(Math.abs(s - value) / sizes[i]).toBeLessThan(1e-5);
      });
    }
    model.dispose();
  });

  it.each([
    ['norms', { norm: 'grad' }],
    ['activations', { act: 'grad' }],
    ['products', { product: 'grad' }],
    ['patterns', { pattern: 'grad' }],
  ] as const)('but not without the rule for %s', (_, rules) =>
    inF64((model) => {
      expect(leak(model, { pattern: 'freeze', ...rules })).toBeGreaterThan(0.01);
    }),
  );
});

describe('relp', () => {
  it("scores the input's edges by the relevance of the embedding", () =>
    inF64(async (model) => {
      for (const pair of pairs) {
        const { graph, scores } = await relp(model, [pair]);
        const found = graph.destinations.reduce((total, _, d) => total + scores[graph.index(0, d)], 0);
        const wanted = scope(() => {
          const read = (tokens: readonly number[]): { run: ReturnType<Transformer['run']>; x: Tensor } => {
            const run = model.run([tokens], {
              at: [tokens.length - 1],
              sites: ['embed'],
              edit: (site, x) => (site === 'embed' ? track(alias(x)) : x),
            });
            return { run, x: run.site('embed') };
          };
          const [clean, corrupt] = [read(pair.clean), read(pair.corrupt)];
          const value = metric('logit-diff', clean.run.logits, [pair]);
          const [rho] = backward([{ tensor: value, seed: ones([1]) }], [clean.x], { rules: relpRules() });
          return sum(mul(sub(corrupt.x, clean.x), rho!)).dataSync()[0];
        });
        expect(found).toBeCloseTo(wanted, 10);
      }
    }));

  it('is EAP without its rules, and other than EAP with them', () =>
    inF64(async (model) => {
      const plain = await eap(model, pairs);
      const off = await relp(model, pairs, { norm: 'grad', act: 'grad', product: 'grad' });
      const on = await relp(model, pairs);
      plain.scores.forEach((score, i) => {
        expect(off.scores[i]).toBe(score);
      });
      expect(Math.max(...plain.scores.map((s, i) => Math.abs(s - on.scores[i])))).toBeGreaterThan(0.01);
      expect(on.metric).toEqual(plain.metric);
    }));

  it('with constant patterns says nothing of queries and keys', () =>
    inF64(async (model) => {
      const { graph, scores } = await relp(model, pairs, { pattern: 'freeze' });
      for (const place of graph.places()) {
        const { kind } = graph.destinations[graph.ends(place).destination];
        if (kind === 'q' || kind === 'k') expect(scores[place]).toBe(0);
        else expect(scores[place]).not.toBe(0);
      }
    }));
});
