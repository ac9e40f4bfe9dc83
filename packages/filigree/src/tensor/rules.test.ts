import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/index.js';
import { backward } from './autograd.js';
import { ones, tensor } from './create.js';
import { gelu, mul, relu, silu } from './ops/index.js';
import { freeze, half, ratio, ratioRule } from './rules.js';
import { tagged, track } from './tape.js';
import type { Tensor } from './tensor.js';

const f64 = createReferenceDevice('f64');
const values = [-3, -0.5, -1e-9, 0, 1e-9, 0.5, 3];

function slopes(act: (x: Tensor) => Tensor, rule = ratio): number[] {
  const z = track(tensor(values, [values.length], undefined, f64));
  const y = tagged('act', () => act(z));
  const [gradient] = backward([{ tensor: y, seed: ones(y.shape, f64) }], [z], { rules: { act: rule } });
  return [...gradient!.dataSync()];
}

describe('ratio', () => {
  it('is the activation over its input, kept from zero', () => {
    const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
    slopes(silu).forEach((slope, i) => {
      const z = values[i];
      expect(slope).toBeCloseTo((z * sigmoid(z)) / (z < 0 ? Math.min(z, -1e-6) : Math.max(z, 1e-6)), 12);
    });
    expect(slopes(gelu)[6]).toBeCloseTo(gelu(tensor([3], [1], undefined, f64)).dataSync()[0] / 3, 12);
    expect(slopes(silu, ratioRule(2))[5]).toBeCloseTo((0.5 * sigmoid(0.5)) / 2, 12);
  });

  it('leaves ReLU as it is', () => {
    expect(slopes(relu)).toEqual([0, 0, 0, 0, 1, 1, 1]);
  });
});

it('half gives each factor half of its gradient, freeze nothing; other operations keep theirs', () => {
  const a = track(tensor([2, 3], [2], undefined, f64));
  const b = track(tensor([5, 7], [2], undefined, f64));
  const y = mul(
    tagged('gate', () => mul(a, b)),
    10,
  );
  const by = (rule: typeof half): (number[] | null)[] =>
    backward([{ tensor: y, seed: ones([2], f64) }], [a, b], { rules: { gate: rule } }).map(
      (g) => g && [...g.dataSync()],
    );
  expect(by(half)).toEqual([
    [25, 35],
    [10, 15],
  ]);
  expect(by(freeze)).toEqual([null, null]);
});
