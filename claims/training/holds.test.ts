import { describe, expect, it } from 'vitest';
import type { Claim, Row } from '../claim.js';
import { bdwpClaim } from './bdwp.js';
import { dstEeClaim } from './dst-ee.js';
import { quickSelectionClaim } from './quickselection.js';
import { randStartSparseClaim } from './rand-start-sparse.js';
import { randomPruningClaim } from './random-pruning.js';
import { setClaim } from './set.js';
import { sketchingPaiClaim } from './sketching-pai.js';
import { srSteClaim } from './sr-ste.js';
import { sriglClaim } from './srigl.js';

type Figures = Row['figures'];

const rows = (setting: string, methods: Readonly<Record<string, Figures>>, seeds = 3): Row[] =>
  Object.entries(methods).flatMap(([method, figures]) =>
    Array.from({ length: seeds }, (_, seed) => ({ setting, method, figures, seed })),
  );
const accuracies = (setting: string, of: Readonly<Record<string, number>>, seeds = 3): Row[] =>
  rows(setting, Object.fromEntries(Object.entries(of).map(([m, accuracy]) => [m, { accuracy }])), seeds);

/** Rows with figures of one method changed where it has them. */
const changed = (all: readonly Row[], method: string, figures: Figures): Row[] =>
  all.map((r) =>
    r.method === method && Object.keys(figures).every((f) => f in r.figures)
      ? { ...r, figures: { ...r.figures, ...figures } }
      : r,
  );

interface Case {
  readonly claim: Claim;
  readonly good: readonly Row[];
  /** Changes of one method each that must make it fail. */
  readonly bad: readonly (readonly [method: string, figures: Figures])[];
}

const fans = { 'unequal fan-in': 0 };
const flip = (accuracy: number, share: number): Figures => ({ accuracy, 'SAD in 20 updates': share });
const parity = (solved: number): Figures => ({ solved, accuracy: 0.5 + solved / 2 });

const cases: readonly Case[] = [
  {
    claim: sriglClaim,
    good: rows('glyphs-28, 512-512', {
      'rigl 0.1': { accuracy: 0.8, 'empty neurons': 1 },
      'srigl 0.1': { accuracy: 0.795, 'empty neurons': 5, ...fans },
      'srigl 0.1 ablation 0.75': { accuracy: 0.75, 'empty neurons': 5, ...fans },
      'rigl 0.01': { accuracy: 0.6, 'empty neurons': 9 },
      'srigl 0.01': { accuracy: 0.61, 'empty neurons': 90, ...fans },
      'srigl 0.01 ablation 0': { accuracy: 0.58, 'empty neurons': 0, ...fans },
    }),
    bad: [
      ['srigl 0.1', { accuracy: 0.78 }],
      ['srigl 0.01 ablation 0', { accuracy: 0.62 }],
      ['rigl 0.01', { 'empty neurons': 0 }],
      ['srigl 0.1', { 'unequal fan-in': 1 }],
    ],
  },
  {
    claim: dstEeClaim,
    good: [
      ...rows('coverage, glyphs-16', {
        'c = 0': { coverage: 0.1 },
        'c = 0.0001': { coverage: 0.2 },
        'c = 0.001': { coverage: 0.3 },
        'c = 0.01': { coverage: 0.3 },
        'c = 1': { coverage: 0.4 },
      }),
      ...rows(
        'parity of 3 of 30 inputs',
        { static: parity(0), SET: parity(0), RigL: parity(0.2), 'DST-EE': parity(0.4) },
        10,
      ),
      ...accuracies('glyphs-28', {
        'static 0.05': 0.7,
        'rigl 0.05': 0.75,
        'dst-ee 0.05': 0.749,
        'static 0.02': 0.6,
        'rigl 0.02': 0.65,
        'dst-ee 0.02': 0.66,
      }),
    ],
    bad: [
      ['c = 1', { coverage: 0.2 }],
      ['DST-EE', { solved: 0.1 }],
      ['dst-ee 0.05', { accuracy: 0.74 }],
      ['static 0.02', { accuracy: 0.7 }],
    ],
  },
  {
    claim: srSteClaim,
    good: [
      ...[-0.1, 0, 0.05, 0.2, 1].flatMap((pull, k) =>
        rows('quadratics in R^4', {
          [`decay ${pull}`]: { 'best support found': [0.2, 0.4, 0.6, 0.7, 0.65][k], 'mask changes': 100 - k },
        }),
      ),
      ...rows('glyphs-28, 300-100', {
        'ste 2:4': flip(0.8, 0.05),
        'sr-ste 2:4': flip(0.81, 0.01),
        'ste 1:16': flip(0.7, 0.05),
        'sr-ste 1:16': flip(0.72, 0.01),
      }),
      ...rows('glyphs-16, convolutions 16-32-64', { 'ste 1:16': flip(0.7, 0.05), 'sr-ste 1:16': flip(0.72, 0.01) }),
    ],
    bad: [
      ['decay 0.2', { 'best support found': 0.5 }],
      ['decay -0.1', { 'best support found': 0.5 }],
      ['decay 1', { 'mask changes': 200 }],
      ['sr-ste 2:4', { accuracy: 0.79 }],
      ['sr-ste 1:16', { accuracy: 0.705 }],
      ['sr-ste 2:4', { 'SAD in 20 updates': 0.06 }],
    ],
  },
  {
    claim: bdwpClaim,
    good: [
      ...rows('cost model', {
        BDWP: {
          'shapes with other cycles than simulated': 0,
          'largest error of the simulated product': 1e-12,
          'cycles over the best of all schedules': 1,
        },
      }),
      ...rows('first layer at the start', { 'BDWP 2:8': { 'share of a dense layer step': 0.5 } }),
      ...accuracies('glyphs-28, 512-512', {
        dense: 0.8,
        'sr-ste 2:8': 0.79,
        'bdwp 2:8': 0.79,
        'sr-ste 2:4': 0.79,
        'bdwp 2:4': 0.785,
      }),
      ...accuracies('glyphs-16, convolutions 16-32-64', { dense: 0.8, 'sr-ste 2:8': 0.79, 'bdwp 2:8': 0.79 }),
      ...rows('layer 1024 x 1024, batch 128', {
        dense: { step: 100, forward: 40 },
        '2:8': { step: 60, forward: 15 },
      }),
    ],
    bad: [
      ['BDWP', { 'shapes with other cycles than simulated': 1 }],
      ['BDWP', { 'cycles over the best of all schedules': 1.01 }],
      ['BDWP 2:8', { 'share of a dense layer step': 0.51 }],
      ['dense', { accuracy: 0.81 }],
      ['bdwp 2:4', { accuracy: 0.77 }],
      ['bdwp 2:8', { accuracy: 0.75 }],
      ['2:8', { step: 80 }],
      ['2:8', { forward: 25 }],
    ],
  },
  {
    claim: setClaim,
    good: [
      ...accuracies('glyphs-16, epsilon 8', { SET: 0.6, static: 0.59, dense: 0.7 }, 5),
      ...accuracies('glyphs-16, epsilon 4', { SET: 0.55, static: 0.53, dense: 0.7 }, 5),
      ...rows('glyphs-28 with 200 noise and 100 constant inputs', {
        SET: {
          'degree of noise inputs': 0.7,
          'degree of constant inputs': 0.7,
          'strength of noise inputs': 0.6,
          'strength of constant inputs': 0.6,
        },
      }),
      ...rows('restricted Boltzmann machine 1024-200 on turning things', {
        SET: { error: 0.008 },
        static: { error: 0.01 },
      }),
      ...rows(
        'one epoch of a hidden layer of 100,000 neurons',
        { SET: { weights: 8e5, 'MiB of the engine': 150, loss: 2.5 } },
        1,
      ),
    ],
    bad: [
      ['static', { accuracy: 0.6 }],
      ['SET', { 'degree of noise inputs': 0.9 }],
      ['SET', { 'strength of constant inputs': 0.8 }],
      ['SET', { error: 0.009 }],
      ['SET', { 'MiB of the engine': 250 }],
    ],
  },
  {
    claim: quickSelectionClaim,
    good: [
      ...rows('Madelon-like, 500 features of which 20 matter', {
        SET: { 'precision at 20': 0.8 },
        static: { 'precision at 20': 0.5 },
        variance: { 'precision at 20': 0.05 },
      }),
      ...rows(
        'glyphs-easy of 16 x 16 with 100 inputs of noise',
        {
          SET: { 'noise among the best 50': 0, accuracy: 0.9, 'with all inputs': 0.92, 'with 50 random ones': 0.7 },
        },
        5,
      ),
      ...rows(
        'a step of the autoencoder 500-1000-500, batch 100',
        { SET: { 'multiply-adds over dense': 0.04, density: 0.04, 'ms sparse': 1, 'ms masked': 10 } },
        1,
      ),
    ],
    bad: [
      ['SET', { 'noise among the best 50': 1 }],
      ['SET', { accuracy: 0.8 }],
      ['SET', { 'with 50 random ones': 0.95 }],
      ['SET', { 'ms sparse': 3 }],
      ['SET', { 'multiply-adds over dense': 0.05 }],
      ['SET', { 'precision at 20': 0.7 }],
      ['static', { 'precision at 20': 0.7 }],
      ['variance', { 'precision at 20': 0.3 }],
    ],
  },
  {
    claim: randStartSparseClaim,
    good: [
      ...rows(
        'embedding',
        { 'density 0.5, 10 copies': { found: 0.32, chance: 0.33, draws: 200, 'largest error': 1e-6 } },
        1,
      ),
      ...rows(
        'embedding, copies by the formula',
        { 'density 0.5, 16 copies': { found: 0.97, chance: 0.96, draws: 200, 'largest error': 1e-6 } },
        1,
      ),
      ...accuracies('glyphs-28, density .05 at the end', {
        'dense start': 0.8,
        'ER(0.5) start': 0.8,
        'ER(0.2) start': 0.795,
        static: 0.7,
        'static balanced': 0.75,
        'static pyramidal': 0.7,
        'static uniform': 0.72,
      }),
      ...accuracies('a quarter of untrained weights chosen on glyphs-28', { 'inside ER(0.5)': 0.45, anywhere: 0.5 }),
    ],
    bad: [
      ['density 0.5, 10 copies', { found: 0.5 }],
      ['density 0.5, 10 copies', { 'largest error': 1e-3 }],
      ['density 0.5, 16 copies', { found: 0.8 }],
      ['ER(0.2) start', { accuracy: 0.78 }],
      ['inside ER(0.5)', { accuracy: 0.4 }],
      ['static', { accuracy: 0.81 }],
      ['static balanced', { accuracy: 0.71 }],
    ],
  },
  {
    claim: randomPruningClaim,
    good: [32, 64, 128, 256, 512, 1024].flatMap((width, k) =>
      rows('glyphs-28', {
        [`dense ${width}`]: { accuracy: 0.5 + 0.05 * k, weights: 1000 * width, 'gradient norm at start': 1 },
        [`erk 0.2 ${width}`]: {
          accuracy: 0.5 + 0.05 * k - 0.03 * (1 - k / 5),
          weights: 200 * width,
          'gradient norm at start': 1,
        },
        [`erk 0.05 ${width}`]: {
          accuracy: 0.5 + 0.05 * k - 0.06 * (1 - k / 6),
          weights: 50 * width,
          'gradient norm at start': 1,
        },
        [`uniform 0.05 ${width}`]: { accuracy: 0.4 + 0.05 * k, weights: 50 * width, 'gradient norm at start': 0.9 },
      }),
    ),
    bad: [
      ['erk 0.2 1024', { accuracy: 0.72 }],
      ['dense 32', { accuracy: 0.4 }],
      ['uniform 0.05 512', { accuracy: 0.9 }],
      ['uniform 0.05 512', { 'gradient norm at start': 1.1 }],
      ['erk 0.05 512', { accuracy: 0.5 }],
    ],
  },
  {
    claim: sketchingPaiClaim,
    good: [
      ...rows(
        'sketch of a linear model',
        {
          optimal: { 'measured over formula': 1.01, 'relative error': 1 },
          '|w|': { 'measured over formula': 0.99, 'relative error': 2 },
          uniform: { 'measured over formula': 1, 'relative error': 3 },
          'error by draws': { 'slope in logarithms': -1.01 },
          'weights after training': { 'largest deviation from the formula': 0.01 },
        },
        1,
      ),
      ...rows('inputs of equal size', { 'without data / with data': { 'ratio of errors': 1.01 } }, 1),
      ...rows('inputs of unequal size', { 'without data / with data': { 'ratio of errors': 2 } }, 1),
      ...rows('conservation', { SynFlow: { 'largest relative difference': 1e-15 } }, 1),
      ...[80, 90, 95, 98, 99].flatMap((s) =>
        accuracies(`glyphs-28, ${s} %`, {
          magnitude: 0.5,
          'magnitude drawn': 0.51,
          SynFlow: 0.6,
          'SynFlow drawn': 0.61,
          SNIP: 0.7,
          'SNIP drawn': 0.69,
        }),
      ),
    ],
    bad: [
      ['optimal', { 'measured over formula': 1.05 }],
      ['optimal', { 'relative error': 2.5 }],
      ['error by draws', { 'slope in logarithms': -0.9 }],
      ['weights after training', { 'largest deviation from the formula': 0.05 }],
      ['without data / with data', { 'ratio of errors': 1.2 }],
      ['SynFlow', { 'largest relative difference': 1e-3 }],
      ['magnitude drawn', { accuracy: 0.49 }],
      ['SNIP drawn', { accuracy: 0.72 }],
    ],
  },
];

describe.each(cases.map((c) => [c.claim.slug, c] as const))('the verdict on %s', (_, { claim, good, bad }) => {
  it('holds when all that was asked is so', () => {
    expect(claim.holds(good)).toMatchObject({ holds: true });
  });

  it.each(bad)('does not hold when %s is %j', (method, figures) => {
    const { holds, why } = claim.holds(changed(good, method, figures));
    expect(holds).toBe(false);
    expect(why).toContain('NOT SO');
  });
});
