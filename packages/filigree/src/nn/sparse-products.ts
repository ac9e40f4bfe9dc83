import { SparseTensor, sparseLinear } from '../sparse/index.js';
import { Scope, type Tensor } from '../tensor/index.js';
import type { RunOptions } from './transformer.js';
import type { Parameters } from './weights.js';

/** Share of nonzero weights below which a matrix pays to be multiplied by these alone. */
const pays = 0.3;

/** Products with the mostly-zero matrices of a model whose weights do not change. */
export interface SparseProducts {
  /** For `RunOptions.multiply`. */
  readonly multiply: NonNullable<RunOptions['multiply']>;
  /** Names of the matrices that are multiplied by their nonzero weights. */
  readonly names: readonly string[];
  dispose(): void;
}

/** Packs every matrix that is mostly zeros, as the weights are now. No gradient reaches them; it does reach what they are multiplied with. */
export async function sparseProducts(parameters: Parameters): Promise<SparseProducts> {
  const owner = new Scope();
  const packed = new Map<string, SparseTensor>();
  for (const [name, parameter] of parameters) {
    if (!/(attn|mlp)\.\w+\.weight$|^unembed\.weight$/.test(name)) continue;
    const values = await parameter.data();
    let nonzero = 0;
    for (const value of values) nonzero += Number(value !== 0);
    if (nonzero >= pays * values.length) continue;
    const [rows, columns] = parameter.shape;
    const { device } = parameter;
    packed.set(
      name,
      owner.run(() => SparseTensor.fromDense(values, [rows, columns], undefined, { device })),
    );
  }
  return {
    names: [...packed.keys()],
    multiply(name: string, x: Tensor, bias: Tensor | undefined) {
      const weight = packed.get(name);
      return weight && sparseLinear(x, weight, bias);
    },
    dispose: () => owner.dispose(),
  };
}
