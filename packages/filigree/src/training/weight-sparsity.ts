import { denseGradientLinear, keepLargest, Layout, SparseTensor, Topology } from '../sparse/index.js';
import type { Schedule } from '../sparse/schedule.js';
import { type Tensor, tensor } from '../tensor/index.js';
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
  /**
   * Once matrices compute with their nonzero weights only, the gradient of all their places is taken in every so many steps, and only that of
   * nonzero weights in between, where the moments of the others decay. 1, the paper's way, where left out.
   */
  readonly denseEvery?: number;
}

/** Whether a step (from 0) takes the gradient of nonzero weights only. */
export const gradientsOnlyThere = ({ denseEvery = 1 }: WeightSparsity, step: number): boolean =>
  step % denseEvery !== 0;

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
 * all its places, or `onlyThere` of those that are not zero. `repack` belongs after every change of the matrices; matrices that are not packed are
 * left to the dense product.
 */
export class PackedProducts {
  onlyThere = false;
  private readonly packed = new Map<string, SparseTensor>();

  constructor(private readonly parameters: ReadonlyMap<string, Tensor>) {}

  /** Packs what the matrices hold now, those of few weights. */
  async repack(): Promise<void> {
    this.dispose();
    for (const [name, parameter] of this.parameters) {
      if (parameter.shape.length !== 2 || !becomesSparse(name) || name === 'embed.weight') continue;
      const packed = nonzeros((await parameter.data()) as Float32Array, parameter.shape);
      if (packed)
        this.packed.set(
          name,
          unscoped(() => sparseOf(packed, parameter)),
        );
    }
  }

  /** For `RunOptions.multiply`. */
  readonly multiply = (name: string, x: Tensor, bias: Tensor | undefined): Tensor | undefined => {
    const packed = this.packed.get(name);
    const w = this.parameters.get(name);
    return packed && w && denseGradientLinear(x, w, packed, bias, { support: this.onlyThere });
  };

  dispose(): void {
    for (const each of this.packed.values()) each.dispose();
    this.packed.clear();
  }
}

interface Nonzeros {
  readonly topology: Topology;
  readonly values: Float32Array;
}

/** The weights that are not zero, row by row; undefined where they are too many to be packed. */
function nonzeros(dense: Float32Array | Float64Array, [rows, cols]: readonly number[]): Nonzeros | undefined {
  const room = Math.ceil(packedBelow * rows * cols);
  const [pointers, indices, values] = [new Int32Array(rows + 1), new Int32Array(room), new Float32Array(room)];
  let next = 0;
  for (let i = 0; i < rows; i++) {
    const first = i * cols;
    for (let j = 0; j < cols; j++) {
      const value = dense[first + j];
      if (value === 0) continue;
      if (next === room) return undefined;
      indices[next] = j;
      values[next++] = value;
    }
    pointers[i + 1] = next;
  }
  return { topology: Topology.fromRows(rows, cols, pointers, indices.slice(0, next)), values: values.slice(0, next) };
}

function sparseOf({ topology, values }: Nonzeros, { device }: Tensor): SparseTensor {
  return new SparseTensor(tensor(values, [values.length], undefined, device), new Layout(topology));
}
