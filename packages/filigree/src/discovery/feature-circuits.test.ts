import { expect, it } from 'vitest';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { add, einsum, noGrad, Random, relu, scope, sub, type Tensor, tensor } from '../tensor/index.js';
import { inF64 as f64 } from '../testing/f64.js';
import { projectPath, readFixturePairs } from '../testing/fixtures.js';
import {
  type FeatureDictionary,
  featureFaithfulness,
  featureScores,
  identityDictionary,
  measureFeatureCircuits,
} from './feature-circuits.js';
import { metric } from './metric.js';
import { alignedPairs } from './positions.js';

const pairs = alignedPairs(readFixturePairs(projectPath('fixtures/expected/tiny-llama-pairs.jsonl')));
const inF64 = (test: (model: Transformer) => Promise<void>): Promise<void> =>
  f64(projectPath('fixtures/tiny-llama'), test);

const sites = ['blocks.0.resid_post', 'blocks.1.attn_out', 'blocks.1.mlp_out', 'blocks.1.resid_post'];

/** A dictionary of random directions, which misses a good deal. */
function randomDictionary(width: number, seed: number, features = 5): FeatureDictionary & { decoder: Tensor } {
  const random = new Random(seed);
  const draw = (): Tensor =>
    tensor(
      Float64Array.from({ length: features * width }, () => random.normal()),
      [features, width],
    );
  const [encoder, decoder] = [draw(), draw()];
  return {
    features,
    decoder,
    encode: (x) => relu(einsum('btd,fd->btf', x, encoder)),
    decode: (f) => einsum('btf,fd->btd', f, decoder),
  };
}

const dictionariesOf = (model: Transformer) =>
  new Map(sites.map((site, i) => [site, randomDictionary(model.config.width, i)]));

/** Mean metric of the clean prompts with a site changed. */
function meanMetric(model: Transformer, site: string, change: (x: Tensor) => Tensor): number {
  return scope(() =>
    noGrad(() => {
      const { logits } = model.run(
        pairs.map((p) => p.clean),
        { at: pairs.map((p) => p.clean.length - 1), edit: (name, x) => (name === site ? change(x) : x) },
      );
      const values = metric('logit-diff', logits, pairs).dataSync();
      return Array.from(values).reduce((a, b) => a + b, 0) / pairs.length;
    }),
  );
}

const siteOf = (model: Transformer, site: string, side: 'clean' | 'corrupt'): Tensor =>
  noGrad(() =>
    model
      .run(
        pairs.map((p: Pair) => p[side]),
        { sites: [site] },
      )
      .site(site),
  );

const close = (found: number, wanted: number): void =>
  expect(Math.abs(found - wanted)).toBeLessThan(1e-5 * (1 + Math.abs(wanted)));

it('scores of a feature and of an error are slopes of the metric, by finite differences', () =>
  inF64(async (model) => {
    const { width } = model.config;
    const dictionaries = dictionariesOf(model);
    const { scores, sites: places } = await featureScores(model, pairs, dictionaries, { method: 'eap' });
    for (const { site, first, features } of places) {
      const dictionary = dictionaries.get(site)!;
      const [clean, corrupt] = (['clean', 'corrupt'] as const).map((side) => siteOf(model, site, side));
      const difference = sub(dictionary.encode(corrupt), dictionary.encode(clean));
      const slope = (step: (h: number) => Tensor): number => {
        const h = 1e-5;
        return (
          (meanMetric(model, site, (x) => add(x, step(h))) - meanMetric(model, site, (x) => add(x, step(-h)))) / (2 * h)
        );
      };
      const feature = 2;
      const moved = (h: number): Tensor =>
        dictionary.decode(
          einsum(
            'btf,f->btf',
            difference,
            tensor(Float64Array.from({ length: features }, (_, i) => (i === feature ? h : 0))),
          ),
        );
      close(scores[first + feature], slope(moved));
      const missed = (x: Tensor): Tensor => sub(x, dictionary.decode(dictionary.encode(x)));
      const error = sub(missed(corrupt), missed(clean));
      const pushed = (h: number): Tensor => einsum('btd,d->btd', error, tensor(new Float64Array(width).fill(h)));
      close(scores[first + features], slope(pushed));
    }
  }));

it('integrated scores of a site sum to what patching it does', () =>
  inF64(async (model) => {
    const { scores, sites: places, passes } = await featureScores(model, pairs, dictionariesOf(model), { steps: 60 });
    expect(passes).toBe(60 * sites.length);
    const clean = meanMetric(model, 'none', (x) => x);
    for (const { site, first, features } of places) {
      const corrupt = siteOf(model, site, 'corrupt');
      const change = meanMetric(model, site, () => corrupt) - clean;
      const total = scores.subarray(first, first + features + 1).reduce((a, b) => a + b, 0);
      expect(Math.abs(total - change)).toBeLessThan(0.05 * Math.abs(change) + 1e-4);
    }
  }));

it('relevance patching differs from gradients, and costs as little', () =>
  inF64(async (model) => {
    const dictionaries = dictionariesOf(model);
    const plain = await featureScores(model, pairs, dictionaries, { method: 'eap' });
    const relevance = await featureScores(model, pairs, dictionaries, { method: 'relp' });
    expect(relevance.passes).toBe(1);
    expect(relevance.scores).not.toEqual(plain.scores);
  }));

it('a circuit of all is the model, and what is left out takes its mean over the corrupted prompts', () =>
  inF64(async (model) => {
    const dictionaries = dictionariesOf(model);
    const nodes = sites.length * 6;
    const clean = meanMetric(model, 'none', (x) => x);
    const all = new Uint8Array(nodes).fill(1);
    const average = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
    const [whole] = await measureFeatureCircuits(model, pairs, dictionaries, [all]);
    expect(average(whole)).toBeCloseTo(clean, 9);
    // With channels for features, cutting a whole site puts its mean there.
    const site = sites[2];
    const channels = new Map([[site, identityDictionary(model.config.width)]]);
    const [cut] = await measureFeatureCircuits(model, pairs, channels, [new Uint8Array(model.config.width + 1)]);
    const values = siteOf(model, site, 'corrupt');
    const means = noGrad(() =>
      einsum('btd,b->td', values, tensor(new Float64Array(pairs.length).fill(1 / pairs.length))),
    );
    const wanted = meanMetric(model, site, (x) => add(sub(x, x), means));
    expect(average(cut)).toBeCloseTo(wanted, 9);
    const f = await featureFaithfulness(model, pairs, dictionaries, new Float64Array(nodes), [nodes]);
    expect(f[0]).toBeCloseTo(1, 9);
  }));

it('refuses sites without features and prompts of several lengths', () =>
  inF64(async (model) => {
    const dictionary = identityDictionary(model.config.width);
    const at = (site: string) => featureScores(model, pairs, new Map([[site, dictionary]]));
    await expect(at('blocks.0.attn.z')).rejects.toThrow('not at');
    await expect(at('blocks.9.mlp_out')).rejects.toThrow('not at');
    const longer = { ...pairs[0], clean: [1, ...pairs[0].clean], corrupt: [1, ...pairs[0].corrupt] };
    await expect(featureScores(model, [...pairs, longer], new Map([['blocks.0.mlp_out', dictionary]]))).rejects.toThrow(
      'one length',
    );
  }));
