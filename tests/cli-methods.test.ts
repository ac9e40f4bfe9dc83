import { readFileSync } from 'node:fs';
import { readCircuit } from 'filigree';
import { beforeAll, describe, expect, it } from 'vitest';
import { build, filigree, json, withFolder } from './command.js';

const model = 'fixtures/tiny-llama';
const pairs = 'fixtures/expected/tiny-llama-pairs.jsonl';
const on = (...more: string[]): string[] => ['discover', model, '--task', pairs, '--quiet', ...more];

beforeAll(build, 120_000);

interface Discovered {
  method: string;
  options: { ablation: string; select?: string };
  evaluation: { clean: number; corrupt: number; empty: number; ablation: string };
}

describe('discover', () => {
  it.each([
    ['eap-ig-activations', 'mean', 'greedy'],
    ['eap-ig-activations', 'zero', 'top'],
    ['clean-corrupted', 'patch', 'greedy-reverse'],
    ['relp', 'mean', 'greedy'],
    ['random', 'zero', 'top'],
    ['exact', 'mean', 'top'],
  ])('by %s under %s ablation, selecting %s', async (method, ablation, select) => {
    const args = ['--method', method, '--ablation', ablation, '--select', select, '--size', '20', '--limit', '2'];
    const found = await json<Discovered>(...on(...args));
    expect(found.method).toBe(method);
    expect(found.options).toMatchObject({ ablation, select });
    expect(found.evaluation.ablation).toBe(ablation);
    // Only under patch ablation is the model without any edge the model on the corrupted prompt.
    const { corrupt, empty } = found.evaluation;
    if (ablation === 'patch') expect(empty).toBeCloseTo(corrupt, 4);
    else expect(Math.abs(empty - corrupt)).toBeGreaterThan(1e-3);
  });

  it('grows a circuit of which every edge leads to the logits', () =>
    withFolder(async (folder) => {
      const out = `${folder}/x.circuit.json`;
      await json(...on('--method', 'eap', '--select', 'greedy', '--size', '12', '--no-prune', '--out', out));
      const { nodes, edges } = readCircuit(JSON.parse(readFileSync(out, 'utf8')), out);
      const kept = [...edges.source.keys()]
        .filter((i) => edges.kept[i])
        .map((i) => ({ from: nodes.id[edges.source[i]], to: nodes.id[edges.target[i]] }));
      expect(kept.length).toBe(12);
      const leading = new Set(['logits']);
      for (let before = 0; before !== leading.size; ) {
        before = leading.size;
        for (const { from, to } of kept) if (leading.has(to)) leading.add(from);
      }
      for (const { to } of kept) expect(leading).toContain(to);
    }));

  it.each([
    [['--method', 'eap-ig', '--ablation', 'mean'], /use --method eap-ig-activations/],
    [['--method', 'clean-corrupted', '--ablation', 'zero'], /use --method eap-ig-activations/],
    [['--method', 'relp', '--metric', 'kl'], /use --method eap-ig with more --steps/],
    [['--method', 'eap', '--ablation', 'mean-positional'], /use mean instead/],
    [['--method', 'relp', '--steps', '3'], /--steps goes with --method eap-ig/],
    [['--select', 'greedy', '--tau', '1'], /--tau goes with --select threshold/],
    [['--ablation', 'meen'], /Did you mean mean\?/],
  ])('refuses %s in one line', async (args, message) => {
    const { code, stdout, stderr } = await filigree(...on(...args));
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n').length).toBe(1);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});
