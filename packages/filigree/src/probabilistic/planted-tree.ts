import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { categorical } from './inputs.js';

export interface PlantedTreeOptions {
  /** Number of variables, each with a latent of its own, in a complete binary tree. */
  readonly variables: number;
  /** States of each latent. */
  readonly latents: number;
  /** Values of each variable. */
  readonly values: number;
  /** Concentration of the Dirichlet that rows of transitions come from: small ones are nearly deterministic. */
  readonly transitions: number;
  /** The same for emissions. */
  readonly emissions: number;
  readonly seed: number;
}

/**
 * A random latent tree model whose structure is known: uniform root, p(z_c | z_parent) and p(x_i | z_i) drawn from Dirichlets. Learners are
 * measured against it: rows drawn from it have the likelihood that no learner can beat on average.
 */
export function plantedTree(options: PlantedTreeOptions): ProbabilisticCircuit {
  const { variables, latents, values, transitions, emissions, seed } = options;
  const random = new Random(seed);
  const build = new CircuitBuilder(new Array<number>(variables).fill(values));
  const list = <T>(make: (k: number) => T): T[] => Array.from({ length: latents }, (_, k) => make(k));
  const node = (v: number): number[] => {
    const below = [2 * v + 1, 2 * v + 2]
      .filter((c) => c < variables)
      .map((c) => {
        const units = node(c);
        return list(() => build.sum(units, dirichlet(latents, transitions, random)));
      });
    return list((k) => {
      const input = build.input(categorical(v, dirichlet(values, emissions, random)));
      return below.length === 0 ? input : build.product([input, ...below.map((messages) => messages[k])]);
    });
  };
  return build.finish(
    build.sum(
      node(0),
      list(() => 1 / latents),
    ),
  );
}

/** Shares from the symmetric Dirichlet of this concentration. */
function dirichlet(count: number, concentration: number, random: Random): number[] {
  const draws = Array.from({ length: count }, () => logGammaDraw(concentration, random));
  const most = Math.max(...draws);
  const shares = draws.map((log) => Math.exp(log - most));
  const total = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / total);
}

/** Logarithm of a gamma variable (Marsaglia and Tsang 2000); below shape 1 from shape + 1, in logarithms, since it may be tiny. */
function logGammaDraw(shape: number, random: Random): number {
  if (shape < 1) return logGammaDraw(shape + 1, random) + Math.log(1 - random.uniform()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}
