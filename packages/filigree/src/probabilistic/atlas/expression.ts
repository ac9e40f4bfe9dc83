import type { ProbabilisticCircuit } from '../circuit.js';
import { type AlgebraicCircuit, algebraic, algebraicProperties, listed, sizeOf, valueAt } from './algebraic.js';
import {
  aggregate,
  aggregateConditions,
  type Condition,
  type ElementMap,
  logCircuit,
  mapConditions,
  mapElements,
  multiply,
  type OperatorOptions,
} from './operators.js';

/** One step of an expression: what it asked and what it made. */
export interface Step {
  readonly what: string;
  readonly conditions: readonly Condition[];
  /** Edges of the result, and the most that theory allows; undefined where the step was refused. */
  readonly size?: number;
  readonly bound?: number;
  /** What the result's structure has. */
  readonly properties?: string;
}

/**
 * A composition of operators on circuits that is computed when its value is asked for. `explain` tells, step by step, the conditions,
 * the properties and the sizes, and stops at the first condition that fails.
 *
 * ```ts
 * const renyi = of(circuit).map(power(2)).sum();
 * renyi.value();
 * ```
 */
export class Expression<T> {
  private result: AlgebraicCircuit<T> | undefined;

  constructor(
    private readonly what: string,
    private readonly operands: readonly Expression<unknown>[],
    private readonly conditions: () => readonly Condition[],
    private readonly bound: () => number,
    private readonly compute: (options: OperatorOptions) => AlgebraicCircuit<T>,
  ) {}

  /** ⊕ over these variables (counted from 0), all of them by default. */
  sum(variables?: Iterable<number>): Expression<T> {
    const listedOnce = variables && [...variables];
    const over = (circuit: AlgebraicCircuit<T>): Set<number> => new Set(listedOnce ?? circuit.states.keys());
    return new Expression<T>(
      `⊕ over ${listedOnce ? listed(listedOnce) : 'all variables'}`,
      [this as Expression<unknown>],
      () => aggregateConditions(this.circuit()),
      () => sizeOf(this.circuit()) + 1,
      (options) => {
        const circuit = this.circuit(options);
        return aggregate(circuit, over(circuit), options);
      },
    );
  }

  times(other: Expression<T>): Expression<T> {
    return new Expression<T>(
      '⊗',
      [this as Expression<unknown>, other as Expression<unknown>],
      () => [compatible(this.circuit(), other.circuit())],
      () => sizeOf(this.circuit()) * sizeOf(other.circuit()),
      (options) => multiply(this.circuit(options), other.circuit(options)),
    );
  }

  map<U>(map: ElementMap<T, U>): Expression<U> {
    return new Expression<U>(
      map.name,
      [this as Expression<unknown>],
      () => mapConditions(this.circuit(), map),
      () => sizeOf(this.circuit()),
      (options) => mapElements(this.circuit(options), map, options),
    );
  }

  /** Any other operator that keeps the size, such as fixing the values of variables. */
  apply(what: string, operator: (circuit: AlgebraicCircuit<T>) => AlgebraicCircuit<T>): Expression<T> {
    return new Expression<T>(
      what,
      [this as Expression<unknown>],
      () => [],
      () => sizeOf(this.circuit()) + 1,
      (options) => operator(this.circuit(options)),
    );
  }

  /** The circuit that the expression stands for. Throws InputError naming the unit where a condition fails, unless forced. */
  circuit(options: OperatorOptions = {}): AlgebraicCircuit<T> {
    if (options.force) return this.compute(options);
    this.result ??= this.compute(options);
    return this.result;
  }

  /** The value, after all variables have been aggregated. Throws as `circuit` does. */
  value(options: OperatorOptions = {}): T {
    return valueAt(this.circuit(options));
  }

  /** The steps in the order of computation, up to the first that cannot be done. */
  explain(): Step[] {
    const steps: Step[] = [];
    this.tell(steps, new Set());
    return steps;
  }

  private tell(steps: Step[], told: Set<unknown>): boolean {
    if (told.has(this)) return true;
    for (const operand of this.operands) if (!operand.tell(steps, told)) return false;
    told.add(this);
    const conditions = this.conditions();
    if (conditions.some(({ holds }) => !holds)) {
      steps.push({ what: this.what, conditions });
      return false;
    }
    const circuit = this.circuit();
    const { smooth, decomposable, deterministic } = algebraicProperties(circuit);
    const named = { smooth, decomposable, deterministic: deterministic === true };
    const properties = Object.entries(named).flatMap(([name, has]) => (has ? [name] : []));
    steps.push({
      what: this.what,
      conditions,
      size: sizeOf(circuit),
      bound: this.bound(),
      properties: properties.join(', '),
    });
    return true;
  }
}

function compatible<T>(a: AlgebraicCircuit<T>, b: AlgebraicCircuit<T>): Condition {
  try {
    multiply(a, b);
    return { name: 'compatible', holds: true, why: '' };
  } catch (error) {
    return { name: 'compatible', holds: false, why: (error as Error).message };
  }
}

/** An expression to begin with. */
export function of(circuit: ProbabilisticCircuit): Expression<number> {
  return ofAlgebraic('circuit', algebraic(circuit));
}

export function ofAlgebraic<T>(what: string, circuit: AlgebraicCircuit<T>): Expression<T> {
  return new Expression<T>(
    what,
    [],
    () => [],
    () => sizeOf(circuit),
    () => circuit,
  );
}

/** log of an expression over the real numbers, on its support. */
export function logOf(expression: Expression<number>): Expression<number> {
  return new Expression<number>(
    'log',
    [expression as Expression<unknown>],
    () =>
      mapConditions(expression.circuit(), {
        name: 'log',
        to: expression.circuit().semiring,
        apply: (x) => x,
        multiplicative: true,
      }),
    () => 4 * sizeOf(expression.circuit()) ** 2,
    (options) => logCircuit(expression.circuit(options), options),
  );
}

/** The steps of an expression as lines of text. */
export function explanation(expression: Expression<unknown>): string[] {
  return expression
    .explain()
    .flatMap(({ what, conditions, size, bound, properties }) => [
      size === undefined ? `${what}: refused` : `${what}: ${size} edges (at most ${bound}); ${properties}`,
      ...conditions.map(({ name, holds, why }) => `  ${name}: ${holds ? 'yes' : `no, ${why}`}`),
    ]);
}
