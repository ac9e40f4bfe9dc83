import { InputError } from '../errors.js';
import type { Layered } from '../nn/layered.js';
import type { Parameter } from '../nn/optimiser.js';
import {
  type AllocatorName,
  allocators,
  Layout,
  type LayoutSpec,
  largest,
  ratiosOf,
  SparseTensor,
  Topology,
} from '../sparse/index.js';
import { tensor } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';

export interface PruneOptions {
  /** Share of all weights that stay. */
  density: number;
  /** Numbers of weights of the layers; `global` (default) keeps the largest of all layers together. */
  allocator?: AllocatorName | 'global';
  layout?: LayoutSpec;
}

/**
 * The network of the largest weights by |w|; biases stay. What is there already as a sparse weight loses the rest of its weights likewise.
 * @throws InputError for a density out of range, or one that asks a layer for more weights than it has
 */
export async function pruneWeights<M extends Layered>(
  model: M,
  { density, allocator = 'global', layout }: PruneOptions,
): Promise<M> {
  const shapes = model.uses;
  const sizes: Float64Array[] = [];
  const keys: (Float64Array | undefined)[] = [];
  const values: ArrayLike<number>[] = [];
  for (let l = 0; l < model.layers; l++) {
    const { data, places } = await weightsOf(model.weight(l));
    values.push(data);
    keys.push(places);
    sizes.push(Float64Array.from(data, Math.abs));
  }
  const present = sizes.reduce((sum, s) => sum + s.length, 0);
  const all = shapes.reduce((sum, s) => sum + s.out * s.in, 0);
  const counts =
    allocator === 'global' ? ratiosOf(sizes, (density * all) / present) : allocators[allocator](model.shapes, density);
  const parameters = new Map<string, Parameter>();
  for (let l = 0; l < model.layers; l++) {
    const { out, in: inputs } = shapes[l];
    if (counts[l] > sizes[l].length) {
      throw new InputError(`layer ${l} has ${sizes[l].length} weights left, but should keep ${counts[l]}`);
    }
    const kept = largest(sizes[l], counts[l]);
    const own = Float64Array.from(kept, (k) => keys[l]?.[k] ?? k);
    const packed = new Layout(Topology.fromKeys(own, out, inputs), layout);
    const numbers = new Float64Array(packed.size);
    kept.forEach((k, n) => {
      const slot = packed.support.slotOf(Math.floor(own[n] / inputs), own[n] % inputs);
      numbers[packed.places[slot]] = values[l][k];
    });
    const bias = await (
      model.parameters.get(`layers.${l}.bias`) as Parameter & { data(): Promise<ArrayLike<number>> }
    ).data();
    unscoped(() => {
      parameters.set(`layers.${l}.weight`, new SparseTensor(tensor(numbers), packed));
      parameters.set(`layers.${l}.bias`, tensor(bias));
    });
  }
  return model.with(parameters) as M;
}

/** Values with their places, ascending; all places of a dense weight. */
async function weightsOf(weight: Parameter): Promise<{ data: ArrayLike<number>; places?: Float64Array }> {
  if (!(weight instanceof SparseTensor)) return { data: await weight.data() };
  const packed = await weight.values.data();
  const { support, places } = weight.layout;
  return { data: Float64Array.from(places, (place) => packed[place]), places: support.keys() };
}
