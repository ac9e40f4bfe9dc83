import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filigree, json, withFolder } from './command.js';

const model = 'fixtures/tiny-llama';
const pairs = 'fixtures/expected/tiny-llama-pairs.jsonl';
const task = ['--task', pairs, '--quiet'];

interface Judged {
  sizes: number[];
  metric: number[];
  edges?: number[];
  faithfulness: number[];
  random: object | null;
}
interface Found {
  level: string;
  options: { level?: string; ranking: string };
  circuit: Judged & { size: number; nodes?: Unit[]; neurons?: Unit[] };
  evaluation: Judged & { cpr: number; cmd: number };
}
interface Unit {
  node: string;
  neuron?: number;
  score: number;
}

describe('levels', () => {
  it.each([
    ['node', 11, 4],
    ['neuron', 11 * 32, 60],
  ] as const)('finds, writes and measures circuits of %ss', (level, total, size) =>
    withFolder(async (folder) => {
      const [out, scores, page] = ['x.circuit.json', 'x.json', 'x.html'].map((name) => join(folder, name));
      const files = ['--out', out, '--scores', scores, '--report', page];
      const found = await json<Found>('discover', model, ...task, '--level', level, '--size', String(size), ...files);
      expect(found).toMatchObject({ level, options: { level, ranking: 'abs' }, circuit: { size } });
      expect(found.evaluation.sizes.at(-1)).toBe(total);
      expect(found.evaluation.edges?.at(-1)).toBe(110);
      expect(found.evaluation.faithfulness.at(-1)).toBeCloseTo(1, 4);
      expect(found.circuit.random).not.toBeNull();
      const best = found.circuit[`${level}s`] ?? [];
      expect(best.length).toBe(Math.min(10, size));
      expect(best.every((unit) => (unit.neuron !== undefined) === (level === 'neuron'))).toBe(true);
      const html = readFileSync(page, 'utf8');
      for (const part of [
        `${size} of ${total} ${level}s`,
        'Where it happens',
        'What each layer would say',
        'What its heads attend to',
      ]) {
        expect(html.includes(part), part).toBe(true);
      }

      const own = await json<Judged>('evaluate', model, ...task, '--circuit', out);
      expect(own.metric[0]).toBeCloseTo(found.circuit.metric[0], 5);
      const ranked = await json<Judged>('evaluate', model, ...task, '--scores', scores, '--sizes', `${size},${total}`);
      expect(ranked.metric[0]).toBeCloseTo(found.circuit.metric[0], 5);
      // Through the format of others, and back.
      await json('convert', out, join(folder, 'x.mib.json'));
      await json('convert', join(folder, 'x.mib.json'), join(folder, 'back.circuit.json'));
      const back = await json<Judged>('evaluate', model, ...task, '--circuit', join(folder, 'back.circuit.json'));
      expect(back.metric[0]).toBeCloseTo(own.metric[0], 5);
      const known = await json<Record<string, number>>('info', out);
      expect(known[level === 'node' ? 'keptNodes' : 'keptNeurons']).toBe(size);

      if (level === 'neuron') return;
      // A circuit of nodes is also one of the edges between them.
      const asEdges = await json<Judged>('evaluate', model, ...task, '--circuit', out, '--level', 'edge');
      expect(asEdges.metric[0]).toBeCloseTo(own.metric[0], 4);
      for (const [args, message] of [
        [['--circuit', out, '--level', 'neuron'], /does not say which neurons it keeps/],
        [['--scores', scores, '--level', 'edge'], /has scores of nodes, not of edges/],
        [['--scores', scores, '--sizes', '12'], /12 is more than the 11 nodes/],
        [['--circuit', scores], /x\.json has scores, not a circuit: give it with --scores/],
        [['--scores', out], /is a circuit, not scores: give it with --circuit/],
        [['--circuit', out, '--no-prune'], /those of nodes are not pruned/],
      ] as const) {
        const { code, stderr } = await filigree('evaluate', model, ...task, ...args);
        expect(stderr).toMatch(message);
        expect(stderr.trim().split('\n').length).toBe(1);
        expect(code).toBe(2);
      }
    }),
  );

  it('ranks the most helpful first with --signed, at every level', async () => {
    for (const level of ['edge', 'neuron'] as const) {
      const args = ['discover', model, ...task, '--level', level, '--method', 'eap', '--size', '5', '--limit', '2'];
      const [signed, long] = [
        await json<Found>(...args, '--signed'),
        await json<Found>(...args, '--ranking', 'signed'),
      ];
      expect(signed.options.ranking).toBe('signed');
      expect(signed.circuit).toEqual(long.circuit);
      const scores = (signed.circuit as unknown as Record<string, Unit[]>)[`${level}s`].map(({ score }) => score);
      expect(Math.max(...scores)).toBeLessThan(0);
    }
  });

  it.each([
    ['exact', 'mean'],
    ['relp', 'zero'],
    ['clean-corrupted', 'patch'],
    ['eap-ig-activations', 'mean'],
    ['random', 'patch'],
  ])('scores nodes by %s under %s ablation', async (method, ablation) => {
    const args = ['--level', 'node', '--method', method, '--ablation', ablation, '--limit', '2', '--tau', '0.001'];
    const found = await json<Found>('discover', model, ...task, ...args);
    expect(found.circuit.size).toBeGreaterThan(0);
    expect(found.evaluation.cpr).toBeTypeOf('number');
  });

  it.each([
    [['--level', 'node', '--method', 'acdc'], /acdc finds edges; with --level node use exact/],
    [['--level', 'neuron', '--method', 'edge-pruning'], /edge-pruning finds edges; with --level neuron use exact/],
    [['--level', 'node', '--method', 'ugs'], /ugs finds edges/],
    [['--level', 'node', '--select', 'greedy'], /greedy grows along edges; with --level node use top or threshold/],
    [['--level', 'neuron', '--no-prune'], /--no-prune goes with --level edge/],
    [['--level', 'node', '--size', '12'], /--size 12 is more than the 11 nodes of tiny-llama/],
    [['--level', 'node', '--tau', '1e9'], /No node reaches --tau/],
    [['--level', 'nodes'], /Did you mean node\?/],
    [['--signed', '--ranking', 'abs'], /contradict each other/],
    [['--level', 'node', '--method', 'eap-ig', '--ablation', 'mean'], /use --method eap-ig-activations/],
  ])('refuses %s in one line', async (args, message) => {
    const { code, stdout, stderr } = await filigree('discover', model, '--task', pairs, '--quiet', ...args);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n').length).toBe(1);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});
