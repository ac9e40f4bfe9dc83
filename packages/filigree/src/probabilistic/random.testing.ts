import { type Table, tableOf } from '../data/index.js';
import type { Random } from '../tensor/index.js';
import { CircuitBuilder, inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';
import { binomial, categorical, gaussianLog, indicator, inputTable, logistic } from './inputs.js';

/** Every state of a circuit of finite variables, a row each. */
export function allStates({ states }: { states: ArrayLike<number> }): Table {
  let rows: number[][] = [[]];
  for (let v = 0; v < states.length; v++) {
    rows = rows.flatMap((row) => Array.from({ length: states[v] }, (_, x) => [...row, x]));
  }
  return tableOf(rows);
}

/** The definition: the value of every unit on one complete row, by plain arithmetic without logarithms. */
export function plainValues(circuit: ProbabilisticCircuit, row: ArrayLike<number>): Float64Array {
  return plainly(circuit, plainInputs(circuit), row);
}

/** The probability of every state of `allStates`, by the definition. */
export function plainDistribution(circuit: ProbabilisticCircuit): Float64Array {
  const { rows, columns, values } = allStates(circuit);
  const root = unitCount(circuit) - 1;
  const at = plainInputs(circuit);
  return Float64Array.from(
    { length: rows },
    (_, r) => plainly(circuit, at, values.subarray(r * columns, (r + 1) * columns))[root],
  );
}

/** The value of each input on a row. */
function plainInputs(circuit: ProbabilisticCircuit): ((row: ArrayLike<number>) => number)[] {
  return circuit.inputs.map((input) => {
    if (input.kind === 'constant') return () => Math.exp(input.log);
    if (input.kind === 'gaussian') {
      return (row) => Math.exp(gaussianLog(row[input.variable], input.mean, input.deviation));
    }
    const table = inputTable(input, circuit.states[input.variable]).map(Math.exp);
    return (row) => table[row[input.variable]];
  });
}

function plainly(
  circuit: ProbabilisticCircuit,
  inputs: readonly ((row: ArrayLike<number>) => number)[],
  row: ArrayLike<number>,
): Float64Array {
  const { kind, first, child, logWeight, inputOf } = circuit;
  const values = new Float64Array(unitCount(circuit));
  for (let unit = 0; unit < values.length; unit++) {
    if (kind[unit] === inputKind) {
      values[unit] = inputs[inputOf[unit]](row);
      continue;
    }
    values[unit] = kind[unit] === productKind ? 1 : 0;
    for (let e = first[unit]; e < first[unit + 1]; e++) {
      if (kind[unit] === productKind) values[unit] *= values[child[e]];
      else values[unit] += Math.exp(logWeight[e]) * values[child[e]];
    }
  }
  return values;
}

export interface RandomShape {
  /** Number of values of each variable. */
  states: readonly number[];
  /** Decided by one variable after the other, in the order of the variables where it is `ordered`: such circuits are compatible. */
  ordered?: boolean;
  /** Whether some inputs are binomial or logistic. */
  varied?: boolean;
  deterministic?: boolean;
  /** Whether products over the same variables split them alike. */
  structured?: boolean;
  /** Whether the weights of each sum, and of each input, sum to one. */
  normalised?: boolean;
}

/** A random smooth and decomposable circuit, with shared units and some zeros. */
export function randomCircuit(shape: RandomShape, random: Random): ProbabilisticCircuit {
  return new RandomCircuit(shape, random).make();
}

class RandomCircuit {
  private readonly build: CircuitBuilder;
  private readonly made = new Map<string, number[]>();
  private readonly splits = new Map<string, number>();

  constructor(
    private readonly shape: RandomShape,
    private readonly random: Random,
  ) {
    this.build = new CircuitBuilder(shape.states);
  }

  make(): ProbabilisticCircuit {
    const variables = this.shape.states.map((_, v) => v);
    const order = this.shape.ordered ? variables : this.random.shuffle(variables);
    return this.build.finish(this.region(order));
  }

  /** A sum over all of some variables; units of a region are used again now and then. */
  private region(scope: readonly number[]): number {
    const { random, build } = this;
    const key = scope.join();
    const made = this.made.get(key) ?? [];
    this.made.set(key, made);
    if (made.length > 0 && (made.length > 3 || random.uniform() < 0.4)) return random.pick(made);
    let unit: number;
    if (scope.length === 1) unit = this.leaf(scope[0]);
    else if (this.shape.deterministic) {
      const [first, ...rest] = scope;
      const parts = Array.from({ length: this.shape.states[first] }, (_, x) =>
        build.product([build.input(indicator(first, x)), this.region(rest)]),
      );
      unit = build.sum(parts, this.weights(parts.length));
    } else {
      const parts = Array.from({ length: 1 + random.integer(3) }, () => {
        const at: number = this.splits.get(key) ?? 1 + random.integer(scope.length - 1);
        if (this.shape.structured) this.splits.set(key, at);
        const order = this.shape.structured ? scope : random.shuffle(scope);
        return build.product([this.region(order.slice(0, at)), this.region(order.slice(at))]);
      });
      unit = build.sum(parts, this.weights(parts.length));
    }
    made.push(unit);
    return unit;
  }

  private leaf(variable: number): number {
    const states = this.shape.states[variable];
    if (this.random.uniform() < 0.15) return this.build.input(indicator(variable, this.random.integer(states)));
    const { random } = this;
    const other = this.shape.varied ? random.uniform() : 1;
    if (other < 0.1 && states > 1) return this.build.input(binomial(variable, states - 1, random.uniform()));
    if (other < 0.2) return this.build.input(logistic(variable, states * random.uniform(), 0.2 + random.uniform()));
    return this.build.input(categorical(variable, this.weights(states)));
  }

  /** Weights, sometimes with a zero among them, never all zero. */
  private weights(count: number): number[] {
    const { random } = this;
    const raw = Array.from({ length: count }, () => (random.uniform() < 0.1 ? 0 : 0.05 + random.uniform()));
    if (Math.max(...raw) === 0) raw[0] = 1;
    const total = raw.reduce((a, b) => a + b, 0);
    return this.shape.normalised ? raw.map((w) => w / total) : raw;
  }
}
