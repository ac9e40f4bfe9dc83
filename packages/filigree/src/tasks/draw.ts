/** Seeded choices: the same seed gives the same sequence on every host. */
export interface Draw {
  /** A number in [0, 1). */
  unit(): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One element of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /** `count` different elements of a list that has at least so many, in random order. */
  sample<T>(list: readonly T[], count: number): T[];
}

/** 32-bit FNV-1a hash of a text's UTF-16 code units: a whole number in 0 .. 2^32 - 1. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // FNV's low bits barely depend on the last letters; one round of mixing spreads them.
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x45d9f3b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Choices that follow from a seed and a purpose; two purposes with one seed are unrelated. */
export function draw(seed: number, purpose = ''): Draw {
  let state = (hashText(purpose) ^ Math.imul(seed, 0x9e3779b1) ^ Math.floor(seed / 2 ** 32)) | 0;
  const unit = (): number => {
    // SplitMix32: a counter through a 32-bit finaliser, period 2^32.
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number): number => low + Math.floor(unit() * (high - low + 1));
  return {
    unit,
    between,
    chance: (probability) => unit() < probability,
    pick: (list) => list[between(0, list.length - 1)],
    sample(list, count) {
      const pool = [...list];
      for (let i = 0; i < count; i++) {
        const j = between(i, pool.length - 1);
        [pool[i], pool[j]] = [pool[j], pool[i]];
      }
      return pool.slice(0, count);
    },
  };
}
