import { inQuantiles, type Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { chowLiuTree, type VariableTree } from './chow-liu.js';
import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { categorical, gaussian, type InputUnit } from './inputs.js';
import { randomShares } from './random-shares.js';

export interface HcltOptions {
  /** States of each hidden variable, K. */
  readonly latents: number;
  readonly seed?: number;
  /** The tree, by default the Chow-Liu tree of the data. */
  readonly tree?: VariableTree;
}

/**
 * A hidden Chow-Liu tree: each variable that is no leaf of the tree has a hidden variable z_i of K states, and
 * p(x) = Σ_z p(z_root) Π p(z_i | z_parent) Π p(x_i | z_i); a leaf of the tree has no hidden variable of its own, its K
 * distributions belong to the states of its parent. Weights are random around uniform, U(0.6, 1.4) normalised, for EM to begin
 * with. Liu and Van den Broeck, "Tractable regularization of probabilistic circuits", NeurIPS 2021.
 * Real variables get gaussians around random points of theirs; for the tree they count by which eighth of the rows they are in.
 * @param states `[columns]` number of values of each variable, 0 where it is real
 */
export function hclt(table: Table, states: ArrayLike<number>, options: HcltOptions): ProbabilisticCircuit {
  const { latents, seed = 0 } = options;
  if (!(Number.isInteger(latents) && latents >= 1)) throw new InputError('the number of latents must be at least 1');
  const tree = options.tree ?? treeOf(table, states);
  const random = new Random(seed);
  const shares = (count: number): number[] => randomShares(count, random);
  const build = new CircuitBuilder(Array.from(states));
  const perState = (make: () => number): number[] => Array.from({ length: latents }, make);
  const children: number[][] = Array.from(tree.parent, () => []);
  tree.parent.forEach((parent, v) => {
    if (parent >= 0) children[parent].push(v);
  });
  /** `[variables][states of the parent]` what each variable sends to its parent. */
  const message: number[][] = [];
  for (const v of Array.from(tree.order).reverse()) {
    const emission = emissionOf(table, v, states[v], random);
    const emissions = perState(() => build.input(emission()));
    const isRoot = tree.parent[v] < 0;
    if (children[v].length === 0 && !isRoot) {
      message[v] = emissions;
      continue;
    }
    const products = emissions.map((unit, k) => build.product([unit, ...children[v].map((c) => message[c][k])]));
    message[v] = isRoot ? [build.sum(products, shares(latents))] : perState(() => build.sum(products, shares(latents)));
  }
  return build.finish(message[tree.order[0]][0]);
}

const bins = 8;

/** The Chow-Liu tree, with real variables in eight ranges. */
function treeOf(table: Table, states: ArrayLike<number>): VariableTree {
  const real = Array.from(states, (count) => Number(count === 0));
  if (!real.includes(1)) return chowLiuTree(table, states);
  return chowLiuTree(
    inQuantiles(table, real, bins),
    Array.from(states, (count) => count || bins),
  );
}

/** Makes first distributions of a variable. */
function emissionOf(table: Table, v: number, states: number, random: Random): () => InputUnit {
  if (states > 0) return () => categorical(v, randomShares(states, random));
  const column = Float64Array.from({ length: table.rows }, (_, r) => table.values[r * table.columns + v]);
  const known = column.filter((x) => !Number.isNaN(x));
  const mean = known.reduce((a, b) => a + b, 0) / Math.max(1, known.length);
  const variance = known.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, known.length);
  const deviation = Math.max(0.01, Math.sqrt(variance));
  return () => gaussian(v, known.length > 0 ? known[random.integer(known.length)] : 0, deviation);
}
