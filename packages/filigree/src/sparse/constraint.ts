import type { DenseGradient } from './rewire.js';
import { Largest, largest } from './select.js';
import type { Topology } from './topology.js';

/** Which supports a method may give a weight. */
export interface Constraint {
  readonly name: string;
  legal(topology: Topology): boolean;
}

/** Any support. */
export const anySupport: Constraint = { name: 'any', legal: () => true };

/** Every neuron has the same number of inputs, or none: the condensed layout. */
export const sameFanIn: Constraint = {
  name: 'same fan-in',
  legal({ rows, pointers }) {
    const fans = Array.from({ length: rows }, (_, i) => pointers[i + 1] - pointers[i]).filter((fan) => fan > 0);
    return fans.every((fan) => fan === fans[0]);
  },
};

/** At most `n` weights in every `m` neighbouring inputs of a neuron. */
export const nmGroups = (n: number, m: number): Constraint => ({
  name: `${n}:${m}`,
  legal({ rows, pointers, indices }) {
    for (let i = 0; i < rows; i++) {
      for (let slot = pointers[i] + n; slot < pointers[i + 1]; slot++) {
        if (Math.floor(indices[slot] / m) === Math.floor(indices[slot - n] / m)) return false;
      }
    }
    return true;
  },
});

/** Only places that another support has. */
export const within = (allowed: Topology): Constraint => ({
  name: 'within',
  legal(topology) {
    for (let i = 0; i < topology.rows; i++) {
      for (let slot = topology.pointers[i]; slot < topology.pointers[i + 1]; slot++) {
        if (allowed.slotOf(i, topology.indices[slot]) < 0) return false;
      }
    }
    return true;
  },
});

/** What is asked of `fanInSupport`. */
export interface FanInChoice {
  readonly topology: Topology;
  readonly values: ArrayLike<number>;
  readonly gradient: DenseGradient;
  /** Weights of the layer. */
  readonly budget: number;
  /** Weights that the largest gradients may take. */
  readonly replaced: number;
  /** A neuron is left out when fewer than this share of its inputs are salient; 0 leaves none out. */
  readonly ablation: number;
}

/**
 * The support with the same number of inputs in every neuron that SRigL chooses (Lasby et al. 2024), as keys. Salient are the
 * `budget - replaced` largest weights and the `replaced` largest gradients; a neuron with too few salient inputs is left out, and its
 * share goes to the others; each of these keeps its largest weights and fills up with its largest gradients.
 */
export async function fanInSupport(choice: FanInChoice): Promise<Float64Array> {
  const { topology, values, gradient, budget, ablation } = choice;
  const { rows, cols } = topology;
  const keys = topology.keys();
  const sizes = Float64Array.from(values, Math.abs);
  let nonzero = 0;
  for (const size of sizes) if (size > 0) nonzero++;
  const keep = Math.min(budget - choice.replaced, nonzero);
  const ablated = ablation > 0 ? await ablatedRows(choice, sizes, keys, keep) : new Uint8Array(rows);
  const left = rows - ablated.reduce((a, b) => a + b, 0);
  const fan = Math.min(cols, Math.floor(budget / left));
  const candidates = sizes.map((size, slot) => (ablated[Math.floor(keys[slot] / cols)] ? -1 : size));
  const kept: number[][] = Array.from({ length: rows }, () => []);
  for (const slot of largest(candidates, keep)) {
    if (candidates[slot] >= 0) kept[Math.floor(keys[slot] / cols)].push(slot);
  }
  const chosen: number[] = [];
  await gradient.rows((first, gradients) => {
    for (let r = 0; r * cols < gradients.length; r++) {
      const i = first + r;
      if (ablated[i]) continue;
      const own = kept[i];
      const slots =
        own.length <= fan
          ? own
          : Array.from(
              largest(
                own.map((slot) => sizes[slot]),
                fan,
              ),
              (k) => own[k],
            );
      const columns = new Set(slots.map((slot) => keys[slot] - i * cols));
      const grown = new Largest(fan - columns.size);
      for (let j = 0; j < cols; j++) if (!columns.has(j)) grown.offer(i * cols + j, Math.abs(gradients[r * cols + j]));
      chosen.push(...slots.map((slot) => keys[slot]), ...grown.result());
    }
  });
  return Float64Array.from(chosen).sort();
}

/** 1 for every row with too few salient places. */
async function ablatedRows(
  { topology, gradient, budget, replaced, ablation }: FanInChoice,
  sizes: Float64Array,
  keys: Float64Array,
  keep: number,
): Promise<Uint8Array> {
  const { rows, cols, pointers } = topology;
  const salient = new Set<number>();
  for (const slot of largest(sizes, keep)) salient.add(keys[slot]);
  const steep = new Largest(replaced);
  await gradient.rows((first, gradients) => {
    for (let k = 0; k < gradients.length; k++) steep.offer(first * cols + k, Math.abs(gradients[k]));
  });
  for (const key of steep.result()) salient.add(key);
  const counts = new Int32Array(rows);
  for (const key of salient) counts[Math.floor(key / cols)]++;
  let active = 0;
  for (let i = 0; i < rows; i++) if (pointers[i + 1] > pointers[i]) active++;
  const fan = Math.floor(budget / Math.max(1, active));
  let least = Math.max(1, Math.floor(ablation * fan));
  // The budget must find room in the rows that stay.
  const needed = Math.min(rows, Math.ceil(budget / cols));
  const ranked = counts.slice().sort();
  least = Math.min(least, ranked[rows - needed]);
  return Uint8Array.from(counts, (count) => Number(count < least));
}
