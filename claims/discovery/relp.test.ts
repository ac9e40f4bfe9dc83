import { expect, it } from 'vitest';
import type { Row } from '../claim.js';
import { relpClaim } from './relp.js';
import { circuitSizes } from './relp-circuits.js';
import { setting } from './relp-random.js';

const row = (method: string, r: number, leak: number): Row => ({
  setting: setting('large first layer'),
  method,
  figures: { r, leak },
  seed: 0,
});

const good = [
  row('AtP', 0.7, 0.5),
  row('RelP', 0.97, 1e-7),
  row('norm rule alone', 0.96, 0.3),
  row('activation rule alone', 0.72, 0.4),
  ...['AtP', 'RelP'].map((method, i) => ({
    setting: 'mix4, pronoun, nodes',
    method,
    figures: { 'r of MLPs': [0.6, 0.7][i], 'r of heads': [0.9, 0.95][i] },
    seed: 0,
  })),
  ...['AtP', 'RelP'].map((method, i) => ({
    setting: 'mix4, pronoun, sites by position',
    method,
    figures: { 'r of residual': [0.6, 0.7][i], 'r of attention': [0.9, 0.95][i] },
    seed: 0,
  })),
  ...['RelP', 'IG (10)', 'AtP'].map((method, i) => ({
    setting: 'mix4, agreement-simple, features',
    method,
    figures: {
      'backward passes': [1, 90, 1][i],
      milliseconds: [10, 300, 10][i],
      ...Object.fromEntries(circuitSizes.map((n) => [`f(${n})`, 0.8])),
    },
    seed: 0,
  })),
];

/** The rows with a method's figures changed where it has them. */
const changed = (method: string, figures: Row['figures']): Row[] =>
  good.map((r) =>
    r.method === method && Object.keys(figures).every((f) => f in r.figures)
      ? { ...r, figures: { ...r.figures, ...figures } }
      : r,
  );

it('holds when all that was asked is so', () => {
  expect(relpClaim.holds(good)).toMatchObject({ holds: true });
});

it.each([
  ['RelP is no closer than AtP', 'RelP', { r: 0.7 }],
  ['RelP is closer by too little', 'AtP', { r: 0.89, leak: 0.5 }],
  ['relevance leaks', 'RelP', { leak: 1e-4 }],
  ['relevance is conserved without the rules', 'AtP', { leak: 1e-7 }],
  ['MLPs are estimated worse', 'RelP', { 'r of MLPs': 0.5 }],
  ['heads are estimated much worse', 'RelP', { 'r of heads': 0.8 }],
  ['the residual stream is estimated worse', 'RelP', { 'r of residual': 0.5 }],
  ['attention is estimated much worse', 'RelP', { 'r of attention': 0.8 }],
  ['circuits of features are less faithful at one size', 'RelP', { 'f(50)': 0.7 }],
  ['integrated gradients take little longer', 'IG (10)', { milliseconds: 40 }],
  ['the activation rule does as much', 'activation rule alone', { r: 0.9 }],
])('does not hold when %s', (_, method, figures) => {
  const { holds, why } = relpClaim.holds(changed(method, figures));
  expect(holds).toBe(false);
  expect(why).toContain('NOT SO');
});
