import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { plantedIoi } from './planted-ioi.js';

describe('plantedIoi', () => {
  it('gives all its logits to the name that came once, and shares them among three names in the corrupted prompt', () => {
    const { model, pairs } = plantedIoi({ beta: 40, decoys: 0 });
    for (const { clean, corrupt, answers, wrongs } of pairs(12, 3)) {
      const last = (tokens: readonly number[]): number[] => [
        ...model.run([tokens], { at: [tokens.length - 1] }).logits.dataSync(),
      ];
      last(clean).forEach((logit, token) => {
        expect(logit).toBeCloseTo(token === answers[0] ? 4 : 0, 3);
      });
      const names = [answers[0], wrongs[0], corrupt[8]];
      last(corrupt).forEach((logit, token) => {
        expect(logit).toBeCloseTo(names.includes(token) ? 4 / 3 : 0, 3);
      });
    }
    model.dispose();
  });

  it.each([0, 1, 2, 3])('answers right in spite of decoys: seed %i', (seed) => {
    const { model, pairs } = plantedIoi({ seed });
    const data = pairs(60, seed);
    const values = model
      .run(
        data.map((p) => p.clean),
        { at: data.map((p) => p.clean.length - 1) },
      )
      .logits.dataSync();
    const v = model.config.vocabulary;
    const right = data.filter(({ answers }, i) => {
      const row = [...values.slice(v * i, v * (i + 1))];
      return row.indexOf(Math.max(...row)) === answers[0];
    });
    expect(right.length / data.length).toBeGreaterThan(0.95);
    model.dispose();
  });

  it('draws pairs by the seed alone, with the names in either order and one token changed', () => {
    const { model, pairs } = plantedIoi();
    const data = pairs(200, 5);
    expect(pairs(200, 5)).toEqual(data);
    expect(pairs(200, 6)).not.toEqual(data);
    let first = 0;
    for (const { clean, corrupt, answers, wrongs } of data) {
      expect(clean.filter((t) => t === wrongs[0]).length).toBe(2);
      expect(clean.filter((t) => t === answers[0]).length).toBe(1);
      expect(new Set(clean).size).toBe(clean.length - 1);
      expect(new Set(corrupt).size).toBe(corrupt.length);
      expect(clean.filter((t, i) => t !== corrupt[i]).length).toBe(1);
      if (clean[2] === answers[0]) first++;
    }
    expect(first / data.length).toBeGreaterThan(0.4);
    expect(first / data.length).toBeLessThan(0.6);
    model.dispose();
  });

  it.each([
    [{ names: 2 }, /names must be a whole number of at least 3/],
    [{ things: 0 }, /things/],
    [{ decoys: 0.5 }, /decoys/],
    [{ decoyScale: -1 }, /decoyScale/],
    [{ beta: Number.NaN }, /beta must be a positive number/],
  ])('refuses %j', (options, message) => {
    expect(() => plantedIoi(options)).toThrow(InputError);
    expect(() => plantedIoi(options)).toThrow(message);
  });
});
