import { describe, expect, it } from 'vitest';
import { tableOf } from '../data/index.js';
import { CircuitBuilder } from './circuit.js';
import { classPosterior } from './classes.js';
import { bernoulli, categorical, gaussian, indicator } from './inputs.js';
import { expectation, moments } from './moments.js';
import { softEvidence } from './soft-evidence.js';

/** A class of two values that decides the mean of a real variable, beside a variable that is left out. */
function mixture() {
  const build = new CircuitBuilder([2, 0]);
  const part = (k: number, mean: number) =>
    build.product([build.input(indicator(0, k)), build.input(gaussian(1, mean, 0.5))]);
  return build.finish(build.sum([part(0, -1), part(1, 2)], [0.25, 0.75]));
}

describe('real variables', () => {
  it('have the moments and classes of a mixture of two gaussians', async () => {
    const { mean, variance } = moments(mixture());
    expect(mean[1]).toBeCloseTo(0.25 * -1 + 0.75 * 2, 12);
    expect(variance[1]).toBeCloseTo(0.25 + 0.25 * 0.75 * 9, 12);
    expect(
      expectation(
        mixture(),
        new Map([
          [0, 1],
          [1, 2],
        ]),
      ),
    ).toBeCloseTo(0.75 * (4 + 0.25), 12);
    expect(moments(mixture(), new Map([[0, 1]])).variance[1]).toBeCloseTo(0.25, 12);
    const { logs, best } = await classPosterior(
      mixture(),
      tableOf([
        [0, 0.5],
        [Number.NaN, 2],
      ]),
      0,
    );
    const odds = (0.75 * Math.exp(-2 * 1.5 ** 2)) / (0.25 * Math.exp(-2 * 1.5 ** 2));
    expect(Math.exp(logs[1] - logs[0])).toBeCloseTo(odds, 9);
    expect([...best]).toEqual([1, 1]);
  });
});

describe('what makes no sense', () => {
  it('is refused in one line', async () => {
    const circuit = mixture();
    const soft =
      (variable: number, ...lambda: number[]) =>
      () =>
        softEvidence(circuit, new Map([[variable, lambda]]));
    expect(soft(1, 1)).toThrow('it is real');
    expect(soft(0, 1)).toThrow('has 1 numbers for 2 values');
    expect(soft(0, 0, 0)).toThrow('not all 0');
    expect(soft(2, 1)).toThrow('no variable 3');
    await expect(classPosterior(circuit, tableOf([[0, 0]]), 1)).rejects.toThrow('variable 2 is real');
    const build = new CircuitBuilder([2, 2]);
    const odd = build.finish(
      build.sum([build.input(bernoulli(0, 0.5)), build.input(categorical(1, [1, 1]))], [0.5, 0.5]),
    );
    expect(() => moments(odd)).toThrow('a moment needs a circuit that is smooth: sum unit 2');
    await expect(classPosterior(odd, tableOf([[0, 0]]), 1)).rejects.toThrow(
      'a class query needs a circuit that is smooth',
    );
  });
});
