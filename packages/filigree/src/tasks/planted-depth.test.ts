import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { plantedDepth } from './planted-depth.js';

/** Depth after each token of a prompt. */
function depths(tokens: readonly number[]): number[] {
  let depth = 0;
  return tokens.map((token) => {
    depth += token === 0 ? 1 : token === 1 ? -1 : 0;
    return depth;
  });
}

describe('plantedDepth', () => {
  it('gives 4 to `]]` two deep, nothing one deep, and always 2 to `]`', () => {
    const { model, pairs } = plantedDepth({ decoys: 0 });
    for (const { clean, corrupt } of pairs(20, 3)) {
      for (const tokens of [clean, corrupt]) {
        const deep = depths(tokens)[tokens.length - 1] === 2;
        const logits = model.run([tokens], { at: [tokens.length - 1] }).logits.dataSync();
        logits.forEach((logit, token) => {
          expect(logit).toBeCloseTo(token === 2 ? (deep ? 4 : 0) : token === 1 ? 2 : 0, 4);
        });
      }
    }
    model.dispose();
  });

  it.each([0, 1, 2, 3])('answers right in spite of decoys: seed %i', (seed) => {
    const { model, pairs } = plantedDepth({ seed });
    const data = pairs(60, seed);
    const values = model
      .run(
        data.map((p) => p.clean),
        { at: data.map((p) => p.clean.length - 1) },
      )
      .logits.dataSync();
    const v = model.config.vocabulary;
    const right = data.filter(({ answers, wrongs }, i) => values[v * i + answers[0]] > values[v * i + wrongs[0]]);
    expect(right.length / data.length).toBeGreaterThan(0.95);
    model.dispose();
  });

  it('draws pairs by the seed alone: either one is deeper, by the one token that differs', () => {
    const { model, pairs } = plantedDepth({ length: 9 });
    const data = pairs(200, 5);
    expect(pairs(200, 5)).toEqual(data);
    expect(pairs(200, 6)).not.toEqual(data);
    let deeper = 0;
    let closing = 0;
    for (const { clean, corrupt, answers, wrongs } of data) {
      expect(clean.length).toBe(9);
      expect(clean.filter((t, i) => t !== corrupt[i]).length).toBe(1);
      expect(clean[8]).toBe(corrupt[8]);
      for (const [tokens, [answer]] of [
        [clean, answers],
        [corrupt, wrongs],
      ] as const) {
        const after = depths(tokens);
        expect(Math.min(...after)).toBeGreaterThanOrEqual(1);
        expect(answer).toBe(after[8]);
        expect(tokens).not.toContain(2);
      }
      if (answers[0] === 2) deeper++;
      if (clean.includes(1)) closing++;
    }
    expect(deeper / data.length).toBeGreaterThan(0.4);
    expect(deeper / data.length).toBeLessThan(0.6);
    expect(closing).toBeGreaterThan(20);
    model.dispose();
  });

  it.each([
    [{ length: 3 }, /length must be a whole number of at least 4/],
    [{ fillers: 0 }, /fillers/],
    [{ decoys: -1 }, /decoys/],
    [{ decoyScale: Number.POSITIVE_INFINITY }, /decoyScale/],
  ])('refuses %j', (options, message) => {
    expect(() => plantedDepth(options)).toThrow(InputError);
    expect(() => plantedDepth(options)).toThrow(message);
  });
});
