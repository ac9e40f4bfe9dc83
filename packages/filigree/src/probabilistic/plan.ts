import { inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';

/** Sum units that have the same children: one dense block of weights, and one exponential per child for all of them. */
export interface SumGroup {
  /** `[J]` the sum units. */
  readonly sums: Uint32Array;
  /** `[K]` their children. */
  readonly children: Uint32Array;
  /** `[J]` where each sum's edges begin in the circuit's columns; its K edges follow in the order of `children`. */
  readonly edges: Uint32Array;
}

/** The order in which a circuit is computed: inputs and products one by one, sums in groups. Depends on the structure only. */
export interface Plan {
  /** Input and product units as they are, a group of sums as -1 - its index. */
  readonly steps: Int32Array;
  readonly groups: readonly SumGroup[];
  /** Largest number of children of a group. */
  readonly widest: number;
}

/** Plans the computation of a circuit. A group stands where its first sum stands: all its children are before it. */
export function planCircuit(circuit: ProbabilisticCircuit): Plan {
  const { kind, first, child } = circuit;
  const steps: number[] = [];
  const byChildren = new Map<string, number>();
  const members: number[][] = [];
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    if (kind[unit] === inputKind || kind[unit] === productKind) {
      steps.push(unit);
      continue;
    }
    const key = child.subarray(first[unit], first[unit + 1]).join();
    const known = byChildren.get(key);
    if (known !== undefined) {
      members[known].push(unit);
      continue;
    }
    byChildren.set(key, members.length);
    steps.push(-1 - members.length);
    members.push([unit]);
  }
  let widest = 0;
  const groups = members.map((sums) => {
    const children = child.slice(first[sums[0]], first[sums[0] + 1]);
    widest = Math.max(widest, children.length);
    return { sums: Uint32Array.from(sums), children, edges: Uint32Array.from(sums, (unit) => first[unit]) };
  });
  return { steps: Int32Array.from(steps), groups, widest };
}
