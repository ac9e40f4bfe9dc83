import { InputError } from '../errors.js';
import { Mlp } from '../nn/mlp.js';
import { Layout, SparseTensor, Topology } from '../sparse/index.js';
import { type Random, tensor } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';

/** A perceptron with ReLU between layers, in plain numbers: `weights[l]` is `[out][in]`. */
export interface PlainNetwork {
  readonly sizes: readonly number[];
  readonly weights: readonly Float64Array[];
  readonly biases: readonly Float64Array[];
}

/**
 * How many places must find a connected copy when every hidden neuron of the target has `k` copies and the outputs one:
 * `N = sum over layers of in out k` (the last: `in out`).
 */
export function requirements(sizes: readonly number[], k: number): number {
  return sizes.slice(1).reduce((sum, out, l) => sum + sizes[l] * out * (l === sizes.length - 2 ? 1 : k), 0);
}

/** The chance that a random source of density `p` holds the target: `(1 - (1 - p)^k)^N`. */
export function embeddingChance(sizes: readonly number[], p: number, k: number): number {
  return (1 - (1 - p) ** k) ** requirements(sizes, k);
}

/**
 * Copies that suffice for a chance of at least `1 - delta`: the smallest `k >= ln(N / delta) / ln(1 / (1 - p))`, where N grows with k. The widths of
 * the source are `k` times the target's: a factor of about `1 / log(1 / sparsity)`.
 */
export function requiredWidth(sizes: readonly number[], p: number, delta: number): { k: number; widths: number[] } {
  if (!(p > 0 && p < 1 && delta > 0 && delta < 1)) {
    throw new InputError(`density and failure rate must lie between 0 and 1, not ${p} and ${delta}`);
  }
  let k = 1;
  while (k < Math.log(requirements(sizes, k) / delta) / -Math.log(1 - p)) k++;
  return { k, widths: sizes.slice(1, -1).map((n) => k * n) };
}

/**
 * Puts a target network into a random one of density `p` (every edge there with that chance): a first layer makes `k` copies of every input,
 * `relu(x_j + 1)` for inputs in [-1, 1], whose 1 the next bias takes off again; every hidden neuron gets `k` copies, and each of them
 * takes, for every neuron before it, the first connected copy. All other edges are masked out. Undefined where a copy has none.
 * Gadhikar, Mukherjee, Burkholz: Why Random Pruning Is All We Need to Start Sparse, ICML 2023.
 */
export function embed(target: PlainNetwork, p: number, k: number, random: Random): Mlp | undefined {
  const { sizes } = target;
  const layers = sizes.length - 1;
  const copies = sizes.map((_, l) => (l === layers ? 1 : k));
  const weights: { rows: number; cols: number; keys: number[]; values: number[]; bias: Float64Array }[] = [];
  weights.push({
    rows: sizes[0] * k,
    cols: sizes[0],
    // The univariate copies: of the many neurons of the source's first layer, k that see each input.
    keys: Array.from({ length: sizes[0] * k }, (_, i) => i * sizes[0] + Math.floor(i / k)),
    values: new Array<number>(sizes[0] * k).fill(1),
    bias: new Float64Array(sizes[0] * k).fill(1),
  });
  for (let l = 0; l < layers; l++) {
    const [rows, cols] = [sizes[l + 1] * copies[l + 1], sizes[l] * k];
    const layer = { rows, cols, keys: [] as number[], values: [] as number[], bias: new Float64Array(rows) };
    for (let i = 0; i < rows; i++) {
      const neuron = Math.floor(i / copies[l + 1]);
      layer.bias[i] = target.biases[l][neuron];
      for (let j = 0; j < sizes[l]; j++) {
        let found = -1;
        // Every edge of the source is drawn, so that it is a random network whatever is found in it.
        for (let c = 0; c < k; c++) if (random.uniform() < p && found < 0) found = c;
        if (found < 0) return undefined;
        const weight = target.weights[l][neuron * sizes[l] + j];
        layer.keys.push(i * cols + j * k + found);
        layer.values.push(weight);
        if (l === 0) layer.bias[i] -= weight;
      }
    }
    weights.push(layer);
  }
  return unscoped(() => {
    const parameters = new Map<string, SparseTensor | ReturnType<typeof tensor>>();
    weights.forEach(({ rows, cols, keys, values, bias }, l) => {
      // Keys of a row are ascending, and rows follow one another: slots are in this order.
      const layout = new Layout(Topology.fromKeys(keys, rows, cols));
      parameters.set(`layers.${l}.weight`, new SparseTensor(tensor(values), layout));
      parameters.set(`layers.${l}.bias`, tensor(bias));
    });
    return new Mlp({ sizes: [sizes[0], ...weights.map((w) => w.rows)] }, parameters);
  });
}
