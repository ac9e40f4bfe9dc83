import { describe, expect, it } from 'vitest';
import type { Row } from '../claim.js';
import { eapIgClaim } from './eap-ig.js';

const planted = (beta: number, method: string, figures: Row['figures']): Row => ({
  setting: `planted, beta ${beta}`,
  method,
  figures,
  seed: 0,
});

/** Rows as they come out when the claim holds. */
const good: Row[] = [
  planted(12, 'EAP', { AUC: 0.85, 'axiom error': 0.5, 'true of 5': 2 }),
  planted(12, 'EAP-IG (5)', { AUC: 1, 'axiom error': 0.02, 'true of 5': 5 }),
  planted(12, 'EAP-IG (20)', { AUC: 1, 'axiom error': 0.001, 'true of 5': 5 }),
  planted(12, 'all edges cut', { error: 1e-6 }),
  planted(3, 'EAP', { AUC: 1, 'true of 5': 5 }),
  planted(3, 'EAP-IG (5)', { AUC: 1, 'true of 5': 5 }),
  ...['EAP', 'EAP-IG (5)', 'random'].map((method, i) => ({
    setting: 'mix4, quote',
    method,
    figures: { CMD: [0.2, 0.1, 0.8][i] },
    seed: 0,
  })),
  ...['EAP', 'EAP-IG (5)', 'random'].map((method, i) => ({
    setting: 'mix4, pronoun',
    method,
    figures: { CMD: [0.2, 0.1, 0.8][i], ...(i < 2 ? { r: [0.9, 0.995][i] } : {}) },
    seed: 0,
  })),
  ...['pronoun', 'quote'].flatMap((task) =>
    ['its own', 'circuit of another'].map((method, i) => ({
      setting: `mix4, ${task}, through circuits`,
      method,
      figures: { f: [0.9, 0.2][i] },
      seed: 0,
    })),
  ),
  ...['true edges swapped', 'other edges swapped'].map((method, i) => ({
    setting: 'planted, circuits of equal size',
    method,
    figures: { IoU: 0.85, 'node recall': 1, 'change of f': i === 0 ? -1 : 0 },
    seed: 0,
  })),
];

/** The rows with one figure changed. */
const changed = (setting: string, method: string, figures: Row['figures']): Row[] =>
  good.map((r) => (r.setting === setting && r.method === method ? { ...r, figures: { ...r.figures, ...figures } } : r));

describe('the claim of EAP-IG', () => {
  it('holds when all that was asked is so', () => {
    const { holds, why } = eapIgClaim.holds(good);
    expect(why).not.toContain('NOT SO');
    expect(holds).toBe(true);
  });

  it.each([
    ['planted, beta 12', 'EAP-IG (5)', { AUC: 0.97 }, 'AUC'],
    ['planted, beta 12', 'EAP', { AUC: 0.91 }, 'below .9'],
    ['planted, beta 12', 'EAP-IG (20)', { 'axiom error': 0.02 }, 'axiom'],
    ['planted, beta 12', 'all edges cut', { error: 0.1 }, 'corrupted run'],
    ['planted, beta 3', 'EAP', { 'true of 5': 4 }, 'beta 3'],
    ['mix4, quote', 'EAP', { CMD: 0.05 }, 'two thirds'],
    ['mix4, quote', 'random', { CMD: 0.15 }, 'least faithful'],
    ['mix4, pronoun', 'EAP-IG (5)', { r: 0.98 }, 'patching every edge'],
    ['mix4, quote, through circuits', 'circuit of another', { f: 0.96 }, 'own is the most faithful'],
    ['planted, circuits of equal size', 'true edges swapped', { 'change of f': 0.1 }, 'differ in f'],
    ['planted, circuits of equal size', 'other edges swapped', { 'change of f': 0.5 }, 'differ in f'],
  ])('does not hold when in "%s" %s has %j', (setting, method, figures, about) => {
    const { holds, why } = eapIgClaim.holds(changed(setting, method, figures as Row['figures']));
    expect(holds).toBe(false);
    expect(why.split('; ')[0]).toMatch(/^NOT SO/);
    expect(why.split('; ')[0]).toContain(about);
  });

  it('says in full size that the model is not here', async () => {
    const rows = await eapIgClaim.measure({ size: 'full', seed: 0, openModel: async () => undefined });
    const notes = rows.flatMap((r) => r.note ?? []);
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes) expect(note).toContain("'mix4' is not here");
    expect(eapIgClaim.holds(rows).holds).toBe(true);
  });
});
