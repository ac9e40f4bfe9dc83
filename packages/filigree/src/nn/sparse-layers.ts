import {
  type ConvOptions,
  Layout,
  type LayoutSpec,
  SparseTensor,
  sparseConv2d,
  type Topology,
} from '../sparse/index.js';
import { type Tensor, tagged, tensor, zeros } from '../tensor/index.js';
import { keyedNormal } from '../tensor/random.js';
import { unscoped } from '../tensor/scope.js';
import { linear, weightTag } from './linear.js';
import type { Parameter } from './optimiser.js';

export interface SparseLayerOptions {
  readonly layout?: LayoutSpec;
  readonly seed?: number;
  /** Of the first weights; by default `sqrt(2 / fan-in)` of each output, in the inputs that it has. */
  readonly deviation?: number;
  /** Whether there is one; yes by default. */
  readonly bias?: boolean;
}

/** First weights by seed and place, so that the same place starts with the same draw whatever else is there. */
export function sparseWeight(layout: Layout, seed: number, deviation?: number): SparseTensor {
  const { support, places } = layout;
  const values = new Float64Array(layout.size);
  for (let i = 0; i < support.rows; i++) {
    const fan = support.pointers[i + 1] - support.pointers[i];
    for (let slot = support.pointers[i]; slot < support.pointers[i + 1]; slot++) {
      const normal = keyedNormal(seed, i * support.cols + support.indices[slot]);
      values[places[slot]] = (deviation ?? Math.sqrt(2 / fan)) * normal;
    }
  }
  return new SparseTensor(tensor(values), layout);
}

/** A layer with a sparse weight and a bias: what `fit` and its rewirers train, with optimiser state on the weights that are there only. */
abstract class SparseLayer {
  /** `weight` `[out, in]` and, where there is one, `bias` `[out]`. */
  readonly parameters = new Map<string, Parameter>();

  /** @throws InputError where the layout does not fit the support */
  constructor(topology: Topology, { layout, seed = 0, deviation, bias = true }: SparseLayerOptions = {}) {
    unscoped(() => {
      this.parameters.set('weight', sparseWeight(new Layout(topology, layout), seed, deviation));
      if (bias) this.parameters.set('bias', zeros([topology.rows]));
    });
  }

  get weight(): SparseTensor {
    return this.parameters.get('weight') as SparseTensor;
  }

  get bias(): Tensor | undefined {
    return this.parameters.get('bias') as Tensor | undefined;
  }

  /** Puts another weight in place of the one before, which is freed. */
  replace(name: string, weight: SparseTensor): void {
    this.parameters.get(name)?.dispose();
    this.parameters.set(name, weight);
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
    this.parameters.clear();
  }
}

/** `y = x W^T + b` for `x[.., in]`, with a sparse `W[out, in]`; see `sparseLinear`. */
export class SparseLinear extends SparseLayer {
  run(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

/** A convolution of `x[batch, height, width, channels]` with a sparse kernel `[out, kh kw channels]`; see `sparseConv2d`. */
export class SparseConv2d extends SparseLayer {
  constructor(
    topology: Topology,
    readonly convolution: ConvOptions,
    options: SparseLayerOptions = {},
  ) {
    super(topology, options);
  }

  run(x: Tensor): Tensor {
    return tagged(weightTag, () => sparseConv2d(x, this.weight, this.convolution, this.bias));
  }
}
