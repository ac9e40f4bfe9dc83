import { expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import { plainExp, plainLog, plainLog1p } from './plain-math.js';

/** How far apart two numbers are, in units of the last place of the second. */
function ulps(found: number, wanted: number): number {
  if (Object.is(found, wanted) || found === wanted) return 0;
  const [a, b] = [new DataView(new ArrayBuffer(8)), new DataView(new ArrayBuffer(8))];
  a.setFloat64(0, found);
  b.setFloat64(0, wanted);
  return Math.abs(Number(a.getBigInt64(0) - b.getBigInt64(0)));
}

it('exp and log are those of the engine to two units in the last place', () => {
  const random = new Random(5);
  let [exp, log, log1p] = [0, 0, 0];
  for (let i = 0; i < 50_000; i++) {
    const x = (random.uniform() - 0.5) * 10 ** (4 * random.uniform() - 1);
    exp = Math.max(exp, ulps(plainExp(x), Math.exp(x)));
    const y = Math.exp((random.uniform() - 0.5) * 10 ** (3.1 * random.uniform() - 1));
    log = Math.max(log, ulps(plainLog(y), Math.log(y)));
    const z = (random.uniform() - 0.4) * 10 ** (-12 * random.uniform());
    log1p = Math.max(log1p, ulps(plainLog1p(z), Math.log1p(z)));
  }
  expect([exp, log].every((error) => error <= 2)).toBe(true);
  expect(log1p).toBeLessThanOrEqual(4);
});

it.each([
  0,
  -0,
  1,
  -1,
  709.78,
  710,
  711,
  -708.4,
  -745.1,
  -746,
  -1e9,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
])('exp(%f)', (x) => expect(ulps(plainExp(x), Math.exp(x))).toBeLessThanOrEqual(2));

it.each([0, 1, 5e-324, 1e-310, 2.3e-308, 1.7e308, Number.POSITIVE_INFINITY, -1, Number.NaN])('log(%f)', (x) =>
  expect(ulps(plainLog(x), Math.log(x))).toBeLessThanOrEqual(2),
);
