import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { plantedInduction } from './planted-induction.js';

describe('plantedInduction', () => {
  it('copies what followed the last token, without decoys exactly', () => {
    const { model, pairs } = plantedInduction({ beta: 40, decoys: 0 });
    for (const { clean, answers } of pairs(20, 3)) {
      const logits = [...model.run([clean], { at: [clean.length - 1] }).logits.dataSync()];
      // Positions 0 and 1 both carry the first token as the one before, so half of the attention goes to each.
      const first = clean[0] === clean[clean.length - 1];
      logits.forEach((logit, token) => {
        const share = first && (token === clean[0] || token === answers[0]) ? 0.5 : Number(token === answers[0]);
        expect(logit).toBeCloseTo(4 * share, 4);
      });
    }
    model.dispose();
  });

  it('answers right in spite of decoys, but for the first token', () => {
    const { model, pairs } = plantedInduction({ beta: 12, seed: 1 });
    const data = pairs(60, 1).filter(({ clean }) => clean[0] !== clean[clean.length - 1]);
    const { logits } = model.run(
      data.map((p) => p.clean),
      { at: data.map((p) => p.clean.length - 1) },
    );
    const values = [...logits.dataSync()];
    const right = data.filter(({ answers }, i) => {
      const row = values.slice(12 * i, 12 * (i + 1));
      return row.indexOf(Math.max(...row)) === answers[0];
    });
    expect(right.length / data.length).toBeGreaterThan(0.95);
    model.dispose();
  });

  it('draws pairs by the seed alone, whose answers follow the repeated token', () => {
    const { model, pairs } = plantedInduction();
    const data = pairs(100, 5);
    expect(pairs(100, 5)).toEqual(data);
    expect(pairs(100, 6)).not.toEqual(data);
    for (const { clean, corrupt, answers, wrongs } of data) {
      expect(answers).not.toEqual(wrongs);
      for (const [tokens, [answer]] of [
        [clean, answers],
        [corrupt, wrongs],
      ] as const) {
        expect(new Set(tokens).size).toBe(tokens.length - 1);
        expect(tokens[tokens.indexOf(tokens[tokens.length - 1]) + 1]).toBe(answer);
      }
    }
    model.dispose();
  });

  it('draws decoys by the seed, as many as asked for', () => {
    const [a, b, c] = [1, 1, 2].map((seed) => plantedInduction({ seed, decoys: 3 }).model);
    const weights = (m: typeof a): number[] => [...m.parameters.get('blocks.1.attn.q.weight')!.dataSync()];
    expect(a.config.heads).toBe(4);
    expect(weights(a)).toEqual(weights(b));
    expect(weights(a)).not.toEqual(weights(c));
    const decoys = weights(a).slice(12 * 48);
    expect(Math.sqrt(decoys.reduce((s, w) => s + w * w, 0) / decoys.length)).toBeCloseTo(0.25, 1);
    for (const model of [a, b, c]) model.dispose();
  });

  it.each([
    [{ length: 13 }, /needs a vocabulary as large/],
    [{ length: 2 }, /length must be a whole number of at least 3/],
    [{ decoys: -1 }, /decoys/],
    [{ vocabulary: 4.5 }, /vocabulary/],
    [{ beta: 0 }, /beta must be a positive number/],
  ])('refuses %j', (options, message) => {
    expect(() => plantedInduction(options)).toThrow(InputError);
    expect(() => plantedInduction(options)).toThrow(message);
  });
});
