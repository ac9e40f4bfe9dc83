import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { root } from '../tests/command.js';

it('a layout, an operator and a sparsifier are added in fewer than forty lines each, train, and fallbacks are counted', async () => {
  const text = readFileSync(join(root, 'examples/grouped-nm.ts'), 'utf8').split('\n');
  const lengths = ['registerSparsifier(', 'registerLayout<Grouped>(', 'registerOperator('].map((call) => {
    const start = text.findIndex((line) => line.includes(call));
    return text.slice(start).indexOf('});') + 1;
  });
  for (const length of lengths) {
    expect(length).toBeGreaterThan(3);
    expect(length).toBeLessThan(40);
  }
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/dist/grouped-nm.js'], { cwd: root });
  const [, first, last] = /^loss ([\d.]+) -> ([\d.]+)$/m.exec(stdout) ?? [];
  expect(Number(last)).toBeLessThan(0.05 * Number(first));
  expect(stdout).toContain('exact: linear(dense, grouped) 60\n');
  expect(stdout).toContain('fallbacks: linear(dense, mystery) 1\n');
});
