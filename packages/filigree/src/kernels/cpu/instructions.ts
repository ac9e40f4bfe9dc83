/**
 * WebAssembly instructions as typed expressions. A `Value` is the code that leaves one value on the stack; instructions
 * take values and give a value, so kernels read like formulas: `f32x4.add(v128.load(p), v128.load(p, 16))`.
 */
export type ValueType = 'i32' | 'f32' | 'v128';

export interface Value<T extends ValueType> {
  readonly type: T;
  readonly code: readonly number[];
}

/** A value, or a number that stands for a constant of the type. */
export type Operand<T extends ValueType> = T extends 'v128' ? Value<'v128'> : Value<T> | number;

type Code = readonly number[];

/** Unsigned LEB128. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** Signed LEB128 of a 32-bit integer; values from 2^31 to 2^32 - 1 are taken as their signed twin. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

const floatBytes = (values: readonly number[]): number[] => [...new Uint8Array(new Float32Array(values).buffer)];
const intBytes = (values: readonly number[]): number[] => [...new Uint8Array(new Int32Array(values).buffer)];

/** The code of a value or constant. Builders use it; kernels seldom need it. */
export function codeOf<T extends ValueType>(type: T, x: Value<T> | number): Code {
  if (typeof x !== 'number') return x.code;
  return type === 'i32' ? [0x41, ...signed(x)] : [0x43, ...floatBytes([x])];
}

const value = <T extends ValueType>(type: T, ...code: number[]): Value<T> => ({ type, code });
/** `[0xfd, opcode]` as written in a module. */
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const memory = (alignment: number, offset: number): number[] => [alignment, ...unsigned(offset)];

function unary<A extends ValueType, R extends ValueType>(from: A, to: R, opcode: Code) {
  return (a: Operand<A>): Value<R> => value(to, ...codeOf(from, a as Value<A> | number), ...opcode);
}
function binary<A extends ValueType, R extends ValueType>(from: A, to: R, opcode: Code) {
  return (a: Operand<A>, b: Operand<A>): Value<R> =>
    value(to, ...codeOf(from, a as Value<A> | number), ...codeOf(from, b as Value<A> | number), ...opcode);
}
/** `alignment` is log2 of the natural width: a hint, any address works. */
function load<R extends ValueType>(to: R, opcode: Code, alignment: number) {
  return (address: Operand<'i32'>, offset = 0): Value<R> =>
    value(to, ...codeOf('i32', address), ...opcode, ...memory(alignment, offset));
}

const i = (opcode: number) => binary('i32', 'i32', [opcode]);
const f = (opcode: number) => binary('f32', 'f32', [opcode]);
const v = (opcode: number) => binary('v128', 'v128', simd(opcode));
const v1 = (opcode: number) => unary('v128', 'v128', simd(opcode));
const compare = (opcode: number) => binary('f32', 'i32', [opcode]);
const shift = (opcode: number) => (a: Value<'v128'>, count: Operand<'i32'>) =>
  value('v128', ...a.code, ...codeOf('i32', count), ...simd(opcode));

/** `yes` where `condition` is not 0; both are evaluated. */
export function select<T extends ValueType>(type: T, condition: Operand<'i32'>, yes: Operand<T>, no: Operand<T>) {
  const both = [...codeOf(type, yes as Value<T> | number), ...codeOf(type, no as Value<T> | number)];
  const typed = type === 'v128' ? [0x1c, 1, 0x7b] : [0x1b];
  return value(type, ...both, ...codeOf('i32', condition), ...typed);
}

export const i32 = {
  const: (x: number) => value('i32', ...codeOf('i32', x)),
  load: load('i32', [0x28], 2),
  load8u: load('i32', [0x2d], 0),
  load16u: load('i32', [0x2f], 1),
  eqz: unary('i32', 'i32', [0x45]),
  eq: i(0x46),
  ne: i(0x47),
  lt: i(0x48),
  ltU: i(0x49),
  gt: i(0x4a),
  gtU: i(0x4b),
  le: i(0x4c),
  leU: i(0x4d),
  ge: i(0x4e),
  geU: i(0x4f),
  clz: unary('i32', 'i32', [0x67]),
  ctz: unary('i32', 'i32', [0x68]),
  add: i(0x6a),
  sub: i(0x6b),
  mul: i(0x6c),
  div: i(0x6d),
  divU: i(0x6e),
  rem: i(0x6f),
  remU: i(0x70),
  and: i(0x71),
  or: i(0x72),
  xor: i(0x73),
  shl: i(0x74),
  shr: i(0x75),
  shrU: i(0x76),
  /** Truncates, saturating; NaN gives 0. */
  truncSat: unary('f32', 'i32', [0xfc, 0]),
  truncSatU: unary('f32', 'i32', [0xfc, 1]),
  reinterpret: unary('f32', 'i32', [0xbc]),
};

export const f32 = {
  const: (x: number) => value('f32', ...codeOf('f32', x)),
  load: load('f32', [0x2a], 2),
  eq: compare(0x5b),
  ne: compare(0x5c),
  lt: compare(0x5d),
  gt: compare(0x5e),
  le: compare(0x5f),
  ge: compare(0x60),
  abs: unary('f32', 'f32', [0x8b]),
  neg: unary('f32', 'f32', [0x8c]),
  floor: unary('f32', 'f32', [0x8e]),
  trunc: unary('f32', 'f32', [0x8f]),
  nearest: unary('f32', 'f32', [0x90]),
  sqrt: unary('f32', 'f32', [0x91]),
  add: f(0x92),
  sub: f(0x93),
  mul: f(0x94),
  div: f(0x95),
  min: f(0x96),
  max: f(0x97),
  convert: unary('i32', 'f32', [0xb2]),
  convertU: unary('i32', 'f32', [0xb3]),
  reinterpret: unary('i32', 'f32', [0xbe]),
};

export const v128 = {
  load: load('v128', simd(0x00), 4),
  load32Splat: load('v128', simd(0x09), 2),
  load64Splat: load('v128', simd(0x0a), 3),
  /** The low lane (or two) from memory, zeros above. */
  load32Zero: load('v128', simd(0x5c), 2),
  load64Zero: load('v128', simd(0x5d), 3),
  load32Lane: (address: Operand<'i32'>, into: Value<'v128'>, lane: number, offset = 0) =>
    value('v128', ...codeOf('i32', address), ...into.code, ...simd(0x56), ...memory(2, offset), lane),
  not: v1(0x4d),
  and: v(0x4e),
  /** `a & ~b` */
  andnot: v(0x4f),
  or: v(0x50),
  xor: v(0x51),
  /** Bits of `yes` where `mask` has ones, of `no` elsewhere. */
  bitselect: (yes: Value<'v128'>, no: Value<'v128'>, mask: Value<'v128'>) =>
    value('v128', ...yes.code, ...no.code, ...mask.code, ...simd(0x52)),
  anyTrue: unary('v128', 'i32', simd(0x53)),
  /** Sixteen bytes picked from `a` (0 to 15) and `b` (16 to 31). */
  shuffle: (a: Value<'v128'>, b: Value<'v128'>, bytes: readonly number[]) =>
    value('v128', ...a.code, ...b.code, ...simd(0x0d), ...bytes),
};

export const f32x4 = {
  const: (a: number, b = a, c = a, d = a) => value('v128', ...simd(0x0c), ...floatBytes([a, b, c, d])),
  splat: unary('f32', 'v128', simd(0x13)),
  lane: (a: Value<'v128'>, lane: number) => value('f32', ...a.code, ...simd(0x1f), lane),
  replace: (a: Value<'v128'>, lane: number, x: Operand<'f32'>) =>
    value('v128', ...a.code, ...codeOf('f32', x), ...simd(0x20), lane),
  /** Four lanes picked from `a` (0 to 3) and `b` (4 to 7). */
  shuffle: (a: Value<'v128'>, b: Value<'v128'>, ...lanes: [number, number, number, number]) =>
    v128.shuffle(
      a,
      b,
      lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
    ),
  eq: v(0x41),
  ne: v(0x42),
  lt: v(0x43),
  gt: v(0x44),
  le: v(0x45),
  ge: v(0x46),
  ceil: v1(0x67),
  floor: v1(0x68),
  trunc: v1(0x69),
  nearest: v1(0x6a),
  abs: v1(0xe0),
  neg: v1(0xe1),
  sqrt: v1(0xe3),
  add: v(0xe4),
  sub: v(0xe5),
  mul: v(0xe6),
  div: v(0xe7),
  /** NaN if either is. */
  min: v(0xe8),
  max: v(0xe9),
  /** `b < a ? b : a` */
  pmin: v(0xea),
  /** `a < b ? b : a` */
  pmax: v(0xeb),
  convert: v1(0xfa),
  /** The low two lanes of an f64x2 as floats, zeros above. */
  demote: v1(0x5e),
};

export const f64x2 = {
  const: (a: number, b = a) => value('v128', ...simd(0x0c), ...new Uint8Array(new Float64Array([a, b]).buffer)),
  /** The low two floats as doubles. */
  promote: v1(0x5f),
  nearest: v1(0x94),
  add: v(0xf0),
  sub: v(0xf1),
  mul: v(0xf2),
};

export const i32x4 = {
  const: (a: number, b = a, c = a, d = a) => value('v128', ...simd(0x0c), ...intBytes([a, b, c, d])),
  splat: unary('i32', 'v128', simd(0x11)),
  lane: (a: Value<'v128'>, lane: number) => value('i32', ...a.code, ...simd(0x1b), lane),
  replace: (a: Value<'v128'>, lane: number, x: Operand<'i32'>) =>
    value('v128', ...a.code, ...codeOf('i32', x), ...simd(0x1c), lane),
  eq: v(0x37),
  ne: v(0x38),
  lt: v(0x39),
  gt: v(0x3b),
  le: v(0x3d),
  ge: v(0x3f),
  neg: v1(0xa1),
  bitmask: unary('v128', 'i32', simd(0xa4)),
  /** The low four unsigned bytes of sixteen, widened. */
  extendLow8u: (a: Value<'v128'>) => value('v128', ...a.code, ...simd(0x89), ...simd(0xa9)),
  extendLow16u: v1(0xa9),
  extendHigh16u: v1(0xaa),
  shl: shift(0xab),
  shr: shift(0xac),
  shrU: shift(0xad),
  add: v(0xae),
  sub: v(0xb1),
  mul: v(0xb5),
  min: v(0xb6),
  max: v(0xb8),
  truncSat: v1(0xf8),
  /** The two lanes of an f64x2 truncated, zeros above. */
  truncSatF64: v1(0xfc),
};

/** `a * b + c` and `c - a * b` rounded once or twice, as the machine likes. Needs relaxed SIMD. */
export const relaxedMadd = (a: Value<'v128'>, b: Value<'v128'>, c: Value<'v128'>) =>
  value('v128', ...a.code, ...b.code, ...c.code, ...simd(0x105));
export const relaxedNmadd = (a: Value<'v128'>, b: Value<'v128'>, c: Value<'v128'>) =>
  value('v128', ...a.code, ...b.code, ...c.code, ...simd(0x106));
