import { dropAndGrow, dropTwoSided, type Rewirer } from '../sparse/index.js';

export interface SetOptions {
  /** Share of the weights that are replaced, or a schedule of it over the training. */
  zeta?: number | ((t: number) => number);
  /** Updates between two rewirings; once an epoch by default, but not after the last. */
  every?: number | 'epoch';
  until?: number;
  /** Standard deviation of new weights. */
  deviation?: number;
}

/**
 * SET: after each epoch the `zeta` of the positive weights and the `zeta` of the negative ones that are nearest to zero are dropped, and as many grown
 * at random free places, from N(0, deviation^2), without momentum.
 * Mocanu, Mocanu, Stone, Nguyen, Gibescu, Liotta: Scalable Training of Artificial Neural Networks with Adaptive Sparse Connectivity inspired
 * by Network Science, Nature Communications 2018.
 */
export function set({ zeta = 0.3, every = 'epoch', until = 1, deviation = 0.1 }: SetOptions = {}): Rewirer {
  return dropAndGrow({
    name: `set ${typeof zeta === 'number' ? zeta : 'scheduled'} ${every} ${until} ${deviation}`,
    fraction: typeof zeta === 'number' ? () => zeta : zeta,
    every,
    until,
    drop: dropTwoSided,
    grow: 'random',
    start: (random) => deviation * random.normal(),
  });
}
