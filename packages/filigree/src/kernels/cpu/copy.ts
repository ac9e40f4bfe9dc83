import type { Buffer, View } from '../device.js';
import { collapse, contiguousView, isContiguous, sizeOf } from '../views.js';
import type { FunctionBuilder, Local } from './assembler.js';
import { elementwise } from './elementwise.js';
import { type CpuBuffer, type Engine, viewAddress, widthOf } from './engine.js';
import { f32x4, i32, v128 } from './instructions.js';
import { element } from './lanes.js';
import { eachUnit } from './odometer.js';

type I = Local<'i32'>;

/** Rows of a transpose that are written side by side: a cache line of the input. */
const BAND = 16;
const WORK = 65_536;

/** Strided copy with conversion between types; transposes go by 4 x 4 tiles. */
export function copy(engine: Engine, out: View, x: View): void {
  if (sizeOf(out.shape) === 0) return;
  // Any order of the dimensions copies the same elements; this one walks the output as it lies in memory.
  const order = out.shape.map((_, d) => d).sort((a, b) => Math.abs(out.strides[b]) - Math.abs(out.strides[a]));
  const pick = (list: readonly number[]) => order.map((d) => list[d]);
  const { shape, strides } = collapse(pick(out.shape), [pick(out.strides), pick(x.strides)]);
  const to: View = { ...out, shape, strides: strides[0] };
  const from: View = { ...x, shape, strides: strides[1] };
  const last = shape.length - 1;
  const across = from.strides.indexOf(1);
  const words = out.buffer.dtype === x.buffer.dtype && widthOf(out.buffer.dtype) === 4;
  const worthwhile = across >= 0 && across < last && shape[across] >= 4 && shape[last] >= 4;
  if (words && worthwhile && to.strides[last] === 1) transpose(engine, to, from, across);
  else elementwise(engine, 'copy', to, [from]);
}

/** Whether a view is large and runs evenly along another dimension than its last, so that a copy of it pays. */
export function isTransposed({ shape, strides, buffer }: View): boolean {
  const last = shape.length - 1;
  if (last < 1 || strides[last] <= 1 || shape[last] < 4 || widthOf(buffer.dtype) !== 4) return false;
  return strides.some((s, d) => s === 1 && shape[d] >= 4) && sizeOf(shape) >= 1024;
}

/** Calls `use` with the addresses of the views, those that are not contiguous copied to a temporary first. */
export function withContiguous(engine: Engine, views: readonly View[], use: (addresses: number[]) => void): void {
  const temporaries: CpuBuffer[] = [];
  try {
    const addresses = views.map((view) => {
      if (isContiguous(view.shape, view.strides)) return viewAddress(view);
      const length = sizeOf(view.shape);
      const dtype = view.buffer.dtype as CpuBuffer['dtype'];
      const buffer: CpuBuffer = { dtype, length, block: engine.memory.allocate(length * widthOf(dtype)) };
      temporaries.push(buffer);
      copy(engine, contiguousView(buffer as Buffer, view.shape), view);
      return buffer.block.address;
    });
    use(addresses);
  } finally {
    for (const { block } of temporaries) engine.memory.free(block);
  }
}

/** `to` runs evenly along its last dimension, `from` along dimension `across`. */
function transpose(engine: Engine, to: View, from: View, across: number): void {
  const { shape } = to;
  const last = shape.length - 1;
  const outer = shape.map((_, d) => d).filter((d) => d !== across && d !== last);
  const bands = Math.ceil(shape[across] / BAND);
  const rank = outer.length + 1;
  const list = new Array<'i32'>(6 + 3 * rank).fill('i32');
  const kernel = engine.kernel(`transpose ${rank}`, list, (f, start, end, ...p) => {
    const [out, x, rows, columns, outStep, xStep] = p;
    const part = (k: number) => p.slice(6 + k * rank, 6 + (k + 1) * rank);
    eachUnit(f, start, end, part(0), [out, x], [part(1), part(2)], ([o, i], index) => {
      const left = f.let(i32.sub(rows, i32.mul(index[rank - 1], BAND)));
      f.if(i32.gt(left, BAND), () => f.set(left, BAND));
      emitBand(f, o, i, left, columns, outStep, xStep);
    });
  });
  const size = bands * sizeOf(outer.map((d) => shape[d]));
  const stepsOf = (view: View) => [...outer.map((d) => 4 * view.strides[d]), 4 * BAND * view.strides[across]];
  engine.run(kernel, size, Math.ceil(WORK / (BAND * shape[last])), [
    viewAddress(to),
    viewAddress(from),
    shape[across],
    shape[last],
    4 * to.strides[across],
    4 * from.strides[last],
    ...outer.map((d) => shape[d]),
    bands,
    ...stepsOf(to),
    ...stepsOf(from),
  ]);
}

/** `out[r, c] = x[c, r]` for `rows` (at most a band) times `columns`. */
function emitBand(f: FunctionBuilder, out: I, x: I, rows: I, columns: I, outStep: I, xStep: I): void {
  const c = f.local('i32');
  const r = f.local('i32');
  const wholeRows = f.let(i32.and(rows, -4));
  const wholeColumns = f.let(i32.and(columns, -4));
  const at = (base: I, row: I, step: I, column: I) => f.let(element(i32.add(base, i32.mul(row, step)), column));
  f.for(c, 0, wholeColumns, 4, () => {
    f.for(r, 0, wholeRows, 4, () => {
      const p = at(x, c, xStep, r);
      const [a, b, d, e] = [0, 1, 2, 3].map((k) => f.let(v128.load(i32.add(p, i32.mul(xStep, k)))));
      const low = f.let(f32x4.shuffle(a, b, 0, 4, 1, 5));
      const high = f.let(f32x4.shuffle(a, b, 2, 6, 3, 7));
      const lower = f.let(f32x4.shuffle(d, e, 0, 4, 1, 5));
      const higher = f.let(f32x4.shuffle(d, e, 2, 6, 3, 7));
      const q = at(out, r, outStep, c);
      f.store(q, f32x4.shuffle(low, lower, 0, 1, 4, 5));
      f.store(i32.add(q, outStep), f32x4.shuffle(low, lower, 2, 3, 6, 7));
      f.store(i32.add(q, i32.shl(outStep, 1)), f32x4.shuffle(high, higher, 0, 1, 4, 5));
      f.store(i32.add(q, i32.mul(outStep, 3)), f32x4.shuffle(high, higher, 2, 3, 6, 7));
    });
  });
  // What the tiles leave: the last rows of every column, and the last columns of the other rows.
  const single = () => f.store(at(out, r, outStep, c), i32.load(at(x, c, xStep, r)));
  f.for(r, wholeRows, rows, 1, () => f.for(c, 0, columns, 1, single));
  f.for(r, 0, wholeRows, 1, () => f.for(c, wholeColumns, columns, 1, single));
}
