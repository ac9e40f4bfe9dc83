import { describe, expect, it } from 'vitest';
import type { Claim, Row } from '../claim.js';
import { fineTuning } from './convolutions.js';
import { nervaClaim } from './nerva.js';
import { pixelflyClaim } from './pixelfly.js';
import { sparsepropClaim } from './sparseprop.js';
import { stenClaim } from './sten.js';
import { line, relativeError } from './tools.js';

const row = (setting: string, method: string, figures: Row['figures'], baseline = false): Row => ({
  setting,
  method,
  figures,
  baseline,
  seed: 0,
});

/** The rows with figures changed where setting and method contain the words. */
function changed(rows: readonly Row[], setting: string, method: string, figures: Row['figures']): Row[] {
  const hit = (r: Row) => r.setting.includes(setting) && r.method.includes(method);
  expect(rows.some(hit)).toBe(true);
  return rows.map((r) => (hit(r) ? { ...r, figures: { ...r.figures, ...figures } } : r));
}

const layer = '768 -> 3072, batch 2048, one thread';
const sparseprop = [
  row('a layer against the dense one with a mask', 'x', { forward: 1e-6, input: 1e-6, values: 1e-6 }),
  row('training at 95 %', 'sparse', { difference: 1e-6, first: 2, last: 1 }),
  row(fineTuning, 'sparse', { difference: 1e-5, first: 3, last: 1, 'ms sparse': 10, 'ms masked': 20 }),
  row(layer, 'dense', { weights: 100, forward: 100, backward: 200 }, true),
  ...[50, 70, 80, 90, 95, 98, 99].map((s) =>
    row(layer, `${s} % sparse`, { weights: 3072 * 7.68 * (100 - s), forward: 2 * (100 - s), backward: 4 * (100 - s) }),
  ),
];

const step = 'training step, 3072-1024-512-10, batch 100, density';
const nerva = [
  row('sparse and masked, the same seed', 'sparse', { density: 0.1, difference: 1e-6, first: 2, last: 1 }),
  ...[1, 0.5, 0.2, 0.1, 0.05, 0.01, 0.005, 0.001].flatMap((density) =>
    [0, 1, 2].flatMap((seed) =>
      ['sparse', 'dense with a mask'].map((method) => ({
        ...row(`${step} ${density}`, method, {
          density,
          ms: method === 'sparse' ? 100 * density : 100,
          weights: 3e6 * density,
          bytes: 8 * (3e6 * density + 1546),
          accuracy: 0.9,
        }),
        seed,
      })),
    ),
  ),
];

const sten = [
  row('a layer in every layout against the dense one', 'csr', { forward: 1e-7, input: 1e-7, values: 1e-7 }),
  row('an unknown layout', 'plain', { fallbacks: 1, error: 0 }),
  row('chunks of 1:2, 2:4 and 1:4, next to the best assignment', 'greedy', { mean: 0.995, least: 0.94 }),
  ...[1, 4].map((g) =>
    row('magnitude kept at 2:4 of a Gaussian 480 x 512, next to the best 2:4', `2:4:${g}`, {
      ...{ g, share: 0.9 + g / 100, 'chunks not legal': 0 },
    }),
  ),
  ...['dense', 'csr', 'nmg'].map((method, k) =>
    row('one product, batch 64, one thread, 3072 x 768, 2:4', method, { us: 100 - 20 * k }),
  ),
];

const block = 'a block of a transformer on source text, half of its weights, made sparse one by one';
sten.push(
  ...['dense', 'unstructured', 'nmg'].map((method) =>
    row(block, method, { accuracy: 0.7, density: 0.5, fallbacks: 0 }),
  ),
);

const left = 'what is left of |W - T|^2 / |T|^2, 256 x 256, equal parameters';
const pixelfly = [
  row('the pattern and its layer', '32 x 32', { blocks: 24, expected: 24, symmetric: 1, error: 1e-7 }),
  row('product of residual factors against the flat sum, n 64, b 4', 'flat', { slope: 2.01 }),
  ...['Hadamard', 'circulant', 'rank 4 and block-diagonal', 'rank 4', 'block-diagonal'].flatMap((name) => [
    row(`${left}: ${name}`, 'flat butterfly and low rank', { left: 0.1 }),
    row(`${left}: ${name}`, 'low rank', { left: name === 'block-diagonal' ? 0.8 : 0.3 }),
    row(`${left}: ${name}`, 'flat butterfly', { left: name === 'rank 4' ? 0.8 : 0.3 }),
  ]),
  ...['dense', 'flat butterfly and low rank', 'random blocks and low rank'].map((method) =>
    row('Mixer 128 wide on glyphs-16, a quarter of the weights over channels', method, { accuracy: 0.7 }),
  ),
  row('forward and backward of a layer 1024 x 1024, blocks of 16, stride 16, rank 32, batch 128', 'flat', {
    ...{ 'dense (ms)': 4, 'flat (ms)': 1, 'product (ms)': 4 },
  }),
];

const cases: [claim: Claim, good: Row[], what: string, setting: string, method: string, figures: Row['figures']][] = [
  [sparsepropClaim, sparseprop, 'a gradient is wrong', 'a layer', 'x', { values: 1e-2 }],
  [sparsepropClaim, sparseprop, 'training goes another way', 'training', 'sparse', { difference: 0.1 }],
  [sparsepropClaim, sparseprop, 'time does not fall', layer, '99 %', { forward: 300, backward: 300 }],
  [sparsepropClaim, sparseprop, 'dense is faster', layer, 'dense', { forward: 1, backward: 1 }],
  [sparsepropClaim, sparseprop, 'fine-tuning gains no time', 'fine-tuned', 'sparse', { 'ms sparse': 15 }],
  [sparsepropClaim, sparseprop, 'fine-tuning goes another way', 'fine-tuned', 'sparse', { difference: 0.01 }],
  [sparsepropClaim, sparseprop, 'the choice is bad', layer, '50 %', { forward: 300, backward: 300 }],
  [nervaClaim, nerva, 'losses differ', 'same seed', 'sparse', { difference: 1e-3 }],
  [nervaClaim, nerva, 'a step at 99 % takes as long', `${step} 0.01`, 'sparse', { ms: 100 }],
  [nervaClaim, nerva, 'memory is dense', `${step} 0.01`, 'sparse', { bytes: 8 * 3e6 }],
  [nervaClaim, nerva, 'accuracy is lost', `${step} 0.001`, 'sparse', { accuracy: 0.5 }],
  [stenClaim, sten, 'a layout multiplies wrongly', 'every layout', 'csr', { forward: 0.1 }],
  [stenClaim, sten, 'a fallback is silent', 'unknown', 'plain', { fallbacks: 0 }],
  [stenClaim, sten, 'assignments are bad', 'chunks of', 'greedy', { mean: 0.9 }],
  [stenClaim, sten, 'a pattern is used too often', 'Gaussian', '2:4:4', { 'chunks not legal': 1 }],
  [stenClaim, sten, 'grouped n:m is slower than dense', 'one product', 'nmg', { us: 120 }],
  [stenClaim, sten, 'grouped n:m loses more than a point', 'a block', 'nmg', { accuracy: 0.68 }],
  [stenClaim, sten, 'the block ran dense', 'a block', 'nmg', { fallbacks: 3 }],
  [pixelflyClaim, pixelfly, 'the Mixer loses accuracy', 'Mixer 128 wide', 'butterfly', { accuracy: 0.6 }],
  [pixelflyClaim, pixelfly, 'random blocks are better', 'Mixer 128 wide', 'random', { accuracy: 0.9 }],
  [pixelflyClaim, pixelfly, 'a layer is as slow as its factors', 'a layer 1024', 'flat', { 'product (ms)': 2 }],
  [pixelflyClaim, pixelfly, 'blocks are missing', 'the pattern', '32', { blocks: 23 }],
  [pixelflyClaim, pixelfly, 'the order is first', 'product of', 'flat', { slope: 1 }],
  [pixelflyClaim, pixelfly, 'the sum of both is last', `${left}: Hadamard`, 'butterfly and', { left: 0.9 }],
  [pixelflyClaim, pixelfly, 'low rank does everything', `${left}: block-diagonal`, 'low rank', { left: 0 }],
];

describe('claims of sparse layers', () => {
  it('hold when all that was asked is so', () => {
    for (const [claim, good] of cases) expect(claim.holds(good), claim.slug).toMatchObject({ holds: true });
  });

  it.each(cases)('%# do not hold when something is not', (claim, good, what, setting, method, figures) => {
    const { holds, why } = claim.holds(changed(good, setting, method, figures));
    expect(holds, what).toBe(false);
    expect(why).toContain('NOT SO');
  });

  it('measure errors and lines', () => {
    expect(relativeError([1, 2.5], [1, 2])).toBe(0.25);
    expect(relativeError([1], [1, 2])).toBe(Number.POSITIVE_INFINITY);
    expect(line([0, 1, 2], [1, 3, 5])).toMatchObject({ intercept: 1, slope: 2, r2: 1 });
  });
});
