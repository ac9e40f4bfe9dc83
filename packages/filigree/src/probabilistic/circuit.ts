import { InputError } from '../errors.js';
import { type InputUnit, inputStates } from './inputs.js';
import { plainLog } from './plain-math.js';

/** Kinds of units, as stored in `ProbabilisticCircuit.kind`. */
export const inputKind = 0;
export const productKind = 1;
export const sumKind = 2;

/**
 * A circuit of input, product and sum units, in columns: children stand before their parents, and the root is last. A sum unit's
 * value is the weighted sum of its children, a product unit's their product. It is a distribution when it is smooth and
 * decomposable (see `checkProperties`) and its weights are not negative; it need not be normalised.
 */
export interface ProbabilisticCircuit {
  /** Number of variables; they are counted from 0 here, and from 1 in files, messages and commands. */
  readonly variables: number;
  /** `[variables]` number of values 0, 1, … of each variable; 0 where it is real. */
  readonly states: Uint32Array;
  /** `[units]` inputKind, productKind or sumKind. */
  readonly kind: Uint8Array;
  /** `[units + 1]` where each unit's edges begin. */
  readonly first: Uint32Array;
  /** `[edges]` the children. */
  readonly child: Uint32Array;
  /** `[edges]` natural logarithms of the weights; 0 on the edges of products. */
  readonly logWeight: Float64Array;
  /** `[units]` index into `inputs`, -1 for sums and products. */
  readonly inputOf: Int32Array;
  readonly inputs: readonly InputUnit[];
  /** Parameters that learning keeps equal: `[units]` and `[inputs]`, the number of the group that a sum or input belongs to, or -1. */
  readonly tied?: { readonly sums: Int32Array; readonly inputs: Int32Array };
}

/** Number of units of a circuit. */
export const unitCount = (circuit: ProbabilisticCircuit): number => circuit.kind.length;

/** What the messages call a unit: its kind and its place, counted from 0 in the order of computation. */
export function unitName(circuit: ProbabilisticCircuit, unit: number): string {
  return `${['input', 'product', 'sum'][circuit.kind[unit]]} unit ${unit}`;
}

/** The most units and the most edges that a circuit may have, so that a stranger's file cannot ask for all memory. */
const most = 2 ** 27;

/**
 * Builds a circuit by hand, children first. Each method gives the unit's number, for the parents to name.
 *
 * ```ts
 * const build = new CircuitBuilder([2, 2]);
 * const on = build.product([build.input(bernoulli(0, 0.9)), build.input(bernoulli(1, 0.2))]);
 * const off = build.product([build.input(bernoulli(0, 0.1)), build.input(bernoulli(1, 0.7))]);
 * const circuit = build.finish(build.sum([on, off], [0.3, 0.7]));
 * ```
 */
export class CircuitBuilder {
  private readonly states: number[];
  private readonly kind: number[] = [];
  private readonly first: number[] = [0];
  private readonly child: number[] = [];
  private readonly logWeight: number[] = [];
  private readonly inputOf: number[] = [];
  private readonly inputs: InputUnit[] = [];
  /** By unit: the group of units whose parameters learning keeps equal. */
  private readonly group = new Map<number, number>();

  /** @param states number of values of each variable, 0 for a real variable */
  constructor(states: readonly number[]) {
    this.states = states.map((count, v) => {
      if (Number.isInteger(count) && count >= 0 && count < 2 ** 24) return count;
      throw new InputError(
        `variable ${v + 1} cannot have ${count} values; give a whole number, or 0 for a real variable`,
      );
    });
  }

  get units(): number {
    return this.kind.length;
  }

  /**
   * Says that learning shall keep the parameters of all sums, or of all inputs, of one group equal.
   * @param group any number; nothing is tied below 0
   * @returns the unit
   */
  tie(unit: number, group: number): number {
    this.checkUnit(unit);
    if (group >= 0) this.group.set(unit, group);
    return unit;
  }

  /** Adds an input unit. Throws InputError when it does not fit its variable. */
  input(unit: InputUnit): number {
    if (unit.kind !== 'constant') {
      const states = this.states[unit.variable];
      if (states === undefined) {
        throw new InputError(`there is no variable ${unit.variable + 1}; the circuit has ${this.states.length}`);
      }
      const [least, greatest] = inputStates(unit);
      if (states < least || states > greatest) {
        const has = states === 0 ? 'real' : `of ${states} values`;
        throw new InputError(`a ${unit.kind} input does not fit variable ${unit.variable + 1}, which is ${has}`);
      }
    }
    this.inputs.push(unit);
    return this.add(inputKind, [], [], this.inputs.length - 1);
  }

  product(children: readonly number[]): number {
    return this.add(productKind, children, undefined, -1);
  }

  /** @param weights not negative; they need not sum to one */
  sum(children: readonly number[], weights: readonly number[] | Float64Array): number {
    return this.logSum(children, Array.from(weights, plainLog));
  }

  /** A sum whose weights are given by their natural logarithms. */
  logSum(children: readonly number[], logWeights: readonly number[] | Float64Array): number {
    if (children.length !== logWeights.length) {
      throw new InputError(`a sum of ${children.length} children cannot have ${logWeights.length} weights`);
    }
    for (const w of logWeights) {
      if (!(w < Number.POSITIVE_INFINITY)) {
        throw new InputError(`sum unit ${this.units} has a weight that is negative or not a number`);
      }
    }
    return this.add(sumKind, children, logWeights, -1);
  }

  /** The circuit whose root is `root`, without the units that the root does not need. */
  finish(root = this.units - 1): ProbabilisticCircuit {
    if (this.units === 0) throw new InputError('a circuit needs at least one unit');
    this.checkUnit(root);
    const needed = new Uint8Array(root + 1);
    needed[root] = 1;
    for (let unit = root; unit >= 0; unit--) {
      if (!needed[unit]) continue;
      for (let e = this.first[unit]; e < this.first[unit + 1]; e++) needed[this.child[e]] = 1;
    }
    const place = new Int32Array(root + 1).fill(-1);
    const inputs: InputUnit[] = [];
    const [kind, first, child, logWeight, inputOf]: number[][] = [[], [0], [], [], []];
    const [tiedSums, tiedInputs]: number[][] = [[], []];
    for (let unit = 0; unit <= root; unit++) {
      if (!needed[unit]) continue;
      place[unit] = kind.length;
      kind.push(this.kind[unit]);
      for (let e = this.first[unit]; e < this.first[unit + 1]; e++) {
        child.push(place[this.child[e]]);
        logWeight.push(this.logWeight[e]);
      }
      first.push(child.length);
      const input = this.inputOf[unit];
      inputOf.push(input < 0 ? -1 : inputs.length);
      const group = this.group.get(unit) ?? -1;
      tiedSums.push(this.kind[unit] === sumKind ? group : -1);
      if (input < 0) continue;
      inputs.push(this.inputs[input]);
      tiedInputs.push(group);
    }
    const tied = { sums: Int32Array.from(tiedSums), inputs: Int32Array.from(tiedInputs) };
    return {
      variables: this.states.length,
      states: Uint32Array.from(this.states),
      kind: Uint8Array.from(kind),
      first: Uint32Array.from(first),
      child: Uint32Array.from(child),
      logWeight: Float64Array.from(logWeight),
      inputOf: Int32Array.from(inputOf),
      inputs,
      ...(this.group.size > 0 && { tied }),
    };
  }

  private add(
    kind: number,
    children: readonly number[],
    weights: ArrayLike<number> | undefined,
    input: number,
  ): number {
    if (kind !== inputKind && children.length === 0) {
      throw new InputError(`${kind === sumKind ? 'sum' : 'product'} unit ${this.units} has no children`);
    }
    if (this.units >= most || this.child.length + children.length > most) {
      throw new InputError(`a circuit may have at most ${most} units and edges`);
    }
    for (let i = 0; i < children.length; i++) {
      this.checkUnit(children[i]);
      this.child.push(children[i]);
      this.logWeight.push(weights ? weights[i] : 0);
    }
    this.kind.push(kind);
    this.first.push(this.child.length);
    this.inputOf.push(input);
    return this.kind.length - 1;
  }

  private checkUnit(unit: number): void {
    if (!(Number.isInteger(unit) && unit >= 0 && unit < this.units)) {
      throw new InputError(`there is no unit ${unit} yet; build children before their parents`);
    }
  }
}
