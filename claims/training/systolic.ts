import type { ArrayWork, Dataflow } from 'filigree';

/**
 * Steps a `P x P` array cycle by cycle and counts: an independent check of the formula. Values move one element right or down a cycle; an
 * element works when both of its operands are there. Also gives the product, so that the count is of an array that computes it.
 */
export function simulate(
  work: ArrayWork,
  flow: Dataflow,
  side: number,
  w: (i: number, k: number) => number,
  x: (k: number, b: number) => number,
): { cycles: number; product: Float64Array } {
  const { out, in: inner, batch } = work;
  const product = new Float64Array(out * batch);
  let cycles = 0;
  const tile = (first: number, end: number): number[] =>
    Array.from({ length: Math.min(side, end - first) }, (_, k) => first + k);
  if (flow === 'weights') {
    for (let k0 = 0; k0 < inner; k0 += side) {
      for (let i0 = 0; i0 < out; i0 += side) {
        const [ks, is] = [tile(k0, inner), tile(i0, out)];
        // Element (r, c) holds w[is[c]][ks[r]]; inputs go right, sums down. The array is stepped until its far corner could be done.
        const sums = new Map<string, number>();
        let cycle = 0;
        let last = -1;
        for (; ; cycle++) {
          let busy = false;
          for (let r = 0; r < side; r++) {
            for (let c = 0; c < side; c++) {
              const b = cycle - r - c;
              if (b < 0 || b >= batch) continue;
              busy = true;
              if (r < ks.length && c < is.length) {
                const key = `${c} ${b}`;
                sums.set(key, (sums.get(key) ?? 0) + w(is[c], ks[r]) * x(ks[r], b));
              }
            }
          }
          if (busy) last = cycle;
          else if (last >= 0) break;
        }
        cycles += last + 1;
        for (const [key, value] of sums) {
          const [c, b] = key.split(' ').map(Number);
          product[is[c] * batch + b] += value;
        }
      }
    }
    return { cycles, product };
  }
  for (let i0 = 0; i0 < out; i0 += side) {
    for (let b0 = 0; b0 < batch; b0 += side) {
      const [is, bs] = [tile(i0, out), tile(b0, batch)];
      let last = -1;
      for (let cycle = 0; ; cycle++) {
        let busy = false;
        for (let r = 0; r < side; r++) {
          for (let c = 0; c < side; c++) {
            const k = cycle - r - c;
            if (k < 0 || k >= inner) continue;
            busy = true;
            if (r < is.length && c < bs.length) product[is[r] * batch + bs[c]] += w(is[r], k) * x(k, bs[c]);
          }
        }
        if (busy) last = cycle;
        else if (last >= 0) break;
      }
      cycles += last + 1;
    }
  }
  return { cycles, product };
}
