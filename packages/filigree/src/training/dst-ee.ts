import {
  type DenseGradient,
  dropAndGrow,
  dropSmallest,
  explore,
  magnitude,
  type RewireContext,
  type Rewirer,
  rewiringCosine,
} from '../sparse/index.js';
import type { RewiringOptions } from './rigl.js';

export interface DstEeOptions extends RewiringOptions {
  /**
   * Weight of exploration; 0 is RigL. By default it is set for each layer in the first round, so that a place never tried gets as much
   * from exploration as the 95th percentile of |dL/dw|.
   */
  c?: number;
  /** Smaller = more for what was never tried. */
  eps?: number;
}

/**
 * DST-EE: as RigL, but grows where `|dL/dw| + c ln(1 + t) / (N + eps)` is largest, with `t` the round, from 1, and `N` the rounds in
 * which a place was active. (The paper has `ln t` with `t` in updates, which is above 0 from the first rewiring on.)
 * Huang, Lei, Liu, Pool, et al.: Dynamic Sparse Training via Balancing the Exploration-Exploitation Trade-off, DAC 2023.
 */
export function dstEe({ alpha = 0.3, every = 100, until = 0.75, c, eps = 1 }: DstEeOptions = {}): Rewirer {
  return dropAndGrow({
    name: `dst-ee ${alpha} ${every} ${until} ${c} ${eps}`,
    fraction: rewiringCosine(alpha, until),
    every,
    until,
    drop: dropSmallest(magnitude),
    grow: {
      gradient: true,
      visits: true,
      score: async (context) => explore(c ?? (await ownWeight(context, eps)), eps),
    },
  });
}

/** The weight that a layer got in its first round, kept as the bits of a float. */
async function ownWeight({ memory, gradient, round, topology }: RewireContext, eps: number): Promise<number> {
  if (!memory.exploration) {
    const size = gradient ? await percentile(gradient, topology.rows * topology.cols, 0.95) : 0;
    const c = (size * eps) / Math.log(1 + round);
    memory.exploration = new Int32Array(Float32Array.of(c).buffer);
  }
  return new Float32Array(memory.exploration.slice().buffer)[0];
}

/** A percentile of |gradient|, from an even part of at most about 100,000 places. */
async function percentile(gradient: DenseGradient, places: number, share: number): Promise<number> {
  const stride = Math.max(1, Math.floor(places / 100_000));
  const sizes: number[] = [];
  let at = 0;
  await gradient.rows((_, gradients) => {
    for (let k = 0; k < gradients.length; k++) if (at++ % stride === 0) sizes.push(Math.abs(gradients[k]));
  });
  return Float64Array.from(sizes).sort()[Math.floor(share * (sizes.length - 1))];
}
