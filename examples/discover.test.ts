import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { root } from '../tests/command.js';

const shared = process.env['FILIGREE_SHARED'] ?? join(root, '../shared');
const model = [join(root, 'models/mix4'), join(shared, 'models/stories260K')].find(existsSync);
if (!model) console.warn(`skipped: there is no model in models/ and none in ${shared}`);

it.skipIf(!model)('the example finds a circuit that carries most of the behaviour', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/dist/discover.js', model!], { cwd: root });
  const lines = [...stdout.matchAll(/^(\d+) of (\d+) edges: (-?[\d.]+) faithful$/gm)];
  expect(lines.map(([, size]) => size)).toEqual(['10', '20', '50']);
  expect(Number(lines[2][3])).toBeGreaterThan(0.75);
});
