import { describe, expect, it } from 'vitest';
import type { Claim, Row } from '../claim.js';
import { atlasClaim } from './atlas.js';
import { compressionClaim } from './compression.js';
import { tdiClaim } from './tdi.js';

const row = (setting: string, method: string, figures: Row['figures'], baseline = false): Row => ({
  setting,
  method,
  figures,
  seed: 0,
  baseline,
});

const good: [Claim, Row[]][] = [
  [
    atlasClaim,
    [
      row('entropy', 'with its conditions', { 'largest error': 1e-12, 'wrongly refused': 0, 'wrongly accepted': 0 }),
      row('entropy', 'forced without them', { 'share wrong': 0.95 }, true),
    ],
  ],
  [
    tdiClaim,
    [
      row('every mask of 8 edges', 'full covariance', { error: 1e-14 }),
      row('tree', '200000 masks', { deviation: 0.88, error: 0.001 }, true),
      row('tree', 'full covariance', { deviation: 0.881 }),
      row('tree', 'diagonal only', { deviation: 0.6 }, true),
      row('signs, noise', 'TDI deviation', { AUROC: 0.9 }),
      row('signs, noise', 'largest probability', { AUROC: 0.8 }, true),
      row('signs, noise', 'TDI entropy', { AUROC: 0.9 }),
      row('signs, noise', 'entropy without dropout', { AUROC: 0.8 }, true),
      ...[0, 15, 30, 45, 60].map((turn) =>
        row(`signs, turned by ${turn}`, 'TDI deviation', { deviation: 0.1 + turn / 100, accuracy: 1 }),
      ),
    ],
  ],
  [
    compressionClaim,
    [
      row('signs, 1000 rows', 'circuit', {
        'bits a pixel': 1,
        'code bits': 10_000,
        'ideal bits': 9_990,
        'came back': 1,
      }),
      row('signs, 1000 rows', 'xz -9e', { 'bits a pixel': 1.3 }, true),
      row('signs, 1000 rows', 'every unit at every step', { 'same bytes': 1, 'times the units': 12 }, true),
      row('stripes', 'circuit', { 'came back': 1 }),
    ],
  ],
];

it.each(good.map(([claim, rows]) => [claim.slug, claim, rows] as const))(
  '%s holds when all that was asked is so',
  (_, claim, rows) => {
    expect(claim.holds(rows)).toMatchObject({ holds: true });
  },
);

describe('does not hold', () => {
  it.each<[slug: string, when: string, place: number, figures: Row['figures']]>([
    ['atlas', 'a query is off', 0, { 'largest error': 1e-6 }],
    ['atlas', 'a good circuit is refused', 0, { 'wrongly refused': 1 }],
    ['atlas', 'a bad circuit is accepted', 0, { 'wrongly accepted': 1 }],
    ['atlas', 'forcing does no harm', 1, { 'share wrong': 0.5 }],
    ['tdi', 'the closed form is off', 0, { error: 1e-6 }],
    ['tdi', 'masks say otherwise', 2, { deviation: 0.86 }],
    ['tdi', 'covariances make no difference', 3, { deviation: 0.85 }],
    ['tdi', 'the largest probability tells more', 4, { AUROC: 0.7 }],
    ['tdi', 'dropout adds nothing to entropy', 6, { AUROC: 0.7 }],
    ['tdi', 'deviation falls as pictures turn', 10, { deviation: 0.2 }],
    ['compression', 'a file does not come back', 3, { 'came back': 0.8 }],
    ['compression', 'codes are long', 0, { 'code bits': 11_000 }],
    ['compression', 'the short way differs', 2, { 'same bytes': 0 }],
    ['compression', 'little is saved', 2, { 'times the units': 3 }],
    ['compression', 'a general compressor is as good', 1, { 'bits a pixel': 1.1 }],
  ])('%s when %s', (slug, _, place, figures) => {
    const [claim, rows] = good.find(([c]) => c.slug === slug)!;
    const changed = rows.map((r, i) => (i === place ? { ...r, figures: { ...r.figures, ...figures } } : r));
    const { holds, why } = claim.holds(changed);
    expect(holds).toBe(false);
    expect(why).toContain('NOT SO');
  });
});
