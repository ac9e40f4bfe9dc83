import { InputError } from '../errors.js';
import type { TransformerConfig } from '../nn/config.js';
import { parameterShapes } from '../nn/parameters.js';
import { Transformer } from '../nn/transformer.js';
import { Random, tensor } from '../tensor/index.js';
import type { Pair } from './task.js';

/** A transformer written by hand to do a task, so that the circuit which does it is known. The caller disposes of the model. */
export interface Planted {
  readonly model: Transformer;
  /** Names of the edges that carry the behaviour when edges take their values of the corrupted prompt. */
  readonly truth: ReadonlySet<string>;
  /** Pairs of token ids, the same for the same seed. */
  pairs(count: number, seed: number): Pair[];
}

/** What every planted model can be asked for. */
export interface DecoyOptions {
  /** Heads with random weights in each layer, which change the output but are no part of the circuit. */
  decoys?: number;
  /** How much smaller the decoys' maps into the stream are than their other weights. */
  decoyScale?: number;
  /** Draws the weights of the decoys. */
  seed?: number;
}

/** Standard deviation of the decoys' weights. */
const decoyDeviation = 0.25;

/** A transformer without norms or biases whose positions are learned vectors, so that all of its weights can be set by hand. */
export function plantedConfig(
  sizes: Pick<TransformerConfig, 'layers' | 'heads' | 'width' | 'headWidth' | 'mlpWidth' | 'vocabulary' | 'context'>,
): TransformerConfig {
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

  constructor(private readonly config: TransformerConfig) {
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

  /** Fills the heads of a layer from `first` on with normals, those of their maps into the stream times `scale`. */
  decoyHeads(layer: number, first: number, scale: number, random: Random): void {
    const { heads, headWidth, width } = this.config;
    const count = (heads - first) * headWidth;
    for (const which of ['q', 'k', 'v']) {
      const decoy = random.normals(count * width, decoyDeviation);
      this.matrix(`blocks.${layer}.attn.${which}.weight`).set(decoy, first * headWidth * width);
    }
    const out = this.matrix(`blocks.${layer}.attn.out.weight`);
    for (let row = 0; row < width; row++) {
      out.set(random.normals(count, decoyDeviation * scale), (row * heads + first) * headWidth);
    }
  }

  /** The same for the hidden features of a layer's MLP. */
  decoyFeatures(layer: number, first: number, scale: number, random: Random): void {
    const { mlpWidth, width } = this.config;
    const count = mlpWidth - first;
    this.matrix(`blocks.${layer}.mlp.in.weight`).set(random.normals(count * width, decoyDeviation), first * width);
    const out = this.matrix(`blocks.${layer}.mlp.out.weight`);
    for (let row = 0; row < width; row++) {
      out.set(random.normals(count, decoyDeviation * scale), row * mlpWidth + first);
    }
  }

  model(): Transformer {
    const shapes = parameterShapes(this.config);
    return new Transformer(
      this.config,
      new Map([...this.values].map(([name, data]) => [name, tensor(data, shapes.get(name)!)])),
    );
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

/** Throws InputError where decoys are no whole number, or their scale is no number of at least 0. */
export function checkDecoys(decoys: number, scale: number): void {
  checkSizes([['decoys', decoys, 0]]);
  if (!(scale >= 0 && Number.isFinite(scale))) {
    throw new InputError(`decoyScale must be a number of at least 0, not ${scale}.`);
  }
}

/** The logit of a match, from a user. Throws InputError where it is not positive. */
export function checkBeta(beta: number): void {
  if (!(beta > 0 && Number.isFinite(beta))) throw new InputError(`beta must be a positive number, not ${beta}.`);
}

/** The generator that draws a planted model's decoys. */
export function decoyRandom(seed: number): Random {
  return new Random(seed).fork('decoys');
}
