import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModuleBuilder } from './assembler.js';
import { f32, f32x4, i32, i32x4, select, signed, unsigned, v128 } from './instructions.js';
import { validate } from './validate.testing.js';
import { instantiate, wasm } from './webassembly.js';

function run(m: ModuleBuilder, shared = false) {
  const bytes = m.finish();
  validate(bytes);
  const memory = new wasm.Memory({ initial: 1, maximum: 65536, shared });
  const { exports } = instantiate(bytes, memory);
  return {
    call: (name: string, ...args: number[]) => exports[name](...args),
    floats: new Float32Array(memory.buffer),
    ints: new Int32Array(memory.buffer),
  };
}

describe('LEB128', () => {
  it('decodes to what was encoded', () => {
    const decode = (bytes: number[], extend: boolean) => {
      let x = 0n;
      bytes.forEach((byte, k) => {
        x |= BigInt(byte & 0x7f) << BigInt(7 * k);
      });
      return Number(extend ? BigInt.asIntN(7 * bytes.length, x) : x);
    };
    fc.assert(fc.property(fc.integer(), (x) => decode(signed(x), true) === x));
    fc.assert(fc.property(fc.nat(0xffffffff), (x) => decode(unsigned(x), false) === x));
    expect(signed(0x80000000)).toEqual(signed(-0x80000000));
  });
});

describe('ModuleBuilder', () => {
  it.each([false, true])('runs loops with a vector body and a scalar tail (shared %s)', (shared) => {
    const m = new ModuleBuilder({ shared });
    m.func('axpy', ['i32', 'i32', 'i32', 'f32'], (f, y, x, n, alpha) => {
      const i = f.local('i32');
      const scale = f.let(f32x4.splat(alpha));
      f.for(i, 0, i32.sub(n, 3), 4, () => {
        f.store(y, f.madd(v128.load(x), scale, v128.load(y)));
        f.increment(x, 16);
        f.increment(y, 16);
      });
      f.for(i, undefined, n, 1, () => {
        f.store(y, f32.add(f32.mul(f32.load(x), alpha), f32.load(y)));
        f.increment(x, 4);
        f.increment(y, 4);
      });
    });
    const { call, floats } = run(m, shared);
    for (const n of [0, 1, 3, 4, 5, 11]) {
      for (let k = 0; k < 16; k++) {
        floats[k] = k;
        floats[64 + k] = 10 * k;
      }
      call('axpy', 0, 256, n, 0.5);
      expect([...floats.slice(0, 16)]).toEqual(Array.from({ length: 16 }, (_, k) => (k < n ? 6 * k : k)));
    }
  });

  it('branches out of nested blocks and loops', () => {
    const m = new ModuleBuilder();
    // The first k >= 0 with k * k >= n, or -1 beyond 100.
    m.func('root', ['i32'], (f, n) => {
      const k = f.local('i32');
      f.block((found) => {
        f.loop((again) => {
          f.if(i32.ge(i32.mul(k, k), n), () => f.br(found));
          f.increment(k, 1);
          f.brIf(again, i32.le(k, 100));
        });
        f.set(k, -1);
      });
      return k;
    });
    m.func('sign', ['f32'], (f, x) => {
      const s = f.local('i32');
      f.if(
        f32.lt(x, 0),
        () => f.set(s, -1),
        () => f.set(s, f32.gt(x, 0)),
      );
      return s;
    });
    const { call } = run(m);
    expect([0, 1, 2, 17, 10000, 10202].map((n) => call('root', n))).toEqual([0, 1, 2, 5, 100, -1]);
    expect([-2.5, 0, 7].map((x) => call('sign', x))).toEqual([-1, 0, 1]);
  });

  it('calls earlier functions, for a result and for an effect', () => {
    const m = new ModuleBuilder();
    const cube = m.func('cube', ['f32'], (_f, x) => f32.mul(x, f32.mul(x, x)));
    const put = m.func('put', ['i32', 'f32'], (f, p, x) => f.store(p, x, 4));
    m.func('main', ['f32'], (f, x) => {
      f.call(put, 8, f.value(cube, x));
    });
    const { call, floats } = run(m);
    call('main', 3);
    expect(floats[3]).toBe(27);
  });

  it('agrees with JavaScript on scalar integer and float instructions', () => {
    const m = new ModuleBuilder();
    const integer = {
      add: (a: number, b: number) => (a + b) | 0,
      sub: (a: number, b: number) => (a - b) | 0,
      mul: (a: number, b: number) => Math.imul(a, b),
      and: (a: number, b: number) => a & b,
      or: (a: number, b: number) => a | b,
      xor: (a: number, b: number) => a ^ b,
      shl: (a: number, b: number) => a << b,
      shr: (a: number, b: number) => a >> b,
      shrU: (a: number, b: number) => (a >>> b) | 0,
      lt: (a: number, b: number) => Number(a < b),
      ltU: (a: number, b: number) => Number(a >>> 0 < b >>> 0),
      geU: (a: number, b: number) => Number(a >>> 0 >= b >>> 0),
      remU: (a: number, b: number) => ((a >>> 0) % (b >>> 0)) | 0,
      divU: (a: number, b: number) => ((a >>> 0) / (b >>> 0)) | 0,
    } as const;
    const float = {
      add: (a: number, b: number) => a + b,
      sub: (a: number, b: number) => a - b,
      mul: (a: number, b: number) => a * b,
      div: (a: number, b: number) => a / b,
      min: Math.min,
      max: Math.max,
    } as const;
    for (const name of Object.keys(integer) as (keyof typeof integer)[])
      m.func('i' + name, ['i32', 'i32'], (_f, a, b) => i32[name](a, b));
    for (const name of Object.keys(float) as (keyof typeof float)[])
      m.func('f' + name, ['f32', 'f32'], (_f, a, b) => f32[name](a, b));
    m.func('pick', ['i32', 'f32', 'f32'], (_f, c, a, b) => select('f32', c, a, b));
    m.func('trunc', ['f32'], (_f, x) => i32.truncSat(x));
    const { call } = run(m);
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (a, b) => {
        for (const [name, is] of Object.entries(integer)) {
          if (b === 0 && (name === 'remU' || name === 'divU')) continue;
          expect(call('i' + name, a, b), name).toBe(is(a, b));
        }
      }),
    );
    const value = fc.float();
    fc.assert(
      fc.property(value, value, (a, b) => {
        for (const [name, is] of Object.entries(float))
          expect(call('f' + name, a, b), name).toBe(Math.fround(is(a, b)));
        expect(call('pick', 1, a, b)).toBe(a);
        expect(call('pick', 0, a, b)).toBe(b);
      }),
    );
    expect([1e20, -1e20, Number.NaN, -2.9].map((x) => call('trunc', x))).toEqual([2 ** 31 - 1, -(2 ** 31), 0, -2]);
  });

  it('computes lane by lane', () => {
    const m = new ModuleBuilder();
    const vector = {
      add: (a: number, b: number) => a + b,
      sub: (a: number, b: number) => a - b,
      mul: (a: number, b: number) => a * b,
      div: (a: number, b: number) => a / b,
      min: Math.min,
      max: Math.max,
      pmin: Math.min,
      pmax: Math.max,
    } as const;
    for (const name of Object.keys(vector) as (keyof typeof vector)[])
      m.func(name, [], (f) => f.store(0, f32x4[name](v128.load(16), v128.load(32))));
    m.func('less', [], (f) =>
      f.store(0, v128.bitselect(v128.load(16), v128.load(32), f32x4.lt(v128.load(16), v128.load(32)))),
    );
    m.func('reverse', [], (f) => f.store(0, f32x4.shuffle(v128.load(16), v128.load(32), 7, 2, 5, 0)));
    m.func('bits', [], (f) => f.store(0, f32x4.convert(i32x4.shl(i32x4.truncSat(v128.load(16)), 2))));
    m.func('lanes', [], (f) => {
      const x = f.let(f32x4.replace(v128.load32Splat(16), 2, f32x4.lane(v128.load(32), 3)));
      f.store(0, v128.load32Lane(20, x, 1));
      f.storeLane(8, x, 0, 4);
    });
    const { call, floats } = run(m);
    const x = fc.float({ noNaN: true }).map((a) => (a === 0 ? 0 : a));
    const four = fc.tuple(x, x, x, x);
    fc.assert(
      fc.property(four, four, (a, b) => {
        floats.set(a, 4);
        floats.set(b, 8);
        const result = (name: string) => {
          call(name);
          return [...floats.slice(0, 4)];
        };
        for (const [name, is] of Object.entries(vector))
          expect(result(name), name).toEqual(a.map((x, k) => Math.fround(is(x, b[k]))));
        expect(result('less')).toEqual(a.map((x, k) => Math.min(x, b[k])));
        expect(result('reverse')).toEqual([b[3], a[2], b[1], a[0]]);
        expect(result('lanes')).toEqual([a[0], a[1], b[3], a[0]]);
      }),
    );
    floats.set([1.5, -2.7, 3, 0], 4);
    call('bits');
    expect([...floats.slice(0, 4)]).toEqual([4, -8, 12, 0]);
  });

  it('copies and fills memory', () => {
    const m = new ModuleBuilder();
    m.func('move', ['i32', 'i32', 'i32'], (f, to, from, bytes) => f.memoryCopy(to, from, bytes));
    m.func('fill', ['i32', 'i32', 'i32'], (f, to, byte, bytes) => f.memoryFill(to, byte, bytes));
    const { call, ints } = run(m);
    ints.set([1, 2, 3, 4], 0);
    call('move', 4, 0, 16);
    call('fill', 32, 0xff, 4);
    expect([...ints.slice(0, 5)]).toEqual([1, 1, 2, 3, 4]);
    expect(ints[8]).toBe(-1);
  });

  it('writes relaxed multiply-add only when asked', () => {
    const build = (relaxed: boolean) => {
      const m = new ModuleBuilder({ relaxed });
      m.func('f', [], (f) => {
        f.store(0, f.madd(v128.load(16), v128.load(32), v128.load(48)));
        f.store(64, f.nmadd(v128.load(16), v128.load(32), v128.load(48)));
      });
      return m;
    };
    validate(build(true).finish());
    expect([...build(true).finish()].join()).toContain([0xfd, 0x85, 0x02].join());
    const { call, floats } = run(build(false));
    floats.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 4);
    call('f');
    expect([...floats.slice(0, 4)]).toEqual([14, 22, 32, 44]);
    expect([...floats.slice(16, 20)]).toEqual([4, -2, -10, -20]);
  });
});
