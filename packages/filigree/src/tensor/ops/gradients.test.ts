import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Device } from '../../kernels/device.js';
import { createReferenceDevice } from '../../kernels/reference.js';
import { tensor } from '../create.js';
import { setDefaultDevice } from '../default-device.js';
import { gradientError } from '../finite-differences.js';
import { Random } from '../random.js';
import type { Tensor } from '../tensor.js';
import * as ops from './index.js';

let before: Device | undefined;
beforeAll(() => {
  before = setDefaultDevice(createReferenceDevice('f64'));
});
afterAll(() => {
  setDefaultDevice(before);
});

const random = new Random(7);
/** Normal numbers kept away from the kinks at zero. */
const normal = (...shape: number[]): Tensor =>
  tensor(
    random.normals(shape.reduce((a, b) => a * b, 1)).map((x) => x + 0.05 * Math.sign(x)),
    shape,
  );
const positive = (...shape: number[]): Tensor =>
  tensor(
    random.normals(shape.reduce((a, b) => a * b, 1)).map((x) => Math.abs(x) + 0.3),
    shape,
  );

type Case = [name: string, f: (...x: Tensor[]) => Tensor, inputs: () => Tensor[]];

const { neg, abs, sign, floor, exp, square, sin, cos, tanh, sigmoid, erf, relu, silu, gelu, geluTanh } = ops;
const { log, sqrt, rsqrt, add, sub, mul, div, minimum, maximum } = ops;

const cases: Case[] = [
  ...Object.entries({
    neg,
    abs,
    sign,
    floor,
    exp,
    square,
    sin,
    cos,
    tanh,
    sigmoid,
    erf,
    relu,
    silu,
    gelu,
    geluTanh,
  }).map(([name, f]): Case => [name, f, () => [normal(3, 4)]]),
  ...Object.entries({ log, sqrt, rsqrt }).map(([name, f]): Case => [name, f, () => [positive(3, 4)]]),
  ...Object.entries({ add, sub, mul, div, minimum, maximum }).flatMap(([name, f]): Case[] => [
    [name, f, () => [normal(3, 4), positive(3, 4)]],
    [`${name} stretched`, f, () => [normal(2, 1, 4), positive(3, 1)]],
    [`${name} with itself`, (x) => f(x, x), () => [positive(3)]],
  ]),
  ['where', (a, b) => ops.where(ops.less(a, b), a, b), () => [normal(3, 4), normal(4)]],
  ['sum of axes', (x) => ops.sum(x, [0, 2]), () => [normal(2, 3, 4)]],
  ['mean kept', (x) => ops.mean(x, -1, true), () => [normal(2, 3)]],
  ['max', (x) => ops.max(x, 1), () => [normal(2, 3, 4)]],
  ['min of all', (x) => ops.min(x), () => [normal(2, 3)]],
  ['reshape of a transpose', (x) => ops.reshape(ops.transpose(x), [2, -1]), () => [normal(4, 3)]],
  ['permute', (x) => ops.permute(x, [2, 0, 1]), () => [normal(2, 3, 4)]],
  ['expand', (x) => ops.expand(x, [2, 3, 4]), () => [normal(3, 1)]],
  ['slice', (x) => ops.slice(x, -1, 1, -1), () => [normal(2, 5)]],
  ['at', (x) => ops.at(x, 1, -1), () => [normal(2, 3, 2)]],
  ['concat', (x, y) => ops.concat([x, y, x], 1), () => [normal(2, 1, 2), normal(2, 3, 2)]],
  ['stack', (x, y) => ops.stack([x, y], 1), () => [normal(2, 3), normal(2, 3)]],
  ['matmul', (x, y) => ops.matmul(x, y), () => [normal(3, 4), normal(4, 2)]],
  ['matmul, batches stretched', (x, y) => ops.matmul(x, y), () => [normal(2, 1, 3, 4), normal(5, 4, 2)]],
  [
    'matmul transposed',
    (x, y) => ops.matmul(x, y, { transposeA: true, transposeB: true }),
    () => [normal(4, 3), normal(2, 4)],
  ],
  [
    'einsum of heads',
    (q, k) => ops.einsum('bthd,bshd->bhts', q, k, 0.5),
    () => [normal(2, 3, 2, 2), normal(2, 4, 2, 2)],
  ],
  ['einsum over two labels', (x, w) => ops.einsum('bthd,hed->bte', x, w), () => [normal(2, 3, 2, 2), normal(2, 3, 2)]],
  ['einsum of scores', (x, y) => ops.einsum('btud,btvd->uv', x, y), () => [normal(2, 3, 2, 2), normal(2, 3, 4, 2)]],
  ['softmax', (x) => ops.softmax(x), () => [normal(3, 4)]],
  ['causal softmax', (x) => ops.softmax(x, { queries: 2, shift: 1 }), () => [normal(2, 2, 3)]],
  ['logSoftmax', ops.logSoftmax, () => [normal(3, 4)]],
  ['crossEntropy', (x) => ops.crossEntropy(x, [1, 0, 3]), () => [normal(3, 4)]],
  ['gather', (x) => ops.gather(x, tensor([2, 0, 2, 1], [2, 2], 'i32')), () => [normal(3, 2)]],
  ['pick', (x) => ops.pick(x, [5, 0, 5]), () => [normal(2, 3)]],
  ['topK', (x) => ops.topK(x, 2).values, () => [normal(3, 5)]],
  [
    'rotary',
    (x) => ops.rotary(x, tensor([1, 0.2, 0.5, 0.8], [2, 2]), tensor([0, 0.9, 0.4, 0.6], [2, 2])),
    () => [normal(2, 2, 2, 5)],
  ],
];

describe('gradients agree with central differences', () => {
  for (const [name, f, inputs] of cases) {
    it(name, () => {
      expect(gradientError(f, inputs())).toBeLessThan(1e-7);
    });
  }
});
