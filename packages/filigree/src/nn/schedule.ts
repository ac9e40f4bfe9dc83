/** A factor of the learning rate at a share `t` of the training, 0 to 1. */
export type Schedule = (t: number) => number;

/** Rises linearly during the share `warmup`, then falls along a half cosine to `end`. */
export function cosine(options: { warmup?: number; end?: number } = {}): Schedule {
  const { warmup = 0.02, end = 0 } = options;
  return (t) => {
    if (t < warmup) return t / warmup;
    return end + (1 - end) * 0.5 * (1 + Math.cos((Math.PI * (t - warmup)) / (1 - warmup)));
  };
}
