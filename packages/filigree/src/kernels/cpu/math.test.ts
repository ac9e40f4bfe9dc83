import { afterAll, describe, expect, it } from 'vitest';
import { numbers } from '../reference.js';
import { Engine, hasRelaxedSimd } from './engine.js';
import { i32, v128 } from './instructions.js';
import { VectorMath } from './math.js';
import { validate } from './validate.testing.js';

type Name = 'exp' | 'expNegative' | 'log' | 'tanh' | 'erf' | 'sin' | 'cos';

const ulp = (x: number): number => Math.max(2 ** -149, 2 ** (Math.floor(Math.log2(Math.abs(x))) - 23));

const engines = [false, ...(hasRelaxedSimd() ? [true] : [])].map((relaxed) => new Engine({ threads: 1, relaxed }));
afterAll(() => {
  for (const engine of engines) engine.dispose();
});

function evaluate(engine: Engine, name: Name, x: readonly number[]): Float32Array {
  const kernel = engine.kernel(name, ['i32'], (f, from, to, p) => {
    const i = f.local('i32');
    f.for(i, from, to, 1, () => {
      const at = f.let(i32.add(p, i32.shl(i, 4)));
      f.store(at, new VectorMath(f)[name](f.let(v128.load(at))));
    });
  });
  validate(kernel.bytes);
  const vectors = Math.ceil(x.length / 4);
  const block = engine.memory.allocate(16 * vectors);
  engine.memory.f32.set(x, block.address / 4);
  engine.run(kernel, vectors, vectors, [block.address]);
  const y = engine.memory.f32.slice(block.address / 4, block.address / 4 + x.length);
  engine.memory.free(block);
  return y;
}

/** Floats of every magnitude and both signs, dense from `low` to `high`. */
function points(low: number, high: number): number[] {
  const x: number[] = [];
  for (let k = 0; k <= 40_000; k++) x.push(Math.fround(low + ((high - low) * k) / 40_000));
  for (let e = -149; e < 128; e++) {
    for (const m of [1, 1.0000001, 1.25, Math.SQRT2, 1.7, 1.9999999]) {
      x.push(Math.fround(m * 2 ** e), Math.fround(-m * 2 ** e));
    }
  }
  return x;
}

describe.each(engines.map((engine) => ({ engine, kind: engine.relaxed ? 'relaxed' : 'plain' })))(
  '$kind',
  ({ engine }) => {
    /** Largest error in units in the last place. */
    const worst = (name: 'exp' | 'log' | 'tanh' | 'erf', low: number, high: number) => {
      const x = points(low, high);
      const y = evaluate(engine, name, x);
      let error = 0;
      x.forEach((value, k) => {
        const exact = numbers[name](value);
        if (Number.isNaN(exact)) expect(y[k], `${name}(${value})`).toBeNaN();
        else if (!Number.isFinite(Math.fround(exact))) expect(y[k], `${name}(${value})`).toBe(Math.fround(exact));
        else error = Math.max(error, Math.abs(y[k] - exact) / ulp(exact));
      });
      return error;
    };

    it('exp, log, tanh and erf are right to a few units in the last place over the whole range', () => {
      expect(worst('exp', -110, 90)).toBeLessThan(2);
      expect(worst('log', 0, 10)).toBeLessThan(2);
      expect(worst('tanh', -10, 10)).toBeLessThan(3);
      expect(worst('erf', -5, 5)).toBeLessThan(6);
    });

    it('sin and cos are right to 1e-7', () => {
      for (const [low, high] of [
        [-10, 10],
        [-1e4, 1e4],
        [-1e8, 1e8],
      ]) {
        const x = points(low, high).filter((value) => Math.abs(value) <= 1e8);
        for (const name of ['sin', 'cos'] as const) {
          const y = evaluate(engine, name, x);
          const error = Math.max(...x.slice(0, 40_001).map((value, k) => Math.abs(y[k] - Math[name](value))));
          expect(error, `${name} to ${high}`).toBeLessThan(1e-7);
        }
      }
      for (const y of evaluate(engine, 'sin', [1e20, -1e30, 3e38])) expect(Math.abs(y)).toBeLessThanOrEqual(1);
    });

    it('the cheaper exponential agrees where the result is normal', () => {
      const x = points(-120, 0).filter((value) => value <= 0);
      const y = evaluate(engine, 'expNegative', x);
      x.forEach((value, k) => {
        const exact = value <= Math.fround(-87.3) ? 0 : Math.exp(value);
        if (Math.abs(y[k] - exact) > 2 * ulp(exact)) expect(y[k], `exp(${value})`).toBe(exact);
      });
    });

    it('treats infinities, zeros and NaN as Math does', () => {
      const x = [Infinity, -Infinity, 0, -0, Number.NaN, -1];
      for (const name of ['exp', 'log', 'tanh', 'erf', 'sin', 'cos'] as const) {
        const expected = x.map((value) => Math.fround(numbers[name](value)));
        const y = [...evaluate(engine, name, x)];
        expect(
          y.map((value, k) => (Math.abs(value - expected[k]) < 1e-6 ? expected[k] : value)),
          name,
        ).toEqual(expected);
      }
      expect([...evaluate(engine, 'expNegative', [-Infinity, 0, Number.NaN])]).toEqual([0, 1, Number.NaN]);
    });
  },
);
