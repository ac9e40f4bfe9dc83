import { InputError } from '../errors.js';
import {
  type LayerShape,
  Layout,
  type LayoutSpec,
  type NmProjection,
  type NmSpec,
  type ProjectOptions,
  project,
  projectedLinear,
  SparseTensor,
  type Topology,
} from '../sparse/index.js';
import { crossEntropy, mean, reshape, square, sub, type Tensor, tensor, zeros } from '../tensor/index.js';
import { keyedNormal } from '../tensor/random.js';
import { unscoped } from '../tensor/scope.js';
import { linear } from './linear.js';
import type { Parameter } from './optimiser.js';
import { sparseWeight } from './sparse-layers.js';

/** Samples with their answers: classes, or values to predict. */
export interface LabelledBatch {
  /** `[samples, features]`, row-major. */
  readonly inputs: Float32Array;
  readonly samples: number;
  /** One class per sample. */
  readonly labels?: Int32Array;
  /** `[samples, outputs]`, row-major, where values are predicted (squared error). */
  readonly targets?: Float32Array;
}

/** How the weights of a network are made. */
export interface LayeredOptions {
  readonly seed?: number;
  /** Support of each layer's weight; undefined leaves a layer dense. */
  readonly topologies?: readonly (Topology | undefined)[];
  /** How sparse weights are packed. */
  readonly layout?: LayoutSpec;
  /**
   * Dense weights of which only the largest `n` of every `m` inputs compute (see `project`); the last layer is left out, and of
   * convolutions the first. `pull` decays what does not compute (SR-STE).
   */
  readonly projection?: Omit<NmSpec, 'kind'> & ProjectOptions & { readonly pull?: number };
  /** Share of the probability that the loss spreads over all classes. */
  readonly labelSmoothing?: number;
  /** Standard deviation of initial weights; by default `sqrt(2 / fan-in)` of each neuron, in the inputs that it has (He et al. 2015). */
  readonly deviation?: number;
}

/** A layer, its weight `[out, in]`, and how often a sample goes through it. */
export interface LayerUse {
  readonly out: number;
  /** Of a convolution, the channels times the places of the kernel. */
  readonly in: number;
  /** 1, or the places of a convolution. */
  readonly places: number;
  /** Sides of a convolution's kernel. */
  readonly kernel?: readonly [height: number, width: number];
  /** Whether it is one that projections leave dense. */
  readonly whole?: boolean;
}

/**
 * A network that is a row of layers, each a linear map `[out, in]` with a bias, dense, sparse or projected: `Mlp` and `Cnn`. Parameters are
 * `layers.0.weight` `[out, in]`, `layers.0.bias` `[out]`, …. Initial weights depend on the seed and the place only: a sparse network starts with the
 * weights that the dense one of the same seed has there, but for the scale.
 */
export abstract class Layered {
  readonly parameters = new Map<string, Parameter>();
  readonly layers: number;
  /** Of layers whose weights are projected. */
  readonly projections = new Map<number, NmProjection>();

  /** @param parameters those to take over; random ones by default */
  constructor(
    readonly uses: readonly LayerUse[],
    private readonly settings: LayeredOptions,
    parameters?: ReadonlyMap<string, Parameter>,
  ) {
    const { topologies = [], layout, projection, seed = 0, deviation } = settings;
    this.layers = uses.length;
    unscoped(() => {
      for (let l = 0; l < this.layers; l++) {
        const { in: inputs, out, whole } = uses[l];
        const topology = topologies[l];
        if (topology && (topology.rows !== out || topology.cols !== inputs)) {
          throw new InputError(
            `layer ${l} is ${out} x ${inputs}, but its topology ${topology.rows} x ${topology.cols}`,
          );
        }
        const layerSeed = seed * 1000 + l;
        const given = parameters?.get(`layers.${l}.weight`);
        if (given) checkShape(`layers.${l}.weight`, given, [out, inputs]);
        const weight = given
          ? given
          : topology
            ? sparseWeight(new Layout(topology, layout), layerSeed, deviation)
            : denseWeight(out, inputs, layerSeed, deviation);
        this.parameters.set(`layers.${l}.weight`, weight);
        if (projection && !whole && !(weight instanceof SparseTensor)) {
          this.projections.set(l, project(weight, { kind: 'nm', n: projection.n, m: projection.m }, projection));
        }
        const bias = parameters?.get(`layers.${l}.bias`) ?? zeros([out]);
        checkShape(`layers.${l}.bias`, bias, [out]);
        this.parameters.set(`layers.${l}.bias`, bias);
      }
    });
  }

  /** As allocators want it. */
  get shapes(): LayerShape[] {
    return this.uses.map(({ out, in: inputs, kernel = [1, 1] }) => ({
      out,
      in: inputs / (kernel[0] * kernel[1]),
      kernel,
    }));
  }

  /** The same network with these parameters, none of them projected. */
  abstract with(parameters: ReadonlyMap<string, Parameter>): Layered;

  /** Logits or predicted values, `[samples, outputs]`, of `x` `[samples, features]`. */
  abstract run(x: Tensor): Tensor;

  /** The linear map of a layer, of `x` `[rows, in]`. */
  protected map(layer: number, x: Tensor): Tensor {
    const bias = this.parameters.get(`layers.${layer}.bias`) as Tensor;
    const projection = this.projections.get(layer);
    if (!projection) return linear(x, this.weight(layer), bias);
    // The weight may have changed since the last run.
    projection.update();
    return projectedLinear(x, projection, bias, { pull: this.settings.projection?.pull });
  }

  /** The weight of a layer. */
  weight(layer: number): Parameter {
    return this.parameters.get(`layers.${layer}.weight`) as Parameter;
  }

  /** Mean cross-entropy of a batch, in nats, or mean squared error. */
  loss(batch: LabelledBatch): Tensor {
    return this.lossOf(this.run(tensor(batch.inputs, [batch.samples, batch.inputs.length / batch.samples])), batch);
  }

  /** The same, of what the network gave for the batch. */
  lossOf(y: Tensor, batch: Omit<LabelledBatch, 'inputs'>): Tensor {
    const { labelSmoothing } = this.settings;
    if (batch.labels) return crossEntropy(y, batch.labels, labelSmoothing);
    if (!batch.targets) throw new InputError('a batch needs labels or targets');
    return mean(square(sub(y, reshape(tensor(batch.targets), [batch.samples, this.uses[this.layers - 1].out]))));
  }

  /** Puts another sparse weight in a parameter's place, and frees the one before. */
  replace(name: string, weight: SparseTensor): void {
    this.parameters.get(name)?.dispose();
    this.parameters.set(name, weight);
  }

  dispose(): void {
    for (const projection of this.projections.values()) projection.dispose();
    for (const parameter of this.parameters.values()) parameter.dispose();
    this.parameters.clear();
  }
}

function checkShape(name: string, parameter: Parameter, shape: readonly number[]): void {
  if (parameter.shape.join() === shape.join()) return;
  throw new InputError(`${name} is of shape [${parameter.shape}], but the network's sizes ask for [${shape}]`);
}

function denseWeight(out: number, inputs: number, seed: number, deviation = Math.sqrt(2 / inputs)): Tensor {
  return tensor(
    Float64Array.from({ length: out * inputs }, (_, key) => deviation * keyedNormal(seed, key)),
    [out, inputs],
  );
}
