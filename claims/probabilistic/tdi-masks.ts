import { inputKind, inputLog, type ProbabilisticCircuit, productKind, Random, sumKind, unitCount } from 'filigree';

/** Edges of sums that dropout may drop: all but the root's. */
export function droppable({ kind, first }: ProbabilisticCircuit): number[] {
  const edges: number[] = [];
  for (let unit = 0; unit < kind.length - 1; unit++) {
    if (kind[unit] === sumKind) for (let e = first[unit]; e < first[unit + 1]; e++) edges.push(e);
  }
  return edges;
}

/** The circuit's value on a row with some edges dropped, by plain arithmetic. */
export class Masked {
  private readonly inputs: Float64Array;
  private readonly weight: Float64Array;
  private readonly values: Float64Array;

  constructor(
    private readonly circuit: ProbabilisticCircuit,
    row: ArrayLike<number>,
  ) {
    this.weight = circuit.logWeight.map(Math.exp);
    this.values = new Float64Array(unitCount(circuit));
    this.inputs = Float64Array.from(circuit.inputs, (input) =>
      input.kind === 'constant'
        ? Math.exp(input.log)
        : Math.exp(inputLog(input, circuit.states[input.variable], row[input.variable])),
    );
  }

  /** @param kept `[edges]` 1 for edges that stay, 0 for dropped ones */
  value(kept: Uint8Array): number {
    const { kind, first, child, inputOf } = this.circuit;
    const { values, weight } = this;
    for (let unit = 0; unit < values.length; unit++) {
      if (kind[unit] === inputKind) {
        values[unit] = this.inputs[inputOf[unit]];
        continue;
      }
      const isProduct = kind[unit] === productKind;
      let value = isProduct ? 1 : 0;
      for (let e = first[unit]; e < first[unit + 1]; e++) {
        if (isProduct) value *= values[child[e]];
        else if (kept[e]) value += weight[e] * values[child[e]];
      }
      values[unit] = value;
    }
    return values[values.length - 1];
  }
}

export interface Estimate {
  readonly mean: number;
  /** Standard deviation over masks, divided by the mean. */
  readonly relative: number;
  /** Standard error of `relative`, from ten parts. */
  readonly error: number;
}

/** Mean and deviation of the circuit's value over random masks. */
export function monteCarlo(
  circuit: ProbabilisticCircuit,
  row: ArrayLike<number>,
  dropout: number,
  masks: number,
  seed: number,
): Estimate {
  const run = new Masked(circuit, row);
  const random = new Random(seed);
  const edges = droppable(circuit);
  const kept = new Uint8Array(circuit.child.length).fill(1);
  const parts = 10;
  const [sums, squares] = [new Float64Array(parts), new Float64Array(parts)];
  for (let m = 0; m < masks; m++) {
    for (const e of edges) kept[e] = random.uniform() < dropout ? 0 : 1;
    const value = run.value(kept);
    sums[m % parts] += value;
    squares[m % parts] += value * value;
  }
  const relativeOf = (sum: number, square: number, count: number): number => {
    const mean = sum / count;
    return Math.sqrt(Math.max(0, square / count - mean * mean)) / mean;
  };
  const each = Array.from(sums, (sum, i) => relativeOf(sum, squares[i], masks / parts));
  const middle = each.reduce((a, b) => a + b, 0) / parts;
  const spread = Math.sqrt(each.reduce((a, x) => a + (x - middle) ** 2, 0) / (parts - 1));
  const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
  return {
    mean: total(sums) / masks,
    relative: relativeOf(total(sums), total(squares), masks),
    error: spread / Math.sqrt(parts),
  };
}

/** The same by all masks, one by one. */
export function exact(circuit: ProbabilisticCircuit, row: ArrayLike<number>, dropout: number): Estimate {
  const run = new Masked(circuit, row);
  const edges = droppable(circuit);
  const kept = new Uint8Array(circuit.child.length).fill(1);
  let [mean, square] = [0, 0];
  for (let mask = 0; mask < 2 ** edges.length; mask++) {
    let chance = 1;
    edges.forEach((e, i) => {
      kept[e] = (mask >> i) & 1;
      chance *= kept[e] ? 1 - dropout : dropout;
    });
    const value = run.value(kept);
    mean += chance * value;
    square += chance * value * value;
  }
  return { mean, relative: Math.sqrt(square - mean * mean) / mean, error: 0 };
}
