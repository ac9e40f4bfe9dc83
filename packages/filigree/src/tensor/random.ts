/**
 * Seeded random numbers (xoshiro128**, seeded through splitmix32). The same seed gives the same numbers on every device, host
 * and number of threads.
 */
export class Random {
  private readonly state: Uint32Array;
  private spare: number | undefined;

  constructor(seed: number) {
    this.state = new Uint32Array(4);
    let s = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
    for (let i = 0; i < 4; i++) {
      s = (s + 0x9e3779b9) >>> 0;
      let z = s;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.state[i] = (z ^ (z >>> 16)) >>> 0;
    }
  }

  /** An independent generator for a named purpose. */
  fork(label: string): Random {
    let h = 0x811c9dc5;
    for (let i = 0; i < label.length; i++) h = Math.imul(h ^ label.charCodeAt(i), 0x01000193);
    return new Random((h ^ this.bits()) >>> 0);
  }

  /** 32 random bits. */
  bits(): number {
    const s = this.state;
    const r = Math.imul(s[1], 5);
    const result = Math.imul((r << 7) | (r >>> 25), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.bits() >>> 5) * 67108864 + (this.bits() >>> 6)) / 9007199254740992;
  }

  /** A whole number in [0, n). */
  integer(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** Standard normal (polar method). */
  normal(): number {
    if (this.spare !== undefined) {
      const value = this.spare;
      this.spare = undefined;
      return value;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s === 0 || s >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      this.spare = v * scale;
      return u * scale;
    }
  }

  /** One of `items`. */
  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)];
  }

  /** A shuffled copy. */
  shuffle<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  }

  /** `n` independent normals times `scale`. */
  normals(n: number, scale = 1): Float64Array {
    return Float64Array.from({ length: n }, () => this.normal() * scale);
  }
}

/**
 * A standard normal that depends on a seed and a key only, without the numbers before it: any part of a large random array can be
 * made by itself (Box-Muller on two hashes of 53 and 32 bits).
 * @param key a whole number below 2^53
 */
export function keyedNormal(seed: number, key: number): number {
  const high = Math.floor(key / 2 ** 32);
  let h = mixed((seed | 0) ^ 0x9e3779b9);
  h = mixed(h ^ (key >>> 0));
  h = mixed((h ^ high) + 0x7f4a7c15);
  const [a, b, c] = [mixed(h + 0x9e3779b9), mixed(h + 0x3c6ef372), mixed(h + 0xdaa66d2b)];
  const u = ((a >>> 5) * 67108864 + (b >>> 6) + 1) / 9007199254740992;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos((2 * Math.PI * (c >>> 0)) / 2 ** 32);
}

/** A permutation of 32-bit numbers in which every bit depends on every other (finaliser of MurmurHash3). */
function mixed(x: number): number {
  let z = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
