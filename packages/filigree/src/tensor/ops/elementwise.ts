import type { Device } from '../../kernels/device.js';
import type { ElementwiseName } from '../../kernels/elementwise.js';
import { full } from '../create.js';
import { unscoped } from '../scope.js';
import { record } from '../tape.js';
import { Tensor } from '../tensor.js';
import { broadcastShape, broadcastStrides, sumTo } from './broadcast.js';

/** A tensor or a number, which stands for a tensor of that number everywhere. */
export type Operand = Tensor | number;

const constants = new WeakMap<Device, Map<number, Tensor>>();

/** A number as a tensor without dimensions, kept for the life of the device. */
export function constant(value: number, device: Device): Tensor {
  let known = constants.get(device);
  if (!known) {
    known = new Map();
    constants.set(device, known);
  }
  let result = known.get(value);
  if (!result) {
    // A constant made in a scope must outlive it: detached, it is freed with the device.
    result = unscoped(() => full([], value, undefined, device));
    if (known.size < 1000) known.set(value, result);
  }
  return result;
}

/** Applies an elementwise kernel to broadcast operands. Records no gradient. */
export function apply(name: ElementwiseName, ...operands: Operand[]): Tensor {
  const first = operands.find((x): x is Tensor => x instanceof Tensor);
  if (!first) throw new TypeError(`${name}: at least one operand must be a tensor`);
  const tensors = operands.map((x) => (x instanceof Tensor ? x : constant(x, first.device)));
  const shape = broadcastShape(
    name,
    tensors.map((t) => t.shape),
  );
  const strides = tensors.map((t) => broadcastStrides(t, shape));
  // A dimension along which no operand moves is computed once and stays stretched.
  const stretched = shape.map((size, d) => size > 1 && strides.every((s) => s[d] === 0));
  const work = shape.map((size, d) => (stretched[d] ? 1 : size));
  const out = Tensor.allocate(work, undefined, first.device);
  first.device.elementwise(
    name,
    out.view(name),
    tensors.map((t, i) => ({ ...t.view(name), shape: work, strides: strides[i] })),
  );
  if (!stretched.includes(true)) return out;
  return out.window(
    shape,
    out.strides.map((s, d) => (stretched[d] ? 0 : s)),
    0,
  );
}

type Slope = (x: Tensor, y: Tensor, g: Tensor) => Tensor;

/** A differentiable function of one tensor, from the kernel's name and its gradient. */
function unary(name: ElementwiseName, slope: Slope): (x: Tensor) => Tensor {
  return (x) => {
    const y = apply(name, x);
    return record(name, y, [x], (g) => [slope(x, y, g)]);
  };
}

const zeroSlope: Slope = (_x, _y, g) => apply('mul', g, 0);

export const neg = unary('neg', (_x, _y, g) => apply('neg', g));
export const abs = unary('abs', (x, _y, g) => apply('mul', g, apply('sign', x)));
export const sign = unary('sign', zeroSlope);
export const floor = unary('floor', zeroSlope);
export const exp = unary('exp', (_x, y, g) => apply('mul', g, y));
export const log = unary('log', (x, _y, g) => apply('div', g, x));
export const sqrt = unary('sqrt', (_x, y, g) => apply('div', apply('mul', g, 0.5), y));
export const rsqrt = unary('rsqrt', (x, y, g) => apply('mul', apply('mul', g, -0.5), apply('div', y, x)));
export const square = unary('square', (x, _y, g) => apply('mul', apply('mul', g, 2), x));
export const sin = unary('sin', (x, _y, g) => apply('mul', g, apply('cos', x)));
export const cos = unary('cos', (x, _y, g) => apply('neg', apply('mul', g, apply('sin', x))));
export const tanh = unary('tanh', (x, _y, g) => apply('tanhGrad', x, g));
export const sigmoid = unary('sigmoid', (x, _y, g) => apply('sigmoidGrad', x, g));
export const erf = unary('erf', (x, _y, g) => apply('erfGrad', x, g));
export const relu = unary('relu', (x, _y, g) => apply('reluGrad', x, g));
export const silu = unary('silu', (x, _y, g) => apply('siluGrad', x, g));
/** Exact GELU, x times the normal distribution function. */
export const gelu = unary('gelu', (x, _y, g) => apply('geluGrad', x, g));
/** GELU by the tanh approximation. */
export const geluTanh = unary('geluTanh', (x, _y, g) => apply('geluTanhGrad', x, g));

type Slopes = (a: Operand, b: Operand, g: Tensor, side: 0 | 1) => Tensor;

/** A differentiable function of two broadcast operands; `slope` gives the gradient by the operand `side`, not yet summed. */
function binary(name: ElementwiseName, slope: Slopes): (a: Operand, b: Operand) => Tensor {
  return (a, b) => {
    const y = apply(name, a, b);
    const operands = [a, b];
    const sides = ([0, 1] as const).filter((side) => operands[side] instanceof Tensor);
    return record(
      name,
      y,
      sides.map((side) => operands[side] as Tensor),
      (g) =>
        sides.map((side) => {
          const operand = operands[side] as Tensor;
          return operand.tracked ? sumTo(slope(a, b, g, side), operand.shape) : null;
        }),
    );
  };
}

export const add = binary('add', (_a, _b, g) => g);
export const sub = binary('sub', (_a, _b, g, side) => (side === 0 ? g : apply('neg', g)));
export const mul = binary('mul', (a, b, g, side) => apply('mul', g, side === 0 ? b : a));
export const div = binary('div', (a, b, g, side) =>
  side === 0 ? apply('div', g, b) : apply('neg', apply('div', apply('mul', g, a), apply('mul', b, b))),
);
/** The smaller of the two; at a tie the gradient goes to the first. */
export const minimum = binary('minimum', (a, b, g, side) => {
  const second = apply('less', b, a);
  return side === 1 ? apply('mul', g, second) : apply('select', second, 0, g);
});
/** The larger of the two; at a tie the gradient goes to the first. */
export const maximum = binary('maximum', (a, b, g, side) => {
  const second = apply('less', a, b);
  return side === 1 ? apply('mul', g, second) : apply('select', second, 0, g);
});

/** 1 where a < b, else 0; not differentiable. */
export function less(a: Operand, b: Operand): Tensor {
  return apply('less', a, b);
}

/** 1 where a = b, else 0; not differentiable. */
export function equal(a: Operand, b: Operand): Tensor {
  return apply('equal', a, b);
}

/** `yes` where `condition` is not 0, else `no`; differentiable in `yes` and `no`. */
export function where(condition: Tensor, yes: Operand, no: Operand): Tensor {
  const y = apply('select', condition, yes, no);
  const sides = ([yes, no] as const).flatMap((x, side) => (x instanceof Tensor ? [{ x, side }] : []));
  return record(
    'where',
    y,
    sides.map(({ x }) => x),
    (g) =>
      sides.map(({ x, side }) =>
        sumTo(side === 0 ? apply('select', condition, g, 0) : apply('select', condition, 0, g), x.shape),
      ),
  );
}

/** `x` without its history: no gradient flows back through it. */
export function stopGradient(x: Tensor): Tensor {
  return x.window(x.shape, x.strides, x.offset);
}
