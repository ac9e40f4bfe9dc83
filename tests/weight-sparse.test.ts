import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filigree, json, withFolder } from './command.js';

const model = 'models/mix4';

interface Pruned {
  channels: number;
  circuit: { nodes: number; edges: number; reached: boolean; loss: number };
  tried: unknown[];
  baselines: Record<string, { nodes: number }>;
  checks: Record<string, Record<string, number>>;
}

describe('weight-sparse prune', () => {
  it('writes a circuit that other commands read', () =>
    withFolder(async (folder) => {
      const [text, out] = [join(folder, 'a.txt'), join(folder, 'a.circuit.json')];
      writeFileSync(text, 'Mom said, "the cat sat on the mat". The dog ran to the park. '.repeat(20));
      const args = [
        '--task',
        'quote',
        '--text',
        text,
        '--limit',
        '8',
        '--steps',
        '40',
        '--searches',
        '2',
        '--target',
        '0.5',
      ];
      const found = await json<Pruned>('weight-sparse', 'prune', model, ...args, '--out', out);
      expect(found.tried).toHaveLength(2);
      expect(found.circuit.nodes).toBeLessThanOrEqual(found.channels);
      expect(found.circuit.loss <= 0.5).toBe(found.circuit.reached);
      expect(Object.keys(found.checks)).toEqual(['full', 'heldOut', 'withoutCircuit', 'resampled', 'binarised']);
      const circuit = JSON.parse(readFileSync(out, 'utf8'));
      expect(circuit.kind).toBe('weight-sparse');
      const weights = circuit.edges.score.filter((score: number | null) => score !== null);
      // A gated MLP has two weights between the same channels, which are drawn as one.
      expect(weights.length).toBeLessThanOrEqual(found.circuit.edges);
      expect(2 * weights.length).toBeGreaterThanOrEqual(found.circuit.edges);
      expect(await json('info', out)).toMatchObject({ kept: circuit.edges.kept.length, model: 'mix4' });
      expect((await filigree('convert', out, join(folder, 'a.svg'))).code).toBe(0);
      expect(readFileSync(join(folder, 'a.svg'), 'utf8')).toContain('below 0');
    }));

  it('says in one line what it cannot do', async () => {
    for (const [args, said] of [
      [['--task', 'greater-than'], /several|fits this model/],
      [['--task', 'with_ass'], /Did you mean "with_as"/],
      [['--task', 'with_as', '--out', 'no/where.json'], /there is no folder/],
      [['--task', 'with_as', '--steps', '0'], /--steps must be a whole number/],
    ] as const) {
      const ran = await filigree('weight-sparse', 'prune', model, ...args);
      expect([ran.code, ran.stderr.trim().split('\n').length], ran.stderr).toEqual([2, 1]);
      expect(ran.stderr).toMatch(said);
    }
  });
});
