import { describe, expect, it } from 'vitest';
import type { Transformer } from '../nn/transformer.js';
import { plantedInduction } from '../tasks/planted-induction.js';
import type { Pair } from '../tasks/task.js';
import { noGrad, Scope } from '../tensor/index.js';
import { loadFolder, projectPath, readFixturePairs, sharedModel } from '../testing/fixtures.js';
import { lensCurve, lensRows, logitLens } from './lens.js';

const fixturePairs = (name: string) => readFixturePairs(projectPath(`fixtures/expected/${name}-pairs.jsonl`));

/** The residual streams that the lens reads, and the logits, as plain numbers. */
function streams(model: Transformer, tokens: readonly number[]): { rows: number[][]; logits: number[] } {
  const sites = [...Array.from({ length: model.config.layers }, (_, l) => `blocks.${l}.resid_pre`), 'final_in'];
  const scope = new Scope();
  const run = scope.run(() => noGrad(() => model.run([tokens], { sites })));
  const found = { rows: sites.map((site) => [...run.site(site).dataSync()]), logits: [...run.logits.dataSync()] };
  scope.dispose();
  return found;
}

/** Logits of one residual vector through the final norm, in plain double arithmetic. */
function unembed(model: Transformer, x: readonly number[]): number[] {
  const { config, weights } = model;
  const mean = config.norm === 'layer' ? x.reduce((a, b) => a + b, 0) / x.length : 0;
  const centred = x.map((value) => value - mean);
  const scale = Math.sqrt(centred.reduce((a, b) => a + b * b, 0) / x.length + config.normEps);
  const gain = weights.finalNorm?.weight.dataSync();
  const bias = weights.finalNorm?.bias?.dataSync();
  const out = gain ? centred.map((value, d) => (value / scale) * gain[d] + (bias?.[d] ?? 0)) : x;
  const table = weights.unembed.dataSync();
  const cap = (logit: number): number =>
    config.logitCap === undefined ? logit : config.logitCap * Math.tanh(logit / config.logitCap);
  return Array.from({ length: config.vocabulary }, (_, v) =>
    cap(out.reduce((sum, value, d) => sum + value * table[v * x.length + d], 0)),
  );
}

describe.each(['tiny-llama', 'tiny-gpt2', 'tiny-neox', 'tiny-gemma2'])('the logit lens on %s', (name) => {
  it('is each stream through norm and unembedding, and the model itself after the last layer', async () => {
    const model = await loadFolder(projectPath(`fixtures/${name}`));
    const { clean: tokens } = fixturePairs(name)[0];
    const { width, vocabulary, layers } = model.config;
    const { rows, logits } = streams(model, tokens);
    const answer = 5;
    const lens = await logitLens(model, tokens, { top: vocabulary, answer });
    expect(lens.rows).toEqual(lensRows(model.config));
    expect(lens.cells.length).toBe(layers + 1);
    lens.cells.forEach((cells, row) => {
      cells.forEach((cell, t) => {
        const wanted = unembed(model, rows[row].slice(t * width, (t + 1) * width));
        const total = wanted.reduce((sum, logit) => sum + Math.exp(logit), 0);
        for (const token of [...cell.top, cell.answer!]) {
          expect(token.logit).toBeCloseTo(wanted[token.id], 4);
          expect(token.probability).toBeCloseTo(Math.exp(wanted[token.id]) / total, 5);
          if (row === layers) expect(token.logit).toBeCloseTo(logits[t * vocabulary + token.id], 5);
        }
        const order = cell.top.map(({ logit }) => logit);
        expect(order).toEqual([...order].sort((a, b) => b - a));
        expect(new Set(cell.top.map(({ id }) => id)).size).toBe(vocabulary);
        expect(cell.top.map(({ rank }) => rank)).toEqual(cell.top.map((_, i) => i + 1));
        expect(cell.top[cell.answer!.rank - 1].id).toBe(answer);
      });
    });
    const short = await logitLens(model, tokens, { top: 3 });
    expect(short.cells).toEqual(lens.cells.map((cells) => cells.map(({ top }) => ({ top: top.slice(0, 3) }))));
    model.dispose();
  });

  it('agrees with its curve over pairs of any length', async () => {
    const model = await loadFolder(projectPath(`fixtures/${name}`));
    const pairs = fixturePairs(name);
    const curve = await lensCurve(model, pairs, { memory: 2 ** 20 });
    const byHand = { metric: 0, answer: 0, wrong: 0, rank: 0 };
    const row = 1;
    const add = async ({ clean, answers, wrongs }: Pair): Promise<void> => {
      const of = async (id: number) =>
        (await logitLens(model, clean, { answer: id })).cells[row][clean.length - 1].answer!;
      const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
      const [right, wrong] = [await Promise.all(answers.map(of)), await Promise.all(wrongs.map(of))];
      byHand.metric += mean(right.map(({ logit }) => logit)) - mean(wrong.map(({ logit }) => logit));
      byHand.answer += right.reduce((sum, { probability }) => sum + probability, 0);
      byHand.wrong += wrong.reduce((sum, { probability }) => sum + probability, 0);
      byHand.rank += Math.min(...right.map(({ rank }) => rank));
    };
    for (const pair of pairs) await add(pair);
    for (const key of ['metric', 'answer', 'wrong', 'rank'] as const) {
      expect(curve[key][row]).toBeCloseTo(byHand[key] / pairs.length, 4);
    }
    model.dispose();
  });
});

describe('the logit lens', () => {
  it('sees the answer of the planted model after the induction head only', async () => {
    const { model, pairs } = plantedInduction({ beta: 24, decoys: 0 });
    const curve = await lensCurve(model, pairs(16, 0));
    expect(curve.metric[0]).toBeCloseTo(0, 5);
    expect(curve.metric[1]).toBeCloseTo(0, 5);
    expect(curve.metric[2]).toBeGreaterThan(2);
    model.dispose();
  });

  const folder = sharedModel('stories260K');
  it.skipIf(!folder)('sees a trained model make up its mind', async () => {
    const model = await loadFolder(folder!);
    const curve = await lensCurve(model, fixturePairs('stories260K'));
    expect(curve.rank[0]).toBeGreaterThan(20);
    expect(curve.rank.at(-1)).toBeLessThan(3);
    expect(curve.answer.at(-1)!).toBeGreaterThan(10 * curve.answer[0]);
    model.dispose();
  });
});
