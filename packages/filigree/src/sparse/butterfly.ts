import { InputError } from '../errors.js';
import { add, matmul, mul, Random, sub, type Tensor, tensor } from '../tensor/index.js';
import { Layout } from './layout.js';
import { sparseLinear } from './linear.js';
import { SparseTensor } from './sparse-tensor.js';
import { Topology } from './topology.js';

/** A flat block butterfly plus a low-rank term (Dao et al. 2022, Pixelfly); all of it is trained. */
export interface ButterflyWeights {
  /** `B[out, in]` in the `butterfly` layout. */
  readonly blocks: SparseTensor;
  /** `U[out, rank]` */
  readonly u: Tensor;
  /** `V[in, rank]` */
  readonly v: Tensor;
  /** A scalar, `[]`: the share of `B`. */
  readonly gamma: Tensor;
}

/** `y = gamma (x B^T) + (1 - gamma) (x V) U^T + bias` for `x[.., in]`. Differentiable in everything. */
export function butterflyLinear(x: Tensor, w: ButterflyWeights, bias?: Tensor): Tensor {
  const flat = mul(w.gamma, sparseLinear(x, w.blocks));
  const low = mul(sub(1, w.gamma), matmul(matmul(x, w.v), w.u, { transposeB: true }));
  const y = add(flat, low);
  return bias ? add(y, bias) : y;
}

/**
 * Weights to train from: `gamma` 0.5, `B` with the variance of its fan-in `b (1 + log2 k)`, `U` and `V` so that both terms have the output
 * variance of one dense layer with unit inputs.
 * @param rank columns of `U` and `V`
 * @throws InputError where the layout does not fit the shape
 */
export function butterflyWeights(
  [out, inputs]: readonly [number, number],
  options: { b: number; k: number; rank: number; seed: number },
): ButterflyWeights {
  const { b, k, rank, seed } = options;
  const random = new Random(seed);
  const layout = new Layout(Topology.fromKeys([], out, inputs), { kind: 'butterfly', b, k });
  const fan = layout.size / out;
  const values = random.fork('blocks').normals(layout.size, 1 / Math.sqrt(fan));
  const v = random.fork('v').normals(inputs * rank, 1 / Math.sqrt(inputs));
  const u = random.fork('u').normals(out * rank, 1 / Math.sqrt(Math.max(1, rank)));
  return {
    blocks: new SparseTensor(tensor(values, [layout.size]), layout),
    u: tensor(u, [out, rank]),
    v: tensor(v, [inputs, rank]),
    gamma: tensor([0.5], []),
  };
}

/**
 * The largest butterfly and the rank, a multiple of `b`, that fit a density: `lowRank` of the parameters, about, go to `U` and `V`, the rest to
 * the largest maximum stride.
 * @throws InputError where not even the diagonal and rank `b` fit
 */
export function butterflyBudget(
  [out, inputs]: readonly [number, number],
  density: number,
  options: { b: number; lowRank?: number },
): { b: number; k: number; rank: number } {
  const { b, lowRank = 0.3 } = options;
  if (!(density > 0 && density <= 1)) throw new InputError(`a density lies above 0 and is at most 1, got ${density}`);
  const total = density * out * inputs;
  const rank = b * Math.floor((lowRank * total) / (b * (out + inputs)));
  const left = total - rank * (out + inputs);
  const short = Math.min(out, inputs);
  const across = Math.max(out, inputs);
  // Blocks of one block row or column along the longer side hold `b` weights for every element of it.
  const perStride = across * b;
  const strides = Math.floor(left / perStride) - 1;
  if (strides < 0) {
    throw new InputError(
      `density ${density} leaves no room for a ${out} x ${inputs} butterfly with blocks of ${b}; take smaller blocks`,
    );
  }
  return { b, k: Math.min(2 ** strides, Math.max(1, short / b)), rank };
}
