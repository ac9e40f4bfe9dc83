import type { DType, View } from '../device.js';
import type { ElementwiseName } from '../elementwise.js';
import { collapse, isContiguous, sizeOf } from '../views.js';
import { type Engine, viewAddress, widthOf } from './engine.js';
import { type Access, emitStrided, isLong, type StridedPlan, stridedParameters, type Walk } from './strided.js';

/** Elements that take some 50 microseconds. */
const SHORT_WORK = 131_072;
const LONG_WORK = 32_768;

const walkOf = (stride: number): Walk => (stride === 1 ? 'unit' : stride === 0 ? 'same' : 'step');

/**
 * Elementwise operation on f32; i32 and u8 operands are converted on the way in, and an i32 or u8 output truncated (a copy
 * between integer types keeps every bit). Any strides; the output may be strided too, as copies need.
 */
export function elementwise(engine: Engine, op: ElementwiseName, out: View, inputs: readonly View[]): void {
  const size = sizeOf(out.shape);
  if (size === 0) return;
  const views = [out, ...inputs];
  const flat = flatWalks(views);
  const shape = flat
    ? undefined
    : collapse(
        out.shape,
        views.map(({ strides }) => strides),
      );
  const outer = shape ? shape.shape.length - 1 : 0;
  const steps = shape ? shape.strides.map((s) => s[outer]) : flat!;
  const access = views.map(
    ({ buffer }, k): Access => ({ dtype: buffer.dtype as Exclude<DType, 'f64'>, walk: walkOf(steps[k]) }),
  );
  const kernel = kernelFor(engine, { op, out: access[0], inputs: access.slice(1), outer });
  const widths = views.map(({ buffer }) => widthOf(buffer.dtype));
  const args = views.map(viewAddress);
  for (let k = 0; k < views.length; k++) args.push(steps[k] * widths[k]);
  let units = size;
  const work = isLong(op) ? LONG_WORK : SHORT_WORK;
  let minimum = work;
  if (shape && outer > 0) {
    const n = shape.shape[outer];
    units = size / n;
    minimum = Math.ceil(work / n);
    args.push(n, ...shape.shape.slice(0, outer));
    shape.strides.forEach((s, k) => {
      for (let d = 0; d < outer; d++) args.push(s[d] * widths[k]);
    });
  }
  engine.run(kernel, units, minimum, args);
}

/** Strides along all elements taken as one dimension, where every operand is contiguous or one element. */
function flatWalks(views: readonly View[]): number[] | undefined {
  const walks: number[] = [];
  for (const { shape, strides } of views) {
    if (isContiguous(shape, strides)) walks.push(1);
    else if (walks.length > 0 && strides.every((s) => s === 0)) walks.push(0);
    else return undefined;
  }
  return walks;
}

function kernelFor(engine: Engine, plan: StridedPlan) {
  let name = `${plan.op} ${plan.outer} ${plan.out.dtype} ${plan.out.walk}`;
  for (const { dtype, walk } of plan.inputs) name += ` ${dtype} ${walk}`;
  return engine.kernel(name, stridedParameters(plan), (f, from, to, ...params) =>
    emitStrided(f, plan, from, to, params),
  );
}
