import type { DenseGradient, SparseTensor } from '../sparse/index.js';
import { add, matmul, type Rule, scope, slice, type Tensor } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';

/** Floats of a run of rows. */
const runSize = 65_536;

/**
 * What flowed through sparse weights in one pass: the inputs `x[samples, in]` and the gradients `g[samples, out]` of the outputs.
 * From them comes the gradient `g^T x` of all places, also where there is no weight, a run of rows at a time: no array of
 * `out x in` is ever made.
 */
export class WeightFlows {
  private readonly flows = new Map<Tensor, { x: Tensor; g: Tensor }[]>();

  /** Takes the flows down in a backward pass, under the tag of `linear`. */
  readonly rule: Rule = ({ name, inputs }, gradient, plain) => {
    if (name === 'sparseLinear') {
      const [x, values] = inputs;
      const copies = unscoped(() => ({ x: x.packed(), g: gradient.packed() }));
      this.flows.set(values, [...(this.flows.get(values) ?? []), copies]);
    }
    return plain();
  };

  /** The gradient of all places of a weight; all zero where nothing flowed. */
  gradient(weight: SparseTensor): DenseGradient {
    const flows = this.flows.get(weight.values) ?? [];
    const [rows, cols] = weight.shape;
    return {
      rows: async (visit) => {
        const run = Math.max(1, Math.floor(runSize / Math.max(1, cols)));
        for (let first = 0; first < rows; first += run) {
          const end = Math.min(rows, first + run);
          if (flows.length === 0) {
            visit(first, new Float32Array((end - first) * cols));
            continue;
          }
          const part = scope(() =>
            flows
              .map(({ x, g }) => matmul(slice(g, 1, first, end), x, { transposeA: true }))
              .reduce((a, b) => add(a, b)),
          );
          visit(first, await part.data());
          part.dispose();
        }
      },
    };
  }

  dispose(): void {
    for (const list of this.flows.values()) {
      for (const { x, g } of list) {
        x.dispose();
        g.dispose();
      }
    }
    this.flows.clear();
  }
}
