import { denseGradientLinear, keepLargest, SparseTensor } from '../sparse/index.js';
import type { Schedule } from '../sparse/schedule.js';
import type { Tensor } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';

/** How the weights of a transformer become few: "Weight-sparse transformers have interpretable circuits" (Gao et al. 2025). */
export interface WeightSparsity {
  /** Share of the entries of every matrix and bias that are not zero in the end. */
  readonly density: number;
  /** Largest entries of every row that stay before all others, as far as the matrix has that many for each. */
  readonly least: number;
  /** Shares of the training at which the density begins to fall from 1, along a line, and at which it has fallen. */
  readonly from: number;
  readonly until: number;
}

/** The density at share `t` of the training: 1, then along a line to the last. */
export function densityAt({ density, from, until }: WeightSparsity, t: number): number {
  return 1 + (density - 1) * Math.min(1, Math.max(0, (t - from) / (until - from)));
}

/** Rises along a line during the share `warmup`, then falls along a line to 0. */
export function linearDecay(warmup: number): Schedule {
  return (t) => (t < warmup ? t / warmup : (1 - t) / (1 - warmup));
}

/**
 * The sharkfin: `linearDecay(warmup)` times `sqrt(last density / density at t)`, so that the learning rate rises as weights become fewer, and is the
 * nominal one (times the decay) when they are.
 */
export function sharkfin(sparsity: WeightSparsity, warmup: number): Schedule {
  const decay = linearDecay(warmup);
  return (t) => decay(t) * Math.sqrt(sparsity.density / densityAt(sparsity, t));
}

/** Whether a parameter becomes sparse: matrices, embeddings and biases do; gains of norms, sinks and the bigram table do not. */
export const becomesSparse = (name: string): boolean => !/(^|\.)ln|bigram|sink/.test(name);

/** Entries that are left of a parameter at a density: one at least. */
export const budgetAt = (size: number, density: number): number => Math.max(1, Math.round(density * size));

/** Sets all but the largest entries of every parameter to zero, in place, at share `t` of the training. */
export function sparsify(parameters: ReadonlyMap<string, Tensor>, sparsity: WeightSparsity, t: number): void {
  const density = densityAt(sparsity, t);
  if (density >= 1) return;
  for (const [name, parameter] of parameters) {
    if (!becomesSparse(name)) continue;
    keepLargest(parameter, budgetAt(parameter.size, density), sparsity.least);
  }
}

/** Products with fewer than this share of their weights skip the zeros. */
const packedBelow = 0.3;

/**
 * Products that skip the zeros of a model's matrices, for the forward pass and the gradient of what is multiplied; the gradient of a matrix is that of
 * all its places, or `onlyThere` of those that are not zero. After every change of the matrices they are `stale`, and packed anew when they are used.
 */
export class PackedProducts {
  onlyThere = false;
  stale = true;
  private readonly packed = new Map<string, SparseTensor>();

  constructor(private readonly parameters: ReadonlyMap<string, Tensor>) {}

  private repack(): void {
    this.stale = false;
    this.dispose();
    for (const [name, parameter] of this.parameters) {
      if (parameter.shape.length !== 2 || !becomesSparse(name) || name === 'embed.weight') continue;
      const values = parameter.dataSync() as Float32Array;
      let there = 0;
      for (let k = 0; k < values.length; k++) if (values[k] !== 0) there++;
      if (there >= packedBelow * values.length) continue;
      const [rows, cols] = parameter.shape;
      this.packed.set(
        name,
        unscoped(() => SparseTensor.fromDense(values, [rows, cols], { kind: 'csr' }, { device: parameter.device })),
      );
    }
  }

  /** For `RunOptions.multiply`. */
  readonly multiply = (name: string, x: Tensor, bias: Tensor | undefined): Tensor | undefined => {
    if (this.stale) this.repack();
    const packed = this.packed.get(name);
    const w = this.parameters.get(name);
    return packed && w && denseGradientLinear(x, w, packed, bias, { support: this.onlyThere });
  };

  dispose(): void {
    for (const each of this.packed.values()) each.dispose();
    this.packed.clear();
  }
}
