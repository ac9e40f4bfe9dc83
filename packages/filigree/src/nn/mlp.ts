import { InputError } from '../errors.js';
import { relu, sigmoid, type Tensor, tanh } from '../tensor/index.js';
import { Layered, type LayeredOptions } from './layered.js';
import type { Parameter } from './optimiser.js';

const activations = { relu, sigmoid, tanh } as const;

export interface MlpOptions extends LayeredOptions {
  /** Features, hidden neurons of every layer, outputs. */
  readonly sizes: readonly number[];
  /** Between layers. */
  readonly activation?: keyof typeof activations;
}

/** Layers of neurons, each dense, sparse or projected. */
export class Mlp extends Layered {
  /** @param parameters those to take over; random ones by default */
  constructor(
    readonly options: MlpOptions,
    parameters?: ReadonlyMap<string, Parameter>,
  ) {
    const { sizes } = options;
    if (sizes.length < 2 || sizes.some((n) => !(Number.isInteger(n) && n > 0))) {
      throw new InputError(`the sizes of a network are two or more whole numbers, such as 784, 300, 10; not ${sizes}`);
    }
    const last = sizes.length - 2;
    super(
      sizes.slice(1).map((out, l) => ({ out, in: sizes[l], places: 1, whole: l === last })),
      options,
      parameters,
    );
  }

  with(parameters: ReadonlyMap<string, Parameter>): Mlp {
    return new Mlp({ ...this.options, topologies: undefined, projection: undefined }, parameters);
  }

  run(x: Tensor): Tensor {
    const activation = activations[this.options.activation ?? 'relu'];
    let state = x;
    for (let l = 0; l < this.layers; l++) {
      const y = this.map(l, state);
      state = l === this.layers - 1 ? y : activation(y);
    }
    return state;
  }
}
