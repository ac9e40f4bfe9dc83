import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from './half.js';

const every = Uint16Array.from({ length: 65536 }, (_, i) => i);

test('every f16 and bf16 pattern survives the way to f32 and back', () => {
  for (const [decode, encode] of [
    [f16ToF32, f32ToF16],
    [bf16ToF32, f32ToBf16],
  ] as const) {
    const values = decode(every);
    const back = encode(values);
    for (let i = 0; i < 65536; i++) {
      if (Number.isNaN(values[i])) expect(decode(back.slice(i, i + 1))[0]).toBeNaN();
      else if (back[i] !== i) expect.fail(`pattern ${i} came back as ${back[i]}`);
    }
  }
});

test('known f16 values', () => {
  expect([...f16ToF32(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00, 0x3555))]).toEqual([
    1,
    -2,
    65504,
    2 ** -24,
    2 ** -14,
    Infinity,
    0.333251953125,
  ]);
  expect([...f32ToF16(Float32Array.of(65519.99, 65520, -1e10, 2 ** -25, 2 ** -25 * 1.001, 2049, 2051))]).toEqual([
    0x7bff, 0x7c00, 0xfc00, 0, 1, 0x6800, 0x6802,
  ]);
});

test('rounding picks the nearest representable value, ties to the even pattern', () => {
  for (const [decode, encode] of [
    [f16ToF32, f32ToF16],
    [bf16ToF32, f32ToBf16],
  ] as const) {
    const all = decode(every);
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65000, max: 65000 }), (x) => {
        const got = encode(Float32Array.of(x))[0];
        const error = Math.abs(all[got] - x);
        // Neighbouring patterns of the same sign are neighbouring values; none may be nearer.
        for (const other of [got - 1, got + 1]) {
          if (other < 0 || other > 65535 || (other & 0x8000) !== (got & 0x8000) || !Number.isFinite(all[other]))
            continue;
          const there = Math.abs(all[other] - x);
          if (there < error) return false;
          if (there === error && got & 1) return false;
        }
        return true;
      }),
      { numRuns: 2000 },
    );
  }
});
