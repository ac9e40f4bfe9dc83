import type { Random } from '../../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit } from '../circuit.js';
import { indicator } from '../inputs.js';

/** A random circuit of logic that decides its variables in their order, so that it is first in, and deterministic in, every prefix. */
export function randomDiagram(variables: number, random: Random): ProbabilisticCircuit {
  const build = new CircuitBuilder(new Array<number>(variables).fill(2));
  const made: number[][] = Array.from({ length: variables }, () => []);
  const below = (v: number): number => {
    if (made[v].length > 2 || (made[v].length > 0 && random.uniform() < 0.3)) return random.pick(made[v]);
    const kept = [0, 1].filter(() => random.uniform() < 0.85);
    const values = kept.length > 0 ? kept : [random.integer(2)];
    const parts = values.map((x) => {
      const decided = build.input(indicator(v, x));
      return v + 1 === variables ? decided : build.product([decided, below(v + 1)]);
    });
    const unit = build.sum(
      parts,
      parts.map(() => 1),
    );
    made[v].push(unit);
    return unit;
  };
  return build.finish(below(0));
}
