import {
  add,
  contiguous,
  div,
  minimum,
  mul,
  scope,
  sqrt,
  square,
  sum,
  type Tensor,
  valueAndGrad,
} from '../tensor/index.js';
import { AdamW, type AdamWOptions } from './adamw.js';
import type { Schedule } from './schedule.js';
import type { Parameters } from './weights.js';

export interface FitOptions {
  /** Updates to do. */
  steps: number;
  /** Learning rate where the schedule is 1. */
  lr: number;
  schedule?: Schedule;
  optimiser?: AdamWOptions;
  /** Largest norm of all gradients together; larger ones are scaled down to it. */
  clip?: number;
  signal?: AbortSignal;
  onProgress?: (state: { step: number; steps: number; loss: number }) => void;
  /** Steps between progress reports, each of which waits for the loss. */
  reportEvery?: number;
}

/**
 * Trains parameters in place. `loss(step)` builds the loss, a scalar, from the step's batch; it is called in a scope. Throws an
 * Error that names the step when the loss is not finite; the parameters are those of the last good report then or earlier.
 */
export async function fit(
  parameters: Parameters,
  loss: (step: number) => Tensor,
  options: FitOptions,
): Promise<{ loss: number }> {
  const { steps, lr, schedule = () => 1, clip, reportEvery = 20 } = options;
  const optimiser = new AdamW(parameters, options.optimiser);
  const list = [...parameters.values()];
  let last = Number.NaN;
  try {
    for (let step = 0; step < steps; step++) {
      options.signal?.throwIfAborted();
      const value = scope(() => {
        const { value, gradients } = valueAndGrad(() => loss(step), list);
        const packed = gradients.map((g) => g && contiguous(g));
        optimiser.step(clip === undefined ? packed : clipped(packed, clip), lr * schedule((step + 1) / steps));
        return value;
      });
      if ((step + 1) % reportEvery === 0 || step + 1 === steps) {
        [last] = await value.data();
        if (!Number.isFinite(last)) throw new Error(`the loss is ${last} at step ${step + 1}; lower the learning rate`);
        options.onProgress?.({ step: step + 1, steps, loss: last });
      }
      value.dispose();
    }
  } finally {
    optimiser.dispose();
  }
  return { loss: last };
}

/** Gradients scaled so that their joint norm is at most `limit`; no value leaves the device. */
function clipped(gradients: readonly (Tensor | null)[], limit: number): (Tensor | null)[] {
  const squares = gradients.filter((g) => g !== null).map((g) => sum(square(g)));
  // A tiny addition keeps the quotient finite where all gradients are zero.
  const norm = add(sqrt(squares.reduce((a, b) => add(a, b))), 1e-12);
  const factor = minimum(div(limit, norm), 1);
  return gradients.map((g) => g && mul(g, factor));
}
