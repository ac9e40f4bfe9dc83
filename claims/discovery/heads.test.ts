import { expect, it } from 'vitest';
import type { Claim, Row } from '../claim.js';
import { causalHeadGatingClaim } from './causal-head-gating.js';
import { clusteringHeadsClaim } from './clustering-heads.js';
import { largestEigenvalue } from './dense-eigenvalue.js';

const row = (setting: string, method: string, figures: Row['figures']): Row => ({ setting, method, figures, seed: 0 });

const gates = {
  'G+ of saboteur': 0,
  'G- of previous token': 1,
  'G- of copies': 1,
  'least G- of copies': 0.95,
  'largest other G-': 0,
  'NLL of model': 0.06,
  'NLL of G+': 0.01,
  'NLL of G-': 0.01,
  'NLL of hard G-': 0.01,
  'heads of hard G-': 3,
  'NLL of best set of that size': 0,
};
const removals = (nll: number): Row['figures'] => ({
  'NLL without 1': nll,
  'NLL without 2': nll,
  'NLL without 4': nll,
});
const gating = [
  ...['planted, scale 4', 'planted, scale 12'].map((setting) => row(setting, 'causal head gating', gates)),
  row('planted, scale 12', 'knock-out of a copy', { 'largest rise of NLL': 0.004 }),
  row('stories', 'hard G-', { 'heads kept': 5, 'NLL kept': 0.3, 'NLL of model': 0.2, 'NLL of random heads': 2 }),
  ...['facilitation', 'gradient importance', 'knock-out', 'random'].map((method, i) =>
    row('stories', method, removals([3, 2, 4, 1][i])),
  ),
];

const epochs = 'three symbols, epochs to .9';
const clustering = [
  row('parity, by hand', 'designed head', { accuracy: 1, 'within / between': 1e-12 }),
  row('parity, trained', 'success', { epochs: 150, accuracy: 1, 'within / between': 0.002 }),
  row('parity, trained', 'failure', { epochs: 150, accuracy: 0.5, 'within / between': 3 }),
  row('curvature', 'power iteration', { parameters: 198, sharpness: 6, dense: 6.001 }),
  row(epochs, 'from parity', { epochs: 100, 'best accuracy': 0.9 }),
  row(epochs, 'from scratch', { epochs: 300, 'best accuracy': 0.9 }),
];

/** The rows with a method's figures changed. */
const changed = (rows: readonly Row[], method: string, figures: Row['figures']): Row[] =>
  rows.map((r) => (r.method === method ? { ...r, figures: { ...r.figures, ...figures } } : r));

it.each([
  [causalHeadGatingClaim, gating],
  [clusteringHeadsClaim, clustering],
] as const)('holds when all that was asked is so', (claim, rows) => {
  expect(claim.holds(rows)).toMatchObject({ holds: true });
});

it.each<[string, Claim, Row[], string, Row['figures']]>([
  ['the saboteur stays', causalHeadGatingClaim, gating, 'causal head gating', { 'G+ of saboteur': 0.9 }],
  ['a needed head goes', causalHeadGatingClaim, gating, 'causal head gating', { 'G- of previous token': 0.4 }],
  ['both copies are kept', causalHeadGatingClaim, gating, 'causal head gating', { 'G- of copies': 1.9 }],
  ['gates make the model worse', causalHeadGatingClaim, gating, 'causal head gating', { 'NLL of G-': 0.07 }],
  ['another set is better', causalHeadGatingClaim, gating, 'causal head gating', { 'NLL of hard G-': 0.06 }],
  ['knock-outs see a copy', causalHeadGatingClaim, gating, 'knock-out of a copy', { 'largest rise of NLL': 0.1 }],
  ['what is kept does not suffice', causalHeadGatingClaim, gating, 'hard G-', { 'NLL kept': 3 }],
  ['gradients rank better', causalHeadGatingClaim, gating, 'gradient importance', removals(3.5)],
  ['chance ranks better', causalHeadGatingClaim, gating, 'random', removals(3.5)],
  ['the design errs', clusteringHeadsClaim, clustering, 'designed head', { accuracy: 0.999 }],
  ['the design does not cluster', clusteringHeadsClaim, clustering, 'designed head', { 'within / between': 1e-5 }],
  ['no seed learns', clusteringHeadsClaim, clustering, 'success', { accuracy: 0.9 }],
  ['a success does not cluster', clusteringHeadsClaim, clustering, 'success', { 'within / between': 0.02 }],
  ['a failure clusters', clusteringHeadsClaim, clustering, 'failure', { 'within / between': 0.05 }],
  ['the eigenvalue is off', clusteringHeadsClaim, clustering, 'power iteration', { sharpness: 6.1 }],
  ['fine-tuning does not help', clusteringHeadsClaim, clustering, 'from parity', { epochs: 300 }],
])('does not hold when %s', (_, claim, rows, method, figures) => {
  const { holds, why } = claim.holds(changed(rows, method, figures));
  expect(holds).toBe(false);
  expect(why).toContain('NOT SO');
});

it('the dense judge finds the largest eigenvalue', () => {
  // Of the path on n vertices, the largest is 2 cos(pi / (n + 1)).
  const n = 12;
  const path = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(Math.abs(i - j) === 1)));
  expect(largestEigenvalue(path)).toBeCloseTo(2 * Math.cos(Math.PI / (n + 1)), 10);
  expect(
    largestEigenvalue([
      [-2, 0],
      [0, -1],
    ]),
  ).toBe(-1);
});
