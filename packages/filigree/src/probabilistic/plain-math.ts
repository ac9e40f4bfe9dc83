/**
 * exp, log and log1p by +, -, * and / alone. The language leaves the last digits of `Math.exp` and `Math.log` to each engine, but
 * not those of the four operations, so these give the same bits on every machine: what a coder and its decoder must agree on.
 * Errors stay below two units in the last place.
 */

/** ln 2 in two parts: the first has 32 bits, so that its product with an exponent is exact. */
const ln2High = 2977044471 / 4294967296;
const ln2Low = 1.9082149292705877e-10;

const bits = new DataView(new ArrayBuffer(8));

/** 2^k exactly, for -1022 <= k <= 1023. */
function powerOfTwo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** e^x: x = k ln 2 + r with |r| <= ln 2 / 2, and the series of e^r. */
export function plainExp(x: number): number {
  if (!(x > -746)) return Number.isNaN(x) ? x : 0;
  if (x > 710) return Number.POSITIVE_INFINITY;
  const k = Math.floor(x / Math.LN2 + 0.5);
  const r = x - k * ln2High - k * ln2Low;
  let tail = 0;
  for (let n = 15; n >= 2; n--) tail = (r * (1 + tail)) / n;
  const value = 1 + (r + r * tail);
  // In two steps, since 2^k alone may be out of range.
  const half = Math.trunc(k / 2);
  return value * powerOfTwo(half) * powerOfTwo(k - half);
}

/** Natural logarithm: x = m 2^e with m from √½ to √2, and log m = 2 artanh s with s = (m - 1) / (m + 1). */
export function plainLog(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  let e = 0;
  if (x < 2.2250738585072014e-308) {
    x *= 18014398509481984;
    e = -54;
  }
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  e += (high >>> 20) - 1023;
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let m = bits.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    e++;
  }
  const f = m - 1;
  const s = f / (2 + f);
  const z = s * s;
  let series = 0;
  for (let n = 25; n >= 3; n -= 2) series = z * (1 / n + series);
  // log m = 2s + 2s·series, with 2s = f - s f written so that f keeps all its digits.
  return e * ln2High + (f - (s * f - (2 * s * series + e * ln2Low)));
}

/** log(1 + x), also for small x. */
export function plainLog1p(x: number): number {
  const u = 1 + x;
  if (u === 1) return x;
  if (!(u > 0) || u === Number.POSITIVE_INFINITY) return plainLog(u);
  // What rounding took from 1 + x is given back to first order.
  return (plainLog(u) * x) / (u - 1);
}
