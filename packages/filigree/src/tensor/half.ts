/** Conversions between f32 and the two 16-bit float formats of model files, IEEE binary16 (f16) and bfloat16. */

let table: Float32Array | undefined;

/** The value of every f16 bit pattern, made on first use: 256 KiB that turn decoding into one lookup. */
function f16Table(): Float32Array {
  if (table) return table;
  table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    const magnitude =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent < 31
          ? (1024 + fraction) * 2 ** (exponent - 25)
          : fraction === 0
            ? Infinity
            : NaN;
    table[bits] = bits & 0x8000 ? -magnitude : magnitude;
  }
  return table;
}

/** f16 bit patterns to f32; exact. */
export function f16ToF32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const values = f16Table();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = values[bits[i]];
  return out;
}

/** bfloat16 bit patterns to f32; exact. */
export function bf16ToF32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i] << 16;
  return new Float32Array(out.buffer);
}

/** f32 to f16 bit patterns, to nearest with ties to even; beyond 65504 (by half a step or more) becomes infinite. */
export function f32ToF16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const bits = source[i];
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = bits & 0x7fffffff;
    out[i] = sign | (magnitude > 0x7f800000 ? 0x7e00 : f16Magnitude(magnitude));
  }
  return out;
}

/** f16 bits of a non-negative f32 given by its bits, NaN excluded. */
function f16Magnitude(bits: number): number {
  // 0x477ff000 is 65520, halfway between the largest f16 and the next power of two; ties go up to the even neighbour, infinity.
  if (bits >= 0x477ff000) return 0x7c00;
  if (bits >= 0x38800000) {
    // Normal in f16: rebase the exponent by 127 - 15, round away 13 bits of fraction; a carry runs into the exponent rightly.
    const rebased = bits - 0x38000000;
    return (rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13;
  }
  // Subnormal in f16: the fraction counts steps of 2^-24. Below 2^-25 (0x33000000), and at it, that rounds to zero.
  if (bits <= 0x33000000) return 0;
  const shift = 126 - (bits >>> 23);
  const fraction = (bits & 0x7fffff) | 0x800000;
  const half = 1 << (shift - 1);
  return (fraction + half - 1 + ((fraction >>> shift) & 1)) >>> shift;
}

/** f32 to bfloat16 bit patterns, to nearest with ties to even. */
export function f32ToBf16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const bits = source[i];
    const nan = (bits & 0x7fffffff) > 0x7f800000;
    out[i] = nan ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
  return out;
}
