import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filigree, json, root, withFolder } from './command.js';

const model = 'fixtures/tiny-llama';
const pairs = 'fixtures/expected/tiny-llama-pairs.jsonl';
const ids = '1,5,9,5,9';
const shipped = existsSync(join(root, 'models/mix4')) ? 'models/mix4' : undefined;

interface Patched {
  metric: { name: string; clean: number; corrupt: number };
  direction: string;
  pairs: number;
  positions: { clean: { id: number }[]; differs: boolean }[];
  maps: { site: string; axes: string[]; effects: number[][] }[];
}

interface Looked {
  tokens: { id: number; text: string | null }[];
  answer: { id: number };
  lens: { rows: string[]; cells: { top: { id: number; logit: number }[]; answer: { logit: number } }[][] };
  curve: { logitDiff: number[] };
  direct: {
    total: number;
    embed: number;
    normBias: number;
    attention: number[];
    mlp: number[];
    heads: number[][];
    neurons: object[];
  };
}

interface Attended {
  uniform: Record<string, number>;
  heads: { head: string; scores: Record<string, number>; pattern: number[][] }[];
}

const isPng = (path: string): boolean => readFileSync(path).subarray(1, 4).toString() === 'PNG';

describe('patch', () => {
  it('gives maps by site, layer and position or head', async () => {
    const { code, stdout, stderr } = await filigree('patch', model, '--task', pairs, '--json');
    expect(code, stderr).toBe(0);
    const found = JSON.parse(stdout) as Patched;
    expect(stderr).toMatch(/one length: the \d+ of \d+ tokens are used, of 6 pairs/);
    const length = found.positions.length;
    expect(found.maps.map(({ site, axes, effects }) => [site, axes, effects.length, effects[0].length])).toEqual([
      ['resid_pre', ['layer', 'position'], 2, length],
      ['attn_out', ['layer', 'position'], 2, length],
      ['mlp_out', ['layer', 'position'], 2, length],
      ['z', ['layer', 'head'], 2, 4],
    ]);
    found.positions.forEach(({ differs }, t) => {
      if (!differs) expect(found.maps[0].effects[0][t]).toBeCloseTo(0, 4);
    });
  });

  it('patches heads over pairs of any length, both ways, and by position', async () => {
    const args = ['patch', model, '--task', pairs];
    const heads = await json<Patched>(...args, '--site', 'z,pattern', '--direction', 'denoising');
    expect(heads).toMatchObject({ direction: 'denoising', pairs: 6, positions: [] });
    const placed = await json<{ maps: { axes: string[]; effects: number[][][] }[] }>(
      ...[...args, '--site', 'q', '--by-position'],
    );
    expect(placed.maps[0].axes).toEqual(['layer', 'head', 'position']);
    expect([placed.maps[0].effects.length, placed.maps[0].effects[0].length]).toEqual([2, 4]);
  });

  it('draws, and says the strongest cells', () =>
    withFolder(async (folder) => {
      const [svg, png] = [join(folder, 'a.svg'), join(folder, 'a.png')];
      const { code, stdout, stderr } = await filigree('patch', model, '--task', pairs, '--svg', svg, '--png', png);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/z\n.*effect\n +a\d\.h\d +-?\d/);
      expect(readFileSync(svg, 'utf8').match(/class="heat"/g)).toHaveLength(4);
      expect(isPng(png)).toBe(true);
      expect(readdirSync(folder).sort()).toEqual(['a.png', 'a.svg']);
    }));

  it.skipIf(!shipped)('finds in the shipped model that a pronoun follows from the name', async () => {
    const found = await json<Patched>('patch', shipped!, '--task', 'pronoun', '--limit', '10', '--site', 'resid_pre');
    expect(found.pairs).toBe(10);
    const [first] = found.maps[0].effects;
    const same = first.filter((_, t) => !found.positions[t].differs);
    expect(Math.max(...same.map(Math.abs))).toBeLessThan(0.01);
    expect(Math.max(...first)).toBeGreaterThan(0.5);
  });
});

describe('lens', () => {
  it('ends at the logits, and its parts add up to them', async () => {
    const found = await json<Looked>('lens', model, '--ids', ids, '--top', '72');
    const { logits } = await json<{ logits: number[] }>('logits', model, '--ids', ids);
    const last = found.lens.cells.at(-1)!.at(-1)!;
    for (const { id, logit } of last.top) expect(logit).toBeCloseTo(logits[id], 4);
    expect(found.answer.id).toBe(logits.indexOf(Math.max(...logits)));
    expect(found.lens.rows).toEqual(['embed', 'blocks.0.resid_post', 'blocks.1.resid_post']);
    const { direct } = found;
    const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);
    expect(direct.total).toBeCloseTo(Math.max(...logits), 3);
    expect(direct.embed + direct.normBias + sum(direct.attention) + sum(direct.mlp)).toBeCloseTo(direct.total, 4);
    direct.heads.forEach((row, l) => {
      expect(sum(row)).toBeCloseTo(direct.attention[l], 4);
    });
  });

  it('explains one token against another, and a task', async () => {
    const { logits } = await json<{ logits: number[] }>('logits', model, '--ids', ids);
    const found = await json<Looked>('lens', model, '--ids', ids, '--answer', '7', '--wrong', '9');
    expect(found.direct.total).toBeCloseTo(logits[7] - logits[9], 4);
    const ofTask = await json<Looked & { pairs: number }>('lens', model, '--task', pairs);
    expect(ofTask.pairs).toBe(6);
    expect(ofTask.direct.total).toBeCloseTo(ofTask.curve.logitDiff.at(-1)!, 4);
  });

  it('draws, and tells it in tables', () =>
    withFolder(async (folder) => {
      const png = join(folder, 'lens.png');
      const { code, stdout, stderr } = await filigree('lens', model, '--ids', ids, '--png', png, '--theme', 'dark');
      expect(code, stderr).toBe(0);
      expect(isPng(png)).toBe(true);
      expect(stdout).toMatch(/after layer 1 +-?\d/);
    }));
});

describe('attention', () => {
  it('gives patterns and scores of the heads that are asked for', async () => {
    const all = await json<Attended>('attention', model, '--ids', ids);
    expect(all.heads.map(({ head }) => head)).toEqual([0, 1].flatMap((l) => [0, 1, 2, 3].map((h) => `a${l}.h${h}`)));
    const [one] = (await json<Attended>('attention', model, '--ids', ids, '--heads', 'a1.h2')).heads;
    expect(one).toEqual(all.heads[6]);
    one.pattern.forEach((row, t) => {
      expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      expect(row.slice(t + 1).every((weight) => weight === 0)).toBe(true);
    });
    expect(Object.keys(one.scores)).toEqual(Object.keys(all.uniform));
  });

  it('draws one matrix a head', () =>
    withFolder(async (folder) => {
      const svg = join(folder, 'heads.svg');
      const { code, stdout, stderr } = await filigree('attention', model, '--ids', ids, '--svg', svg);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/previous-token \(0\.\d\d\) +a\d\.h\d 0\.\d\d/);
      expect(readFileSync(svg, 'utf8').match(/class="panel"/g)).toHaveLength(8);
    }));
});

describe('mistakes', () => {
  it.each([
    ['patch', ['--task', pairs, '--site', 'resid_mlp'], /Did you mean resid_mid/],
    ['patch', ['--task', pairs, '--site', 'resid_pre', '--by-position'], /--by-position goes with/],
    ['patch', ['--task', pairs, '--png', 'no/such/folder/a.png'], /no folder/],
    ['lens', [], /one of --prompt TEXT, --ids LIST and --task TASK/],
    ['lens', ['--prompt', 'Once'], /no tokenizer\.json.*--ids/],
    ['lens', ['--ids', ids, '--answer', '72'], /--answer must be a whole number, from 0 to 71/],
    ['lens', ['--ids', ids, '--answer', '3', '--wrong', '3'], /the same token/],
    ['lens', ['--task', pairs, '--answer', '3'], /have their own/],
    ['lens', ['--ids', '1,99'], /Token id 99 is outside/],
    ['attention', ['--ids', ids, '--limit', '3'], /--limit goes with --task/],
    ['attention', ['--ids', ids, '--heads', 'a2.h0'], /a0\.h0 to a1\.h3/],
    ['attention', ['--ids', ids, '--length', '40'], /from 2 to 31/],
  ] as [string, string[], RegExp][])('of %s %j are told in one line', async (command, args, line) => {
    const { code, stdout, stderr } = await filigree(command, model, ...args);
    expect(stderr).toMatch(line);
    expect(stderr.trim().split('\n').length).toBe(1);
    expect([code, stdout]).toEqual([2, '']);
  });
});
