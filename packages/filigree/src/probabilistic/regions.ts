import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { categorical } from './inputs.js';
import { randomShares } from './random-shares.js';

/**
 * Builds circuits from regions, sets of variables that have `latents` units each. Parts of a region are multiplied unit by unit
 * (the Hadamard product, "CP" layers): unit k of the product is Π_parts unit k; a sum layer mixes the products of all ways to part it.
 */
export class Regions {
  private readonly build: CircuitBuilder;
  private readonly random: Random;

  /** @param states number of values of each variable; none may be real */
  constructor(
    private readonly states: ArrayLike<number>,
    readonly latents: number,
    seed: number,
  ) {
    if (!(Number.isInteger(latents) && latents >= 1)) throw new InputError('the number of latents must be at least 1');
    this.build = new CircuitBuilder(Array.from(states));
    this.random = new Random(seed);
    for (let v = 0; v < states.length; v++) {
      if (states[v] < 1) throw new InputError(`variable ${v + 1} is real; these structures need whole numbers from 0`);
    }
  }

  /** Units of a region that is not parted: products of an input for each variable. */
  leaf(variables: readonly number[]): number[] {
    const { build, random, states } = this;
    return this.each(() => {
      const inputs = variables.map((v) => build.input(categorical(v, randomShares(states[v], random))));
      return inputs.length === 1 ? inputs[0] : build.product(inputs);
    });
  }

  /** One way to part a region. */
  product(parts: readonly (readonly number[])[]): number[] {
    return this.each((k) => this.build.product(parts.map((units) => units[k])));
  }

  /** The units of a region, from the products of every way to part it. */
  sum(products: readonly (readonly number[])[]): number[] {
    const all = products.flat();
    return this.each(() => this.build.sum(all, randomShares(all.length, this.random)));
  }

  finish(products: readonly (readonly number[])[]): ProbabilisticCircuit {
    const all = products.flat();
    return this.build.finish(this.build.sum(all, randomShares(all.length, this.random)));
  }

  private each(make: (k: number) => number): number[] {
    return Array.from({ length: this.latents }, (_, k) => make(k));
  }
}
