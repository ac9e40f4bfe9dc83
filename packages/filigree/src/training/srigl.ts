import { fanInSupport, type RewireContext, type Rewirer, rewiringCosine } from '../sparse/index.js';
import type { RewiringOptions } from './rigl.js';

export interface SriglOptions extends RewiringOptions {
  /**
   * A neuron is switched off when less than this share of its inputs, rounded down, are salient; 0 never does. The paper: 0.3, in transformers 0.95.
   * With few inputs a neuron more is needed to switch any off (0.3 of six asks for one); too much leaves a handful of neurons.
   */
  ablation?: number;
}

/**
 * SRigL: RigL with the same number of inputs for every neuron that is not switched off, so that the weights are a dense table (layout
 * `condensed`). The layer keeps its budget of weights (but for what does not divide): when neurons are switched off, the others get their
 * share. The output layer keeps all neurons. An edge that is dropped and chosen again keeps its weight.
 * Lasby, Golubeva, Evci, Nica, Ioannou: Dynamic Sparse Training with Structured Sparsity, ICLR 2024.
 */
export function srigl({ alpha = 0.3, every = 100, until = 0.75, ablation = 0.3 }: SriglOptions = {}): Rewirer {
  const fraction = rewiringCosine(alpha, until);
  return {
    name: `srigl ${alpha} ${every} ${until} ${ablation}`,
    every,
    until,
    gradient: true,
    async rewire(context) {
      const { topology, values, last, memory } = context;
      memory.budget ??= Int32Array.of(topology.size);
      const [budget] = memory.budget;
      const replaced = Math.floor(fraction(context.t) * budget);
      const gradient = gradientOf(context);
      const chosen = await fanInSupport({
        topology,
        values,
        gradient,
        budget,
        replaced,
        ablation: last ? 0 : ablation,
      });
      const stays = new Set(chosen);
      const keys = topology.keys();
      const was = new Set(keys);
      const drop = Int32Array.from(keys.keys()).filter((slot) => !stays.has(keys[slot]));
      return { drop, add: chosen.filter((key) => !was.has(key)) };
    },
  };
}

function gradientOf({ gradient, name }: RewireContext) {
  if (!gradient) throw new TypeError(`SRigL needs the gradient of ${name}`);
  return gradient;
}
