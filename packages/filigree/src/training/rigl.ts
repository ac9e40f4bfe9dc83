import { dropAndGrow, dropSmallest, gradientSize, magnitude, type Rewirer, rewiringCosine } from '../sparse/index.js';

export interface RewiringOptions {
  /** Share of the weights that the first rewiring replaces; it falls along a half cosine. */
  alpha?: number;
  /** Updates between two rewirings. */
  every?: number;
  /** Share of the training after which the topology stays. */
  until?: number;
}

/**
 * RigL: every `every` updates the `alpha / 2 (1 + cos(pi t / until))` of a layer's weights that are smallest by |w| are dropped, and as many
 * places grown where |dL/dw| of that batch is largest, with weight 0 and no momentum. What is dropped and chosen again stays.
 * Evci, Gale, Menick, Castro, Elsen: Rigging the Lottery: Making All Tickets Winners, 2020.
 */
export function rigl({ alpha = 0.3, every = 100, until = 0.75 }: RewiringOptions = {}): Rewirer {
  return dropAndGrow({
    name: `rigl ${alpha} ${every} ${until}`,
    fraction: rewiringCosine(alpha, until),
    every,
    until,
    drop: dropSmallest(magnitude),
    grow: gradientSize,
  });
}
