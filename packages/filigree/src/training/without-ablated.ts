import { Mlp } from '../nn/mlp.js';
import { type Parameter, valuesOf } from '../nn/optimiser.js';
import { Layout, SparseTensor, Topology } from '../sparse/index.js';
import { noGrad, relu, scope, sigmoid, tanh, tensor } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';

const activations = { relu, sigmoid, tanh } as const;

/**
 * The same function without the hidden neurons that have no inputs: what such a neuron always gives, the activation of its bias, goes into
 * the biases behind it, and its row and its column go. Only sparse layers are thinned.
 */
export async function withoutAblated(model: Mlp): Promise<Mlp> {
  const { sizes, activation = 'relu' } = model.options;
  const parameters = new Map<string, Parameter>();
  const thinned = [...sizes];
  /** Of the layer before: the new place of each neuron, -1 for those that go, and what those always give. */
  let places = Int32Array.from({ length: sizes[0] }, (_, j) => j);
  let constants: ArrayLike<number> = new Float64Array(sizes[0]);
  for (let l = 0; l < model.layers; l++) {
    const weight = model.weight(l);
    const last = l === model.layers - 1;
    const bias = Float64Array.from(await valuesOf(model.parameters.get(`layers.${l}.bias`) as Parameter).data());
    const { support, values } = await entriesOf(weight);
    const { rows, cols, pointers, indices } = support;
    const own = new Int32Array(rows);
    const keys: number[] = [];
    const kept: number[] = [];
    let next = 0;
    const stays = (i: number): boolean => last || pointers[i + 1] > pointers[i];
    for (let i = 0; i < rows; i++) own[i] = stays(i) ? next++ : -1;
    const width = places.reduce((count, place) => count + Number(place >= 0), 0);
    for (let i = 0; i < rows; i++) {
      for (let slot = pointers[i]; slot < pointers[i + 1]; slot++) {
        const j = indices[slot];
        if (places[j] < 0) bias[i] += values[slot] * constants[j];
        else if (own[i] >= 0) {
          keys.push(own[i] * width + places[j]);
          kept.push(values[slot]);
        }
      }
    }
    const activated = scope(() => noGrad(() => activations[activation](tensor(bias))));
    constants = await activated.data();
    activated.dispose();
    thinned[l + 1] = next;
    const left = bias.filter((_, i) => own[i] >= 0);
    unscoped(() => {
      const layout = new Layout(Topology.fromKeys(keys, next, width));
      const dense = !(weight instanceof SparseTensor) && width === cols;
      parameters.set(
        `layers.${l}.weight`,
        dense ? tensor(kept, [next, width]) : new SparseTensor(tensor(kept), layout),
      );
      parameters.set(`layers.${l}.bias`, tensor(left));
    });
    places = own;
  }
  return new Mlp({ ...model.options, sizes: thinned, topologies: undefined }, parameters);
}

/** Support and values by slot; of a dense weight all places. */
async function entriesOf(weight: Parameter): Promise<{ support: Topology; values: ArrayLike<number> }> {
  if (weight instanceof SparseTensor) {
    const packed = await weight.values.data();
    const { support, places } = weight.layout;
    return { support, values: Float64Array.from(places, (place) => packed[place]) };
  }
  const [rows, cols] = weight.shape;
  const all = new Uint8Array(rows * cols).fill(1);
  return { support: Topology.fromMask(all, rows, cols), values: await weight.data() };
}
