import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filigree, json, withFolder } from './command.js';

interface Curves {
  tasks: { task: string; cells: { method: string; faithfulness: number[]; cmd: number }[] }[];
}

it('compares methods on a task, and goes on from what was measured', () =>
  withFolder(async (folder) => {
    const out = join(folder, 'm.md');
    const small = [
      'curves',
      'models/mix4',
      '--tasks',
      'pronoun',
      '--seeds',
      '1',
      '--limit',
      '4',
      '--out',
      out,
      '--quiet',
    ];
    await json('curves', ...small.slice(1), '--methods', 'eap');
    const store = join(folder, 'm.json');
    // A figure that no measurement gives: it stays, so the cell was not measured again.
    writeFileSync(store, readFileSync(store, 'utf8').replace(/"cmd":[^,}]*/, '"cmd":0.125'));
    const { tasks } = await json<Curves>('curves', ...small.slice(1), '--methods', 'eap,random');
    const cells = new Map(tasks[0].cells.map((cell) => [cell.method, cell]));
    expect([...cells.keys()]).toEqual(['eap', 'random']);
    expect(cells.get('eap')?.cmd).toBe(0.125);
    expect(cells.get('eap')?.faithfulness.at(-1)).toBeCloseTo(1, 4);
    const page = readFileSync(out, 'utf8');
    expect(page).toContain('(m-pronoun.svg)');
    expect(page).toMatch(/\| eap \| .*\n\| random \| /);
    expect(page).toContain(
      '    filigree curves models/mix4 --tasks pronoun --methods eap,random --seeds 1 --limit 4 --out m.md',
    );
    expect(readFileSync(join(folder, 'm-pronoun.svg'), 'utf8')).toMatch(/^<svg [\s\S]*>random<\/text>/);
  }));

it('says in one line what is wrong, and writes nothing', () =>
  withFolder(async (folder) => {
    const out = join(folder, 'm.md');
    writeFileSync(join(folder, 'other.json'), '{"a":1}');
    for (const [args, message] of [
      [['--tasks', 'pronuon', '--out', out], /Did you mean .?pronoun/],
      [['--methods', 'eap,eep', '--out', out], /--methods cannot be "eep"/],
      [['--out', join(folder, 'm.txt')], /must end in \.md/],
      [['--out', join(folder, 'no', 'm.md')], /there is no folder/],
      [['--out', out, '--results', join(folder, 'other.json')], /holds no curves/],
      [['--out', out, '--seeds', '0'], /--seeds must be/],
    ] as const) {
      const { code, stdout, stderr } = await filigree('curves', 'models/mix4', '--quiet', ...args);
      expect(stderr).toMatch(message);
      expect(stderr.trim().split('\n').length).toBe(1);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    }
    expect(existsSync(out)).toBe(false);
  }));
