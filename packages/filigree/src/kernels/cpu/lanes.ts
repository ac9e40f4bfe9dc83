import type { FunctionBuilder, Local } from './assembler.js';
import { f32, f32x4, i32, type Operand, type Value, v128 } from './instructions.js';

type V = Value<'v128'>;
type Address = Local<'i32'>;

/** Loads `count` (1 to 3, at run time) floats from `p` into `into`, lanes above hold `fill`. */
export function loadPart(f: FunctionBuilder, into: Local<'v128'>, p: Address, count: Local<'i32'>, fill: number): void {
  f.set(into, v128.load32Lane(p, f32x4.const(fill), 0));
  f.if(i32.gt(count, 1), () => f.set(into, v128.load32Lane(p, into, 1, 4)));
  f.if(i32.gt(count, 2), () => f.set(into, v128.load32Lane(p, into, 2, 8)));
}

/** Stores the low `count` (1 to 3) floats of `x` at `p`. */
export function storePart(f: FunctionBuilder, p: Address, x: Local<'v128'>, count: Local<'i32'>): void {
  f.storeLane(p, x, 0);
  f.if(i32.gt(count, 1), () => f.storeLane(p, x, 1, 4));
  f.if(i32.gt(count, 2), () => f.storeLane(p, x, 2, 8));
}

/** `base + 4 * index`, bytes. */
export const element = (base: Operand<'i32'>, index: Operand<'i32'>): Value<'i32'> => i32.add(base, i32.shl(index, 2));

/**
 * Walks `n` floats: `body` sees the byte offset from the start, and whether it handles a whole vector or the last one
 * to three floats, whose number is then `count`.
 */
export function eachVector(
  f: FunctionBuilder,
  n: Value<'i32'>,
  body: (offset: Local<'i32'>, count: Local<'i32'> | undefined) => void,
): void {
  const offset = f.local('i32');
  const end = f.let(i32.shl(i32.and(n, -4), 2));
  f.for(offset, 0, end, 16, () => body(offset, undefined));
  const count = f.let(i32.and(n, 3));
  f.if(count, () => {
    f.set(offset, end);
    body(offset, count);
  });
}

/** The floats at `p`: four, or `count` of them with `fill` above. */
export function loadVector(
  f: FunctionBuilder,
  p: Value<'i32'>,
  count: Local<'i32'> | undefined,
  fill = 0,
): Local<'v128'> {
  if (!count) return f.let(v128.load(p));
  const into = f.local('v128');
  loadPart(f, into, f.let(p), count, fill);
  return into;
}

export function storeVector(f: FunctionBuilder, p: Value<'i32'>, x: V, count: Local<'i32'> | undefined): void {
  if (count) storePart(f, f.let(p), f.let(x), count);
  else f.store(p, x);
}

/** One float from four: (0 op 1) op (2 op 3). */
export function across(f: FunctionBuilder, x: Local<'v128'>, op: 'add' | 'min' | 'max'): Value<'f32'> {
  const pairs = f.let(f32x4[op](x, f32x4.shuffle(x, x, 1, 0, 3, 2)));
  return f32[op](f32x4.lane(pairs, 0), f32x4.lane(pairs, 2));
}
