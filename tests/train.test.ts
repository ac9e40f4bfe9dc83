import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filigree, json, start, withFolder } from './command.js';

const config = {
  data: { kind: 'glyphs', samples: 1200, side: 16 },
  hidden: [60, 30],
  method: { kind: 'rigl', density: 0.1, every: 5 },
  epochs: 15,
  batch: 50,
  lr: 0.1,
};

const write = (folder: string, name: string, value: unknown): string => {
  const path = join(folder, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
};

describe('filigree train --config', () => {
  it('interrupted and resumed, gives the same network to the bit; prune and info read it', async () => {
    await withFolder(async (folder) => {
      const path = write(folder, 'config.json', config);
      const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
      const record = await json<{ accuracy: number; steps: number }>('train', '--config', path, '--out', whole);
      expect(record.steps).toBe(15 * 19);
      const { child, ended } = start(['train', '--config', path, '--out', parts, '--quiet']);
      const metrics = join(parts, 'metrics.jsonl');
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        try {
          if (readFileSync(metrics, 'utf8').split('\n').length > 1) break;
        } catch {
          // Not there yet.
        }
      }
      child.kill('SIGINT');
      const { code } = await ended;
      if (code !== 0) {
        expect(code).toBe(130);
        const refused = await filigree('train', '--config', path, '--out', parts);
        expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/go on with --resume/)]);
        expect((await filigree('train', '--config', path, '--out', parts, '--resume')).code).toBe(0);
      }
      const model = (of: string) => join(of, 'model.safetensors');
      expect(readFileSync(model(parts)).equals(readFileSync(model(whole)))).toBe(true);
      const steps = readFileSync(metrics, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).step as number);
      expect(steps).toEqual(Array.from({ length: 15 }, (_, k) => 19 * (k + 1)));
      expect(record.accuracy).toBeGreaterThan(0.2);

      const info = await json<{ density: number; layers: { layout: string; macs: number }[] }>('info', model(whole));
      expect(info.density).toBeCloseTo(0.1, 3);
      expect(info.layers.map((l) => l.layout)).toEqual(['csr', 'csr', 'csr']);
      const pruned = join(folder, 'pruned.safetensors');
      const facts = await json<{ weights: number }>('prune', model(whole), '--density', '0.05', '--out', pruned);
      expect(facts.weights).toBe(888);
      expect((await filigree('info', pruned)).stdout).toMatch(/layers\.0 +60 x 256 +csr/);
      const from = write(folder, 'from.json', {
        ...config,
        epochs: 1,
        start: pruned,
        method: { kind: 'static', density: 0.02 },
      });
      const tuned = await json<{ cost: { size: number } }>('train', '--config', from, '--out', join(folder, 'tuned'));
      expect(tuned.cost.size).toBe(355);
    });
  });

  it('says in one line what is wrong', async () => {
    await withFolder(async (folder) => {
      const out = join(folder, 'out');
      const csv = write(folder, 'data.csv', '1,2,0\n3,x,1\n');
      const cases: [unknown, RegExp][] = [
        [{ ...config, method: { kind: 'rigl', density: 1.5 } }, /"method.*/],
        [{ ...config, data: { kind: 'csv', path: csv } }, /row 1, column 2.*not a number|row 2, column 2/],
        [{ ...config, lr: 1e20, epochs: 1 }, /loss is (NaN|Infinity).*at step/],
      ];
      for (const [value, message] of cases) {
        const path = write(folder, 'bad.json', value);
        const { code, stderr } = await filigree('train', '--config', path, '--out', out, '--quiet');
        expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
        expect(stderr.trim().split('\n')).toHaveLength(1);
      }
      const neither = await filigree('train', '--out', out);
      expect([neither.code, neither.stderr]).toEqual([2, expect.stringMatching(/--recipe NAME or --config FILE/)]);
      const nothing = await filigree('train', '--recipe', 'stories', '--out', out, '--resume');
      expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringMatching(/holds no checkpoint/)]);
    });
  });
});
