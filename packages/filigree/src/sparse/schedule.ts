/** A quantity over a training: its value at the share `t` that is done, 0 to 1. */
export type Schedule = (t: number) => number;

/** Rises linearly during the share `warmup`, then falls along a half cosine to `end`. */
export function cosine(options: { warmup?: number; end?: number } = {}): Schedule {
  const { warmup = 0.02, end = 0 } = options;
  return (t) => {
    if (t < warmup) return t / warmup;
    return end + (1 - end) * 0.5 * (1 + Math.cos((Math.PI * (t - warmup)) / (1 - warmup)));
  };
}

/** Rises linearly during the share `warmup`, then is multiplied by `factor` at each of the shares `at`. */
export function stepDecay(options: { at: readonly number[]; factor?: number; warmup?: number }): Schedule {
  const { at, factor = 0.1, warmup = 0 } = options;
  return (t) => (t < warmup ? t / warmup : factor ** at.filter((share) => t >= share).length);
}

/** The share of weights that a rewiring replaces (Evci et al. 2020): `alpha / 2 (1 + cos(pi t / until))`, 0 from `until` on. */
export function rewiringCosine(alpha = 0.3, until = 0.75): Schedule {
  return (t) => (t >= until ? 0 : (alpha / 2) * (1 + Math.cos((Math.PI * t) / until)));
}

/** Density from `from` to `to` along a cubic (Zhu, Gupta 2017), between the shares `begin` and `end` of the training. */
export function cubic(from: number, to: number, begin = 0, end = 1): Schedule {
  return (t) => {
    const share = Math.min(1, Math.max(0, (t - begin) / (end - begin)));
    return to + (from - to) * (1 - share) ** 3;
  };
}
