import type { Arithmetic } from '../elementwise.js';
import { numbers } from '../reference.js';
import type { FunctionBuilder } from './assembler.js';
import { f32x4, f64x2, i32x4, type Value, v128 } from './instructions.js';

type V = Value<'v128'>;

/**
 * Coefficients, lowest first, of the polynomial that meets `f` at the `degree + 1` Chebyshev points of `[low, high]`: within a
 * small factor of the best one. Computed in f64 (Newton's divided differences, then expanded).
 */
export function fit(f: (x: number) => number, low: number, high: number, degree: number): number[] {
  const n = degree + 1;
  const middle = (low + high) / 2;
  const radius = (high - low) / 2;
  const x = Array.from({ length: n }, (_, k) => middle + radius * Math.cos((Math.PI * (2 * k + 1)) / (2 * n)));
  const d = x.map(f);
  for (let order = 1; order < n; order++) {
    for (let k = n - 1; k >= order; k--) d[k] = (d[k] - d[k - 1]) / (x[k] - x[k - order]);
  }
  let coefficients = [d[degree]];
  for (let k = degree - 1; k >= 0; k--) {
    const next = [0, ...coefficients];
    for (let j = 0; j < coefficients.length; j++) next[j] -= x[k] * coefficients[j];
    next[0] += d[k];
    coefficients = next;
  }
  return coefficients;
}

/**
 * Coefficients, lowest first, of the ratio of two polynomials (the lower one begins with 1) that meets `f` at the Chebyshev points
 * of `[low, high]`.
 */
export function fitRatio(
  f: (x: number) => number,
  low: number,
  high: number,
  above: number,
  below: number,
): { above: number[]; below: number[] } {
  const n = above + below + 1;
  // One equation a point: above(x) - f(x) (below(x) - 1) = f(x), x scaled to at most 1 for the sake of precision.
  const rows = Array.from({ length: n }, (_, k) => {
    const x = (low + high) / 2 + ((high - low) / 2) * Math.cos((Math.PI * (2 * k + 1)) / (2 * n));
    const y = f(x);
    const upper = Array.from({ length: above + 1 }, (_, j) => (x / high) ** j);
    return [...upper, ...Array.from({ length: below }, (_, j) => -y * (x / high) ** (j + 1)), y];
  });
  for (let c = 0; c < n; c++) {
    const pivot = rows.slice(c).reduce((best, row) => (Math.abs(row[c]) > Math.abs(best[c]) ? row : best));
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(c, 0, pivot);
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = row[c] / pivot[c];
      for (let j = c; j <= n; j++) row[j] -= factor * pivot[j];
    }
  }
  const solution = rows.map((row, c) => row[n] / row[c]);
  const unscaled = (list: number[]) => list.map((a, j) => a / high ** j);
  return { above: unscaled(solution.slice(0, above + 1)), below: unscaled([1, ...solution.slice(above + 1)]) };
}

/** Splits a constant so that `high` times a small integer is exact in f32. */
function split(x: number, bits: number): { high: number; low: number } {
  const step = 2 ** (Math.ceil(Math.log2(x)) - bits);
  const high = Math.floor(x / step) * step;
  return { high, low: x - high };
}
const LN2 = split(Math.LN2, 12);
/** Adding it rounds a small float to a whole number, which then stands in the low bits. */
const ROUND = 1.5 * 2 ** 23;

/** `(e^r - 1 - r) / r^2` for |r| <= ln(2) / 2. */
const expTail = fit((r) => (Math.expm1(r) - r) / (r * r), -0.3467, 0.3467, 5);
/** `(log(1 + t) - t + t^2 / 2) / t^3` for 1 + t from sqrt(1/2) to sqrt(2). */
const logTail = fit((t) => (Math.log1p(t) - t + (t * t) / 2) / t ** 3, -0.293, 0.4143, 9);
/** erf is 1 in f32 from here on. */
const ERF_END = 3.92;
/** `erf(x) / x` in x^2, up to the end. */
const erfRatio = fitRatio((z) => numbers.erf(Math.sqrt(z)) / Math.sqrt(z), 1e-9, ERF_END ** 2, 6, 5);
/** `(sin r - r) / r^3` and `(cos r - 1 + r^2 / 2) / r^4` in r^2, for |r| <= pi / 4. */
const sinTail = fit((z) => (Math.sin(Math.sqrt(z)) - Math.sqrt(z)) / Math.sqrt(z) ** 3, 1e-3, 0.62, 3);
const cosTail = fit((z) => (Math.cos(Math.sqrt(z)) - 1 + z / 2) / (z * z), 1e-2, 0.62, 2);

/**
 * Elementwise arithmetic as SIMD instructions written to `f`, four floats at a time. Errors over the whole range, infinities and
 * NaN included, as `Math` does it: exp, log, tanh about 2 ulp (denormal results a few steps), erf 6 ulp (4e-7); sin and cos
 * 1e-7 absolute while |x| < 1e8, some value in [-1, 1] beyond.
 */
export class VectorMath implements Arithmetic<V> {
  readonly #f: FunctionBuilder;

  constructor(f: FunctionBuilder) {
    this.#f = f;
  }

  constant(value: number): V {
    return this.#f.constant(f32x4.const(value));
  }
  add(a: V, b: V): V {
    return this.#f.let(f32x4.add(a, b));
  }
  sub(a: V, b: V): V {
    return this.#f.let(f32x4.sub(a, b));
  }
  mul(a: V, b: V): V {
    return this.#f.let(f32x4.mul(a, b));
  }
  div(a: V, b: V): V {
    return this.#f.let(f32x4.div(a, b));
  }
  min(a: V, b: V): V {
    return this.#f.let(f32x4.min(a, b));
  }
  max(a: V, b: V): V {
    return this.#f.let(f32x4.max(a, b));
  }
  neg(a: V): V {
    return this.#f.let(f32x4.neg(a));
  }
  abs(a: V): V {
    return this.#f.let(f32x4.abs(a));
  }
  sqrt(a: V): V {
    return this.#f.let(f32x4.sqrt(a));
  }
  floor(a: V): V {
    return this.#f.let(f32x4.floor(a));
  }
  less(a: V, b: V): V {
    return this.#f.let(v128.and(f32x4.lt(a, b), this.constant(1)));
  }
  equal(a: V, b: V): V {
    return this.#f.let(v128.and(f32x4.eq(a, b), this.constant(1)));
  }
  select(condition: V, yes: V, no: V): V {
    return this.#f.let(v128.bitselect(yes, no, f32x4.ne(condition, this.constant(0))));
  }

  /** `2^k (1 + tail)`: k = round(x / ln 2), the rest by polynomial, then two exact scalings, so that denormals round once. */
  exp(x: V): V {
    const f = this.#f;
    const { k, r } = this.#reduce(this.#clamp(x, -104, 89));
    const whole = f.let(i32x4.sub(k, this.constant(ROUND)));
    const half = f.let(i32x4.shr(whole, 1));
    const p = f32x4.add(this.constant(1), this.#expm1(r));
    return f.let(f32x4.mul(f32x4.mul(p, this.#power(half)), this.#power(i32x4.sub(whole, half))));
  }

  /** exp of values at most 0, denormal results flushed to 0: cheaper, for softmax. */
  expNegative(x: V): V {
    const f = this.#f;
    const { k, r } = this.#reduce(f.let(f32x4.pmax(x, this.constant(-87.3))));
    const scaled = f32x4.mul(f32x4.add(this.constant(1), this.#expm1(r)), this.#power(k));
    return f.let(v128.andnot(scaled, f32x4.le(x, this.constant(-87.3))));
  }

  /** `e ln 2 + log(m)` with m from sqrt(1/2) to sqrt(2). */
  log(x: V): V {
    const f = this.#f;
    const tiny = f.let(f32x4.lt(x, this.constant(2 ** -126)));
    const scaled = f.let(v128.bitselect(f32x4.mul(x, this.constant(2 ** 23)), x, tiny));
    // Taking the bits of sqrt(1/2) off leaves the exponent of the nearest power of two in the upper bits.
    const root = f.constant(i32x4.const(0x3f3504f3));
    const shifted = f.let(i32x4.sub(scaled, root));
    const e = f.let(f32x4.sub(f32x4.convert(i32x4.shr(shifted, 23)), v128.and(tiny, this.constant(23))));
    const mantissa = i32x4.add(v128.and(shifted, f.constant(i32x4.const(0x007fffff))), root);
    const t = f.let(f32x4.sub(mantissa, this.constant(1)));
    const square = f.let(f32x4.mul(t, t));
    const tail = f.let(f32x4.mul(f32x4.mul(this.polynomial(logTail, t), square), t));
    let y = f.let(f.madd(e, this.constant(LN2.low), tail));
    y = f.let(f.nmadd(square, this.constant(0.5), y));
    y = f.let(f.madd(e, this.constant(LN2.high), f32x4.add(t, y)));
    // Infinity and NaN give themselves, negative numbers NaN (all bits set), 0 gives -Infinity.
    y = f.let(v128.bitselect(y, x, f32x4.lt(x, this.constant(Infinity))));
    y = f.let(v128.or(y, f32x4.lt(x, this.constant(0))));
    return f.let(v128.bitselect(this.constant(-Infinity), y, f32x4.eq(x, this.constant(0))));
  }

  /** `-m / (2 + m)` with m = e^(-2|x|) - 1, which loses nothing near 0; the sign put back. */
  tanh(x: V): V {
    const f = this.#f;
    const doubled = f32x4.mul(f32x4.abs(x), this.constant(-2));
    const { k, r } = this.#reduce(f.let(f32x4.pmax(doubled, this.constant(-40))));
    const scale = f.let(this.#power(k));
    const m = f.let(f.madd(this.#expm1(r), scale, f32x4.sub(scale, this.constant(1))));
    return this.#withSign(f32x4.div(m, f32x4.add(this.constant(2), m)), x);
  }

  /** `x` times a ratio of polynomials in x^2. */
  erf(x: V): V {
    const f = this.#f;
    const t = this.#clamp(x, -ERF_END, ERF_END);
    const z = f.let(f32x4.mul(t, t));
    const above = f32x4.mul(t, this.polynomial(erfRatio.above, z));
    return this.#clamp(f32x4.div(above, this.polynomial(erfRatio.below, z)), -1, 1);
  }

  sin(x: V): V {
    return this.#turn(x, 0);
  }
  cos(x: V): V {
    return this.#turn(x, 1);
  }

  /** Horner's rule. */
  polynomial(coefficients: readonly number[], x: V): V {
    const f = this.#f;
    let y: V = this.constant(coefficients[coefficients.length - 1]);
    for (let k = coefficients.length - 2; k >= 0; k--) y = f.let(f.madd(y, x, this.constant(coefficients[k])));
    return y;
  }

  /** Within [low, high], NaN kept. */
  #clamp(x: V, low: number, high: number): V {
    return this.#f.let(f32x4.pmin(f32x4.pmax(x, this.constant(low)), this.constant(high)));
  }

  /** `x = k ln 2 + r`, |r| <= ln(2) / 2, k whole and given as the bits of `ROUND + k`. */
  #reduce(x: V): { k: V; r: V } {
    const f = this.#f;
    const k = f.let(f.madd(x, this.constant(1 / Math.LN2), this.constant(ROUND)));
    const whole = f.let(f32x4.sub(k, this.constant(ROUND)));
    const r = f.let(f.nmadd(whole, this.constant(LN2.low), f.nmadd(whole, this.constant(LN2.high), x)));
    return { k, r };
  }

  /** `e^r - 1` for |r| <= ln(2) / 2. */
  #expm1(r: V): V {
    return this.#f.let(this.#f.madd(this.polynomial(expTail, r), this.#f.let(f32x4.mul(r, r)), r));
  }

  /** 2^k of integer lanes from -126 to 127; bits above the low nine do not count. */
  #power(k: V): V {
    return i32x4.add(i32x4.shl(k, 23), this.constant(1));
  }

  /** The magnitude of one, the sign of the other. */
  #withSign(magnitude: V, sign: V): V {
    return this.#f.let(v128.bitselect(sign, magnitude, this.#f.constant(i32x4.const(-0x80000000))));
  }

  /** sin(x + quarters pi / 2): x less the nearest multiple of pi / 2 in f64, then one of two polynomials. */
  #turn(x: V, quarters: number): V {
    const f = this.#f;
    const halves = [x, f32x4.shuffle(x, x, 2, 3, 2, 3)].map((part) => {
      const wide = f.let(f64x2.promote(part));
      const k = f.let(f64x2.nearest(f64x2.mul(wide, f.constant(f64x2.const(2 / Math.PI)))));
      const r = f64x2.sub(wide, f64x2.mul(k, f.constant(f64x2.const(Math.PI / 2))));
      return { k: f.let(i32x4.truncSatF64(k)), r: f.let(f32x4.demote(r)) };
    });
    const count = f32x4.shuffle(halves[0].k, halves[1].k, 0, 1, 4, 5);
    const k = f.let(i32x4.add(count, f.constant(i32x4.const(quarters))));
    const r = this.#clamp(f32x4.shuffle(halves[0].r, halves[1].r, 0, 1, 4, 5), -0.8, 0.8);
    const z = f.let(f32x4.mul(r, r));
    const sine = f.let(f.madd(f32x4.mul(this.polynomial(sinTail, z), z), r, r));
    const square = f.let(f32x4.mul(z, z));
    const tail = this.polynomial(cosTail, z);
    const cosine = f.let(f.madd(tail, square, f.nmadd(z, this.constant(0.5), this.constant(1))));
    const odd = i32x4.ne(v128.and(k, f.constant(i32x4.const(1))), f.constant(i32x4.const(0)));
    const flip = i32x4.shl(v128.and(k, f.constant(i32x4.const(2))), 30);
    return f.let(v128.xor(v128.bitselect(cosine, sine, odd), flip));
  }
}
