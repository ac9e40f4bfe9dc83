import { afterEach, describe, expect, it } from 'vitest';
import '../../node/index.js';
import { Engine } from './engine.js';
import { i32 } from './instructions.js';

let engine: Engine | undefined;
afterEach(() => engine?.dispose());

/** `out[u] += seed * u`, slowly, so that workers have time to take part. */
function slowFill(e: Engine, rounds: number) {
  return e.kernel(`slow ${rounds}`, ['i32', 'i32'], (f, from, to, out, seed) => {
    const u = f.local('i32');
    const r = f.local('i32');
    const p = f.local('i32');
    f.for(u, from, to, 1, () => {
      f.set(p, i32.add(out, i32.shl(u, 2)));
      f.for(r, 0, rounds, 1, () => {
        f.store(p, i32.add(i32.load(p), i32.mul(u, seed)));
      });
    });
  });
}

describe('threads', () => {
  it('does every unit once, whoever does it', () => {
    engine = new Engine({ threads: 3 });
    const units = 1000;
    const out = engine.memory.allocate(4 * units);
    const index = out.address / 4;
    const kernel = slowFill(engine, 100);
    const expected = new Int32Array(units);
    engine.memory.i32.fill(0, index, index + units);
    for (let job = 1; job <= 300; job++) {
      engine.run(kernel, units, 16, [out.address, job]);
      for (let u = 0; u < units; u++) expected[u] += 100 * job * u;
      expect(engine.memory.i32.subarray(index, index + units)).toEqual(expected);
    }
  });

  it('lets workers compile kernels that were written after they began, in memory that has grown', async () => {
    engine = new Engine({ threads: 2 });
    const units = 64;
    for (let round = 1; round <= 20; round++) {
      engine.memory.allocate(2 ** 20);
      const out = engine.memory.allocate(4 * units);
      const index = out.address / 4;
      engine.memory.i32.fill(0, index, index + units);
      const kernel = slowFill(engine, 1000 * round);
      for (let job = 0; job < 3; job++) engine.run(kernel, units, 1, [out.address, 1]);
      const expected = Int32Array.from({ length: units }, (_, u) => 3 * 1000 * round * u);
      expect(engine.memory.i32.slice(index, index + units)).toEqual(expected);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });

  it('share the work: two units that wait for each other both end', async () => {
    engine = new Engine({ threads: 2 });
    const kernel = engine.kernel('meet', ['i32', 'i32'], (f, from, to, flags, round) => {
      const unit = f.local('i32');
      const spin = f.local('i32');
      f.for(unit, from, to, 1, () => {
        f.store(i32.add(flags, i32.shl(unit, 2)), round);
        const other = f.let(i32.add(flags, i32.shl(i32.xor(unit, 1), 2)));
        f.set(spin, 0);
        f.loop((again) => {
          f.increment(spin, 1);
          f.brIf(again, i32.and(i32.ne(i32.load(other), round), i32.lt(spin, 10_000_000)));
        });
        f.store(i32.add(flags, i32.shl(unit, 2)), i32.lt(spin, 10_000_000), 8);
      });
    });
    const flags = engine.memory.allocate(16).address;
    let met = 0;
    // A worker that only just begins may meet us once; to do so again it has to be woken from its sleep.
    for (let round = 1; round < 1000 && met < 4; round++) {
      engine.run(kernel, 2, 1, [flags, round + 1]);
      const ended = engine.memory.i32.subarray(flags / 4 + 2, flags / 4 + 4);
      if (ended[0] === 1 && ended[1] === 1) met++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(met).toBe(4);
  });

  it('pass on that a kernel failed, and go on', () => {
    engine = new Engine({ threads: 2 });
    const trap = engine.kernel('trap', ['i32'], (f, from, _to, p) => f.store(p, from));
    const out = engine.memory.allocate(32).address;
    for (let round = 0; round < 50; round++) {
      // The last word of 4 GiB, which this memory does not reach.
      expect(() => engine?.run(trap, 8, 1, [-4])).toThrow();
      engine.run(trap, 8, 1, [out]);
    }
  });

  it('is one thread in unshared memory when told so', () => {
    engine = new Engine({ threads: 1 });
    expect(engine.memory.shared).toBe(false);
  });
});
