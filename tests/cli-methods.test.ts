import { readFileSync } from 'node:fs';
import { readCircuit } from 'filigree';
import { describe, expect, it } from 'vitest';
import { filigree, json, withFolder } from './command.js';

const model = 'fixtures/tiny-llama';
const pairs = 'fixtures/expected/tiny-llama-pairs.jsonl';
const on = (...more: string[]): string[] => ['discover', model, '--task', pairs, '--quiet', ...more];

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

  it.each([
    ['acdc', ['--tau', '0.001'], { tau: 0.001, objective: 'kl' }],
    ['acdc', ['--metric', 'logit-diff', '--ablation', 'mean'], { tau: 0.01, objective: 'logit-diff' }],
    ['edge-pruning', ['--size', '30', '--steps', '30'], { steps: 30, objective: 'kl' }],
    ['ugs', ['--steps', '20'], { steps: 20, objective: 'kl' }],
  ])('lets %s find its own circuit: %j', async (method, args, settings) => {
    const found = await json<Discovered & { circuit: { size: number } }>(
      ...on('--method', method, '--limit', '2', ...args),
    );
    expect(found.method).toBe(method);
    expect(found.options).toMatchObject({ ...settings, select: 'own' });
    expect(found.circuit.size).toBeGreaterThan(0);
    expect(found.circuit.size).toBeLessThan(110);
    if (args.includes('--size')) expect(found.circuit.size).toBeLessThanOrEqual(30);
  });

  it('takes the best edges of ugs where a size is asked for', async () => {
    const found = await json<Discovered & { circuit: { size: number } }>(
      ...on('--method', 'ugs', '--steps', '5', '--limit', '2', '--size', '15'),
    );
    expect(found.options).toMatchObject({ select: 'top', size: 15 });
    expect(found.circuit.size).toBe(15);
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
    [['--method', 'acdc', '--size', '20'], /leave --size out, and set --tau/],
    [['--method', 'acdc', '--select', 'top'], /leave --select out/],
    [['--method', 'acdc', '--tau', '0'], /--tau must be more than 0/],
    [['--method', 'acdc', '--steps', '3'], /--steps goes with/],
    [['--method', 'acdc', '--tau', '1e9'], /ask for more of them/],
    [['--method', 'edge-pruning', '--tau', '1'], /leave --tau out, and set --size/],
    [['--method', 'ugs', '--rule', 'mid'], /--rule goes with/],
    [['--method', 'eap-ig', '--steps', '1001'], /at most 1000/],
  ])('refuses %s in one line', async (args, message) => {
    const { code, stdout, stderr } = await filigree(...on(...args));
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n').length).toBe(1);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});
