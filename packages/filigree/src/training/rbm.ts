import type { Dataset } from '../data/dataset.js';
import { subset } from '../data/dataset.js';
import { InputError } from '../errors.js';
import type { Trainable, TrainingData } from '../nn/fit-options.js';
import type { Parameter } from '../nn/optimiser.js';
import { Layout, SparseTensor, sparseLinear, sparseLinearTransposed, type Topology } from '../sparse/index.js';
import {
  add,
  less,
  mean,
  mul,
  neg,
  noGrad,
  Random,
  scope,
  sigmoid,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';

export interface RbmOptions {
  /** Support of the weight `[hidden, visible]`. */
  readonly topology: Topology;
  /** Steps of the chain: the k of CD-k. */
  readonly steps?: number;
  /** Standard deviation of the first weights. */
  readonly deviation?: number;
  readonly seed?: number;
}

/** Samples in [0, 1], and the uniform numbers that the chain draws hidden units with, `[steps, samples, hidden]`. */
export interface RbmBatch {
  readonly inputs: Float32Array;
  readonly samples: number;
  readonly noise: Float32Array;
}

/**
 * A restricted Boltzmann machine with sparse weights `W[hidden, visible]`, energy `E(v, h) = -b v - h (W v + c)`, trained by contrastive divergence with
 * `fit`: `loss` is the mean of `E(v, h)` at the data less that where a chain of `steps` steps ends, with `h` held at its mean, so that its gradient by
 * `W`, only where there are weights, is `<v' h'> - <v h>`. Hidden units are drawn, visible ones are their means.
 * Hinton: Training Products of Experts by Minimizing Contrastive Divergence, 2002; sparse and rewired: see `set`.
 */
export class Rbm implements Trainable<RbmBatch> {
  readonly parameters: Map<string, Parameter>;
  readonly steps: number;

  constructor({ topology, steps = 2, deviation = 0.05, seed = 0 }: RbmOptions) {
    if (!(Number.isInteger(steps) && steps > 0)) {
      throw new InputError(`a chain has a whole number of steps from 1, not ${steps}`);
    }
    this.steps = steps;
    this.parameters = unscoped(() => {
      const layout = new Layout(topology);
      const values = new Random(seed).fork('weights').normals(layout.size, deviation);
      return new Map<string, Parameter>([
        ['weight', new SparseTensor(tensor(values, [layout.size]), layout)],
        ['visible', zeros([topology.cols])],
        ['hidden', zeros([topology.rows])],
      ]);
    });
  }

  get weight(): SparseTensor {
    return this.parameters.get('weight') as SparseTensor;
  }

  /** `W v + c`, `[samples, hidden]`. */
  #pull(v: Tensor): Tensor {
    return sparseLinear(v, this.weight, this.parameters.get('hidden') as Tensor);
  }

  /** The mean of the visible units under hidden ones, `[samples, visible]`. */
  #visible(h: Tensor): Tensor {
    return sigmoid(sparseLinearTransposed(h, this.weight, this.parameters.get('visible') as Tensor));
  }

  loss({ inputs, samples, noise }: RbmBatch): Tensor {
    const [hidden, visible] = this.weight.shape;
    const data = tensor(inputs, [samples, visible]);
    const size = samples * hidden;
    const model = noGrad(() => {
      let v = data;
      for (let k = 0; k < this.steps; k++) {
        const u = tensor(noise.subarray(k * size, (k + 1) * size), [samples, hidden]);
        v = this.#visible(less(u, sigmoid(this.#pull(v))));
      }
      return v;
    });
    const energy = (v: Tensor): Tensor => {
      const pull = this.#pull(v);
      const own = sum(mul(v, this.parameters.get('visible') as Tensor), 1);
      return neg(add(own, sum(mul(stopGradient(sigmoid(pull)), pull), 1)));
    };
    return mean(sub(energy(data), energy(model)));
  }

  /** Mean squared error of `v` from what the means of the hidden units give back, over samples and units. */
  async reconstructionError({ inputs, samples, features }: Dataset): Promise<number> {
    const error = scope(() =>
      noGrad(() => {
        const v = tensor(inputs, [samples, features]);
        return mean(square(sub(v, this.#visible(sigmoid(this.#pull(v))))));
      }),
    );
    const [value] = await error.data();
    error.dispose();
    return value;
  }

  replace(name: string, weight: SparseTensor): void {
    this.parameters.get(name)?.dispose();
    this.parameters.set(name, weight);
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
    this.parameters.clear();
  }
}

/** Batches of a data set with inputs in [0, 1] for a machine with so many hidden units and steps. */
export function rbmBatches(
  data: Dataset,
  { hidden, steps = 2 }: { hidden: number; steps?: number },
): TrainingData<RbmBatch> {
  return {
    batches: (size) => Math.floor(data.samples / size),
    *epoch({ size, random }) {
      const order = random.fork('order').shuffle(Array.from({ length: data.samples }, (_, k) => k));
      const chance = random.fork('chain');
      for (let at = 0; at + size <= order.length; at += size) {
        const { inputs } = subset(data, order.slice(at, at + size));
        const noise = Float32Array.from({ length: steps * size * hidden }, () => chance.uniform());
        yield { inputs, samples: size, noise };
      }
    },
  };
}
