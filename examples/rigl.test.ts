import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { root } from '../tests/command.js';

it('the example of RigL learns glyphs far above chance', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/dist/rigl.js', '1000', '4'], { cwd: root });
  const right = [...stdout.matchAll(/([\d.]+) % of unseen/g)].map(([, share]) => Number(share));
  expect(right).toHaveLength(4);
  // One in twenty is chance.
  expect(right[3]).toBeGreaterThan(20);
  expect(stdout).toMatch(/rewirings, 4 epochs/);
});
