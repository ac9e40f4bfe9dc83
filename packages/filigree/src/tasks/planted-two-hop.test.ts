import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { mul, tensor } from '../tensor/index.js';
import { plantedTwoHop } from './planted-two-hop.js';

describe('plantedTwoHop', () => {
  it('gives 4 to the capital of the state of every city, and nothing else', () => {
    const { model, stateOf } = plantedTwoHop({ decoys: 0, length: 1 });
    for (let city = 0; city < 12; city++) {
      const logits = model.run([[city]]).logits.dataSync();
      logits.forEach((logit, token) => {
        expect(logit).toBeCloseTo(token === 12 + stateOf(city) ? 4 : 0, 5);
      });
    }
    model.dispose();
  });

  it('needs of each table the rows of the city and of its state, and no others', () => {
    const { model, pairs, stateOf, features } = plantedTwoHop({ decoys: 0 });
    const [{ clean, answers }] = pairs(1, 4);
    const city = clean[clean.length - 1];
    /** The right logit without one hidden feature. */
    const without = (layer: number, feature: number): number => {
      const mask = Array.from({ length: model.config.mlpWidth }, (_, i) => Number(i !== feature));
      const edit = (site: string, value: ReturnType<typeof tensor>) =>
        site === `blocks.${layer}.mlp.post` ? mul(value, tensor(mask, [1, 1, mask.length])) : value;
      return model.run([clean], { at: [clean.length - 1], edit }).logits.dataSync()[answers[0]];
    };
    for (const row of features.m0) expect(without(0, row)).toBeCloseTo(row === city ? 0 : 4, 5);
    for (const row of features.m1) expect(without(1, row)).toBeCloseTo(row === stateOf(city) ? 0 : 4, 5);
    model.dispose();
  });

  it.each([0, 1, 2, 3])('answers right in spite of decoys: seed %i', (seed) => {
    const { model, pairs } = plantedTwoHop({ seed });
    const data = pairs(60, seed);
    const v = model.config.vocabulary;
    const values = model
      .run(
        data.map((p) => p.clean),
        { at: data.map((p) => p.clean.length - 1) },
      )
      .logits.dataSync();
    for (const [i, { answers }] of data.entries()) {
      const row = [...values.slice(v * i, v * (i + 1))];
      expect(row.indexOf(Math.max(...row))).toBe(answers[0]);
    }
    model.dispose();
  });

  it('draws pairs by the seed alone, which differ in the city and its state', () => {
    const { model, pairs, stateOf } = plantedTwoHop();
    const data = pairs(100, 5);
    expect(pairs(100, 5)).toEqual(data);
    expect(pairs(100, 6)).not.toEqual(data);
    for (const { clean, corrupt, answers, wrongs } of data) {
      expect(clean.slice(0, -1)).toEqual(corrupt.slice(0, -1));
      expect(answers).toEqual([12 + stateOf(clean[4])]);
      expect(wrongs).toEqual([12 + stateOf(corrupt[4])]);
      expect(answers).not.toEqual(wrongs);
    }
    model.dispose();
  });

  it.each([
    [{ states: 1 }, /states must be a whole number of at least 2/],
    [{ cities: 0 }, /cities/],
    [{ length: 0.5 }, /length/],
    [{ fillers: 0 }, /fillers/],
    [{ decoyDeviation: -1 }, /decoyDeviation must be a number of at least 0/],
  ])('refuses %j', (options, message) => {
    expect(() => plantedTwoHop(options)).toThrow(InputError);
    expect(() => plantedTwoHop(options)).toThrow(message);
  });
});
