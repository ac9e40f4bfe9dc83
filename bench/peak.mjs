import { f32x4, i32 } from '../packages/filigree/dist/kernels/cpu/instructions.js';

/** Multiply-adds in registers only, 12 chains: the most that this machine does. `flops` is what one call of `work` does. */
export function fmaPeak(engine) {
  const chains = 12;
  const repeats = 8;
  const rounds = 100000;
  const kernel = engine.kernel('peak', ['i32'], (f, from, to, out) => {
    const sums = Array.from({ length: chains }, () => f.local('v128'));
    const x = f.let(f32x4.const(0.5));
    const i = f.local('i32');
    f.for(i, i32.mul(from, rounds), i32.mul(to, rounds), 1, () => {
      for (let r = 0; r < repeats; r++) for (const sum of sums) f.set(sum, f.madd(x, x, sum));
    });
    sums.forEach((sum, k) => {
      f.store(out, sum, 16 * k);
    });
  });
  const { address } = engine.memory.allocate(16 * chains);
  return { work: () => engine.run(kernel, 1, 1, [address]), flops: 8 * chains * repeats * rounds };
}
