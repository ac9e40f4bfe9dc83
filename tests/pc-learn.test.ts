import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filigree, json, withFolder } from './command.js';

/** Images of 3 x 3 cells: one of two patterns, every seventh cell turned. */
const rows = Array.from({ length: 240 }, (_, i) =>
  Array.from({ length: 9 }, (_, v) => ((v >> (i % 2)) & 1) ^ Number((i * 9 + v) % 7 === 0)).join(','),
).join('\n');
const odd = `jpc 3
C 0 0 1 -0.7 -0.7
C 1 0 1 -0.1 -2.3
S 2 1 2 0 -0.5 1 -0.5
`;

async function withFiles(use: (at: (name: string) => string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const at = (name: string): string => join(folder, name);
    const files = { data: rows, 'odd.jpc': odd, one: '0\n1\n', high: '0\n7\n', empty: '', wide: '1,0\n' };
    for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);
    await use(at);
  });
}

interface Learned {
  train: number;
  edges: number;
}

describe('pc learn, prune and grow', () => {
  it('learn a structure, go on from it, prune and grow it', () =>
    withFiles(async (at) => {
      const out = at('a.fpc');
      const quick = ['--epochs', '8', '--batch', '60', '--seed', '1'];
      const first = await json<Learned>('pc', 'learn', at('data'), '--structure', 'quad', ...quick, '--out', out);
      expect(first.train).toBeGreaterThan(-5.5);
      const adam = ['--from', out, '--method', 'adam', '--epochs', '2'];
      expect((await json<Learned>('pc', 'learn', at('data'), ...adam)).train).toBeGreaterThan(first.train - 0.2);
      const cut = await json<Learned & { before: Learned; changed: Learned }>(
        ...['pc', 'prune', out, '--data', at('data'), '--fraction', '0.5', '--epochs', '3', '--out', at('b.fpc')],
      );
      expect(cut.before.train).toBeCloseTo(first.train, 5);
      expect(cut.before.train - cut.changed.train).toBeLessThan(0.2);
      expect(cut.edges).toBeLessThan(0.8 * first.edges);
      const grown = await json<Learned>('pc', 'grow', at('b.fpc'), '--data', at('data'), '--epochs', '3');
      expect(grown.edges).toBeGreaterThan(2 * cut.edges);
      expect(grown.train).toBeGreaterThan(cut.train - 0.1);
    }));

  it.each([
    [['learn', 'data', '--structure', 'pd', '--shape', '2x2'], '2 x 2 has 4 pixels, but there are 9 columns'],
    [['learn', 'data', '--structure', 'quad', '--shape', 'wide'], '--shape must be HEIGHTxWIDTH'],
    [['learn', 'data', '--momentum', '1'], 'momentum must be at least 0 and below 1'],
    [['learn', 'empty'], 'has no rows'],
    [
      ['prune', 'odd.jpc', '--data', 'one', '--out', 'x.jpc'],
      'weights that sum to one, but those of sum unit 2 sum to 1.21306',
    ],
    [['prune', 'odd.jpc', '--data', 'one', '--fraction', '1.5'], '--fraction must be from 0 to 1'],
    [['grow', 'odd.jpc', '--data', 'high'], 'row 2, column 1 is 7'],
    [['grow', 'odd.jpc', '--data', 'wide'], '2 columns, but the circuit has 1'],
  ])('%s: refused in one line', ([command, ...args], message) =>
    withFiles(async (at) => {
      const named = /^(data|odd\.jpc|one|high|empty|wide|x\.jpc)$/;
      const paths = args.map((arg, i) => (named.test(arg) && args[i - 1] !== '--shape' ? at(arg) : arg));
      const { code, stdout, stderr } = await filigree('pc', command, ...paths, '--quiet');
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^filigree: .*\n$/);
      expect(stderr).toContain(message);
      expect(existsSync(at('x.jpc'))).toBe(false);
    }),
  );
});
