import { InputError } from '../errors.js';
import type { TransformerConfig } from '../nn/config.js';
import { parameterShapes } from '../nn/parameters.js';
import { Transformer } from '../nn/transformer.js';
import { Random, tensor } from '../tensor/index.js';
import type { Pair } from './task.js';

/** A transformer written by hand to do a task, so that the circuit which does it is known. The caller disposes of the model. */
export interface Planted<P extends Pair = Pair> {
  readonly model: Transformer;
  /** Names of the edges that carry the behaviour when edges take their values of the corrupted prompt. */
  readonly truth: ReadonlySet<string>;
  /** Pairs of token ids, the same for the same seed. */
  pairs(count: number, seed: number): P[];
}

/** What every planted model can be asked for. */
export interface DecoyOptions {
  /** Heads with random weights in each layer, which change the output but are no part of the circuit. */
  decoys?: number;
  /** How much smaller the decoys' maps into the stream are than their other weights. */
  decoyScale?: number;
  /** Standard deviation of the decoys' other weights. */
  decoyDeviation?: number;
  /** Draws the weights of the decoys. */
  seed?: number;
}

/** The decoys that were asked for, or else the usual two a layer with weights of deviation 0.25. */
export type Decoys = Required<DecoyOptions>;

/** What a planted model is made of. */
export interface Plan<P extends Pair> {
  /** Says apart the random numbers of its pairs from those of others. */
  readonly name: string;
  readonly config: PlantedSizes;
  readonly truth: readonly string[];
  readonly decoys: Decoys;
  /** Heads of a layer, and hidden features of its MLP, that are no decoys; decoys, where any are asked for, fill the rest. */
  real(layer: number): { heads: number; features: number };
  /** Writes the circuit into the weights. */
  write(weights: PlantedWeights): void;
  draw(random: Random): P;
}

/** Builds a planted model: its decoys by their seed, then its circuit. */
export function plant<P extends Pair>(plan: Plan<P>): Planted<P> {
  const { config, decoys } = plan;
  const weights = new PlantedWeights(plantedConfig(config), decoys);
  for (let layer = 0; layer < config.layers && decoys.decoys > 0; layer++) {
    const { heads, features } = plan.real(layer);
    weights.decoyHeads(layer, heads);
    if (config.mlpWidth > 0) weights.decoyFeatures(layer, features);
  }
  plan.write(weights);
  return {
    model: weights.model(),
    truth: new Set(plan.truth),
    pairs(count, seed) {
      const random = new Random(seed).fork(`planted ${plan.name}`);
      return Array.from({ length: count }, () => plan.draw(random));
    },
  };
}

type PlantedSizes = Pick<
  TransformerConfig,
  'layers' | 'heads' | 'width' | 'headWidth' | 'mlpWidth' | 'vocabulary' | 'context'
>;

/** A transformer without norms or biases whose positions are learned vectors, so that all of its weights can be set by hand. */
function plantedConfig(sizes: PlantedSizes): TransformerConfig {
  return {
    ...sizes,
    architecture: 'gpt2',
    kvHeads: sizes.heads,
    norm: 'none',
    normEps: 0,
    activation: 'relu',
    gated: false,
    positions: 'learned',
    rotaryBase: 0,
    rotaryWidth: 0,
    tied: false,
    biases: { qkv: false, attentionOut: false, mlp: false },
  };
}

/** The matrices of a planted model, `[out, in]`, all zero at first. */
export class PlantedWeights {
  private readonly values: ReadonlyMap<string, Float64Array>;
  private readonly random: Random;

  constructor(
    private readonly config: TransformerConfig,
    private readonly decoys: Decoys,
  ) {
    this.random = new Random(decoys.seed).fork('decoys');
    this.values = new Map([...parameterShapes(config)].map(([name, [r, c]]) => [name, new Float64Array(r * c)]));
  }

  /** Adds `scale` times the identity to a matrix: row `row + i`, column `column + i`, for `count` values of i. */
  identity(name: string, row: number, column: number, scale: number, count: number): void {
    const matrix = this.matrix(name);
    const columns = parameterShapes(this.config).get(name)![1];
    for (let i = 0; i < count; i++) matrix[(row + i) * columns + column + i] = scale;
  }

  /** Sets one number of a matrix. */
  set(name: string, row: number, column: number, value: number): void {
    this.identity(name, row, column, value, 1);
  }

  /** Fills the heads of a layer from `first` on with normals, those of their maps into the stream scaled down. */
  decoyHeads(layer: number, first: number): void {
    const { heads, headWidth, width } = this.config;
    const count = (heads - first) * headWidth;
    for (const which of ['q', 'k', 'v']) {
      this.matrix(`blocks.${layer}.attn.${which}.weight`).set(this.normals(count * width), first * headWidth * width);
    }
    const out = this.matrix(`blocks.${layer}.attn.out.weight`);
    for (let row = 0; row < width; row++) out.set(this.outward(count), (row * heads + first) * headWidth);
  }

  /** The same for the hidden features of a layer's MLP. */
  decoyFeatures(layer: number, first: number): void {
    const { mlpWidth, width } = this.config;
    const count = mlpWidth - first;
    this.matrix(`blocks.${layer}.mlp.in.weight`).set(this.normals(count * width), first * width);
    const out = this.matrix(`blocks.${layer}.mlp.out.weight`);
    for (let row = 0; row < width; row++) out.set(this.outward(count), row * mlpWidth + first);
  }

  model(): Transformer {
    const shapes = parameterShapes(this.config);
    return new Transformer(
      this.config,
      new Map([...this.values].map(([name, data]) => [name, tensor(data, shapes.get(name)!)])),
    );
  }

  private normals(count: number): ArrayLike<number> {
    return this.random.normals(count, this.decoys.decoyDeviation);
  }

  private outward(count: number): ArrayLike<number> {
    return this.random.normals(count, this.decoys.decoyDeviation * this.decoys.decoyScale);
  }

  private matrix(name: string): Float64Array {
    const matrix = this.values.get(name);
    if (!matrix) throw new RangeError(`a planted model has no '${name}'`);
    return matrix;
  }
}

/** Throws InputError where a size is no whole number or smaller than it may be. */
export function checkSizes(sizes: readonly (readonly [name: string, value: number, least: number])[]): void {
  for (const [name, value, least] of sizes) {
    if (!(Number.isInteger(value) && value >= least)) {
      throw new InputError(`A planted model's ${name} must be a whole number of at least ${least}, not ${value}.`);
    }
  }
}

/** The decoys that were asked for. Throws InputError where they are no whole number, or scale or deviation no number of at least 0. */
export function decoysOf(options: DecoyOptions, usualScale: number): Decoys {
  const { decoys = 2, decoyScale = usualScale, decoyDeviation = 0.25, seed = 0 } = options;
  checkSizes([['decoys', decoys, 0]]);
  for (const [name, value] of Object.entries({ decoyScale, decoyDeviation })) {
    if (!(value >= 0 && Number.isFinite(value))) {
      throw new InputError(`${name} must be a number of at least 0, not ${value}.`);
    }
  }
  return { decoys, decoyScale, decoyDeviation, seed };
}

/** Logits from a user, by name. Throws InputError where one is not positive. */
export function checkPositive(values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (!(value > 0 && Number.isFinite(value))) {
      throw new InputError(`${name} must be a positive number, not ${value}.`);
    }
  }
}
