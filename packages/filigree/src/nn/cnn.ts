import { InputError } from '../errors.js';
import { mean, patches, relu, reshape, type Tensor } from '../tensor/index.js';
import { Layered, type LayeredOptions, type LayerUse } from './layered.js';
import type { Parameter } from './optimiser.js';

export interface CnnOptions extends LayeredOptions {
  /** Height, width and channels of the images that samples are, channels fastest. */
  readonly image: readonly [height: number, width: number, channels: number];
  /** Channels after each convolution, 3x3 with padding 1. */
  readonly channels: readonly number[];
  /** Of each convolution; 1 by default. */
  readonly strides?: readonly number[];
  readonly outputs: number;
}

/**
 * Convolutions with ReLU, the mean over all places, and a linear layer. A convolution is the linear map `[out, 9 channels]` of the patches
 * that it sees (channels fastest, so that n:m goes along input channels): dense, sparse and projected weights, rewirers that follow gradients and
 * everything else that works on `Mlp` works on it. The patches of a batch are laid out, nine times the activations; where that is too
 * much, `sparseConv2d` does some images at a time.
 */
export class Cnn extends Layered {
  readonly #sides: readonly (readonly [height: number, width: number])[];

  /** @param parameters those to take over; random ones by default */
  constructor(
    readonly options: CnnOptions,
    parameters?: ReadonlyMap<string, Parameter>,
  ) {
    const { image, channels, strides = [], outputs } = options;
    const numbers = [...image, ...channels, ...strides, outputs];
    if (channels.length === 0 || numbers.some((n) => !(Number.isInteger(n) && n > 0))) {
      throw new InputError(
        `a network of convolutions needs whole numbers from 1: image ${image}, channels ${channels}, strides ${strides}, outputs ${outputs}`,
      );
    }
    const sides: (readonly [number, number])[] = [[image[0], image[1]]];
    const uses = channels.map((out, l): LayerUse => {
      const stride = strides[l] ?? 1;
      const [height, width] = sides[l].map((n) => Math.ceil(n / stride));
      sides.push([height, width]);
      return {
        out,
        in: 9 * (l === 0 ? image[2] : channels[l - 1]),
        places: height * width,
        kernel: [3, 3],
        whole: l === 0,
      };
    });
    super([...uses, { out: outputs, in: channels[channels.length - 1], places: 1, whole: true }], options, parameters);
    this.#sides = sides;
  }

  with(parameters: ReadonlyMap<string, Parameter>): Cnn {
    return new Cnn({ ...this.options, topologies: undefined, projection: undefined }, parameters);
  }

  run(x: Tensor): Tensor {
    const { image, channels, strides = [] } = this.options;
    const [samples] = x.shape;
    let state = reshape(x, [samples, ...image]);
    for (let l = 0; l < channels.length; l++) {
      const seen = patches(state, { kernel: [3, 3], stride: strides[l] ?? 1, padding: 1 });
      const [height, width] = this.#sides[l + 1];
      const rows = reshape(seen, [samples * height * width, this.uses[l].in]);
      state = relu(reshape(this.map(l, rows), [samples, height, width, channels[l]]));
    }
    return this.map(this.layers - 1, mean(mean(state, 1), 1));
  }
}
