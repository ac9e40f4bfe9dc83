import { describe, expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import { CircuitBuilder } from './circuit.js';
import {
  drawInput,
  inputEntropy,
  inputLog,
  inputMass,
  inputMode,
  inputMoment,
  type VariableInput,
} from './input-queries.js';
import { bernoulli, binomial, categorical, gaussian, indicator, logistic } from './inputs.js';

const finite: [name: string, unit: VariableInput, states: number][] = [
  ['categorical', categorical(0, [0.5, 0.2, 0, 0.8]) as VariableInput, 4],
  ['bernoulli', bernoulli(0, 0.3) as VariableInput, 2],
  ['indicator', indicator(0, 2) as VariableInput, 4],
  ['binomial', binomial(0, 6, 0.35) as VariableInput, 7],
  ['logistic', logistic(0, 2.3, 1.7) as VariableInput, 9],
];

describe.each(finite)('%s inputs', (_, unit, states) => {
  const p = Array.from({ length: states }, (__, v) => Math.exp(inputLog(unit, states, v)));
  const mass = p.reduce((a, b) => a + b, 0);

  it('answer as the sum over their values does', () => {
    expect(inputMass(unit, states)).toBeCloseTo(Math.log(mass), 12);
    expect(inputLog(unit, states, Number.NaN)).toBeCloseTo(Math.log(mass), 12);
    const entropy = p.reduce((sum, x) => (x > 0 ? sum - (x / mass) * Math.log(x / mass) : sum), 0);
    expect(inputEntropy(unit, states)).toBeCloseTo(entropy, 12);
    const { log, value } = inputMode(unit, states);
    expect(Math.exp(log)).toBeCloseTo(Math.max(...p), 12);
    expect(p[value]).toBeCloseTo(Math.max(...p), 12);
    for (const order of [0, 1, 2, 3]) {
      const moment = p.reduce((sum, x, v) => sum + (x / mass) * v ** order, 0);
      expect(inputMoment(unit, states, order)).toBeCloseTo(moment, 10);
    }
  });

  it('are drawn with their frequencies (chi-square)', () => {
    const random = new Random(7);
    const [draws, counts] = [20_000, new Array<number>(states).fill(0)];
    for (let i = 0; i < draws; i++) counts[drawInput(unit, states, random)]++;
    let chi = 0;
    p.forEach((x, v) => {
      if (x === 0) expect(counts[v]).toBe(0);
      else chi += (counts[v] - (draws * x) / mass) ** 2 / ((draws * x) / mass);
    });
    // Above the 0.9999 quantile for up to 8 degrees of freedom.
    expect(chi).toBeLessThan(32);
  });
});

describe('gaussian inputs', () => {
  const unit = gaussian(0, -1.5, 0.4) as VariableInput;

  it('answer as integrals do', () => {
    const step = 1e-3;
    let [mass, entropy] = [0, 0];
    const moments = [0, 0, 0, 0, 0];
    for (let x = -5; x < 3; x += step) {
      const log = inputLog(unit, 0, x);
      const share = Math.exp(log) * step;
      mass += share;
      entropy -= share * log;
      for (let k = 0; k < 5; k++) moments[k] += share * x ** k;
    }
    expect(mass).toBeCloseTo(Math.exp(inputMass(unit, 0)), 9);
    expect(inputEntropy(unit, 0)).toBeCloseTo(entropy, 8);
    for (const [k, moment] of moments.entries()) expect(inputMoment(unit, 0, k)).toBeCloseTo(moment, 7);
    expect(inputMode(unit, 0)).toEqual({ log: inputLog(unit, 0, -1.5), value: -1.5 });
  });

  it('are drawn with their mean and deviation', () => {
    const random = new Random(3);
    const draws = Array.from({ length: 20_000 }, () => drawInput(unit, 0, random));
    const mean = draws.reduce((a, b) => a + b, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    expect(Math.abs(mean + 1.5)).toBeLessThan(4 * (0.4 / Math.sqrt(draws.length)));
    expect(Math.abs(variance - 0.16)).toBeLessThan(4 * 0.16 * Math.sqrt(2 / draws.length));
  });
});

it.each([
  [
    () => new CircuitBuilder([3]).input(binomial(0, 3, 0.5)),
    'a binomial input does not fit variable 1, which is of 3 values',
  ],
  [() => new CircuitBuilder([2]).input(binomial(0, 1, 1.5)), 'needs a probability from 0 to 1'],
  [() => new CircuitBuilder([2]).input(gaussian(0, 0, 1)), 'a gaussian input does not fit variable 1'],
  [() => new CircuitBuilder([0]).input(gaussian(0, 0, 0)), 'needs a mean and a deviation above 0'],
  [() => new CircuitBuilder([4]).input(logistic(0, 1, -1)), 'needs a mean and a scale above 0'],
  [() => new CircuitBuilder([2]).input(indicator(0, 2)), 'does not fit variable 1'],
  [() => new CircuitBuilder([2]).input(indicator(1, 0)), 'there is no variable 2'],
  [() => categorical(0, [0.5, -0.1]), 'must be numbers that are not negative'],
])('inputs that make no sense are refused (%#)', (make, message) => expect(make).toThrow(message));
