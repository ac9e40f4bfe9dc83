import { describe, expect, it } from 'vitest';
import { claims } from './registry.js';
import { runClaim } from './run.js';

describe.each(claims.map((c) => [c.slug, c] as const))('claim %s', (slug, claim) => {
  it('holds at size smoke, and reports how far it is', async () => {
    const seen: number[] = [];
    const { holds, why, rows } = await runClaim(slug, {
      size: 'smoke',
      seed: 0,
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    expect(why).not.toContain('NOT SO');
    expect(holds).toBe(true);
    expect(rows.length).toBeGreaterThan(0);
    expect(seen[seen.length - 1]).toBe(1);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });

  it('stops when asked to', async () => {
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    const run = runClaim(slug, { size: 'smoke', seed: 0, signal: controller.signal, onProgress });
    await expect(run).rejects.toThrow(/abort/);
  });

  it('does not hold without measurements', () => {
    expect(claim.holds([]).holds).toBe(false);
  });
});
