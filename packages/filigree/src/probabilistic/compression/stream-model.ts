import { InputError } from '../../errors.js';
import { inputKind, type ProbabilisticCircuit, productKind, sumKind, unitCount, unitName } from '../circuit.js';
import { inputTable } from '../inputs.js';
import { plainExp } from '../plain-math.js';
import { requireProperties } from '../properties.js';
import { Scopes } from '../scopes.js';

/** Values are mantissa · 2^(100 exponent), with mantissas from 2^-50 to 2^50, or 0. */
const limb = 2 ** 100;
const low = 2 ** -50;
const high = 2 ** 50;

/** 2^(-100 k) for k from 0; what is smaller than that of 2 changes no digit. */
function shift(k: number): number {
  if (k > 2) return 0;
  return k === 0 ? 1 : k === 1 ? 1 / limb : 1 / limb / limb;
}

/** Most values of a variable, so that each gets a slot of 2^24 with room to spare. */
const mostValues = 2 ** 16;
/** Most pairs of a variable and a unit that looks at it. */
const mostPairs = 2 ** 28;

/**
 * A circuit that goes through the variables of a row one by one and gives p(x_i | x_1 … x_(i-1)) for all values of x_i. Each step
 * touches only the units that look at x_i, since all others keep their values: Σ_n |scope(n)| for a row instead of D |circuit|.
 * The root is linear in the inputs of x_i, so one pass down for their derivatives g gives the shares of all values,
 * Σ_leaf g(leaf) leaf(v), and one pass up takes the value in. Only +, -, * and / on f64, in a fixed order: the same bits everywhere.
 */
export class StreamModel {
  readonly variables: number;
  /** Largest number of values of a variable. */
  readonly widest: number;
  private readonly weight: Float64Array;
  /** `[inputs]` value of each input at each value of its variable. */
  private readonly tables: readonly Float64Array[];
  /** `[variables]` units that look at the variable, children first. */
  private readonly touched: readonly Uint32Array[];
  private readonly mantissa: Float64Array;
  private readonly exponent: Int32Array;
  private readonly freshMantissa: Float64Array;
  private readonly freshExponent: Int32Array;
  private readonly slope: Float64Array;
  /** `[units]` the last variable that `shares` was asked for among those that each unit looks at. */
  private readonly looks: Int32Array;
  private readonly slopeExponent: Int32Array;

  /**
   * @param options.whole computes every unit at every step, as a check of the shorter way; the results have the same bits
   * @throws InputError when the circuit is not smooth and decomposable, or has a variable that is real or has over 65,536 values
   */
  constructor(
    readonly circuit: ProbabilisticCircuit,
    private readonly options: { readonly whole?: boolean } = {},
  ) {
    requireProperties(circuit, ['smooth', 'decomposable'], 'compression');
    const { states, inputs, logWeight } = circuit;
    states.forEach((count, v) => {
      if (count >= 1 && count <= mostValues) return;
      const has = count === 0 ? 'is real' : `has ${count} values`;
      throw new InputError(`compression needs variables of 1 to ${mostValues} values; variable ${v + 1} ${has}`);
    });
    this.variables = circuit.variables;
    this.widest = states.reduce((a, b) => Math.max(a, b), 1);
    this.weight = logWeight.map(plainExp);
    this.tables = inputs.map((input) =>
      input.kind === 'constant'
        ? Float64Array.of(plainExp(input.log))
        : inputTable(input, states[input.variable]).map(plainExp),
    );
    this.touched = touchedUnits(circuit);
    const units = unitCount(circuit);
    [this.mantissa, this.freshMantissa, this.slope] = [0, 1, 2].map(() => new Float64Array(units));
    [this.exponent, this.freshExponent, this.slopeExponent] = [0, 1, 2].map(() => new Int32Array(units));
    this.looks = new Int32Array(units).fill(-1);
    for (let unit = 0; unit < units; unit++) {
      if (circuit.kind[unit] !== inputKind) this.compute(unit);
      else
        this.store(
          unit,
          this.tables[circuit.inputOf[unit]].reduce((a, b) => a + b, 0),
          0,
        );
    }
    if (this.mantissa[units - 1] === 0) throw new InputError('the circuit is zero everywhere; it is no distribution');
    this.freshMantissa.set(this.mantissa);
    this.freshExponent.set(this.exponent);
  }

  /** Units that the steps of a row touch, in all. */
  get unitsPerRow(): number {
    return this.touched.reduce((sum, units) => sum + units.length, 0);
  }

  /** Begins a row: nothing is known. */
  reset(): void {
    this.mantissa.set(this.freshMantissa);
    this.exponent.set(this.freshExponent);
  }

  /** Numbers in proportion to p(variable = v | what was told since `reset`), into `shares`; all 0 where the model knows none. */
  shares(variable: number, shares: Float64Array): void {
    const { kind, first, child, inputOf, states } = this.circuit;
    const { mantissa, exponent, slope, slopeExponent, weight } = this;
    const path = this.touched[variable];
    for (let p = 0; p < path.length; p++) {
      slope[path[p]] = 0;
      this.looks[path[p]] = variable;
    }
    const root = mantissa.length - 1;
    shares.fill(0, 0, states[variable]);
    if (path.length === 0) shares.fill(1, 0, states[variable]);
    slope[root] = 1;
    slopeExponent[root] = 0;
    let top = 0;
    let any = false;
    for (let p = path.length - 1; p >= 0; p--) {
      const unit = path[p];
      const own = slope[unit];
      if (own === 0) continue;
      const ownExponent = slopeExponent[unit];
      if (kind[unit] === sumKind) {
        for (let e = first[unit]; e < first[unit + 1]; e++) {
          // What is impossible needs no slope: nothing that it is multiplied with matters.
          if (mantissa[child[e]] > 0) this.addSlope(child[e], own * weight[e], ownExponent);
        }
      } else if (kind[unit] === productKind) {
        let rest = own;
        let restExponent = ownExponent;
        let next = -1;
        for (let e = first[unit]; e < first[unit + 1]; e++) {
          const c = child[e];
          if (next < 0 && this.looks[c] === variable) {
            next = c;
            continue;
          }
          rest *= mantissa[c];
          restExponent += exponent[c];
          if (rest >= high) {
            rest /= limb;
            restExponent++;
          } else if (rest < low && rest > 0) {
            rest *= limb;
            restExponent--;
          }
        }
        if (rest > 0) this.addSlope(next, rest, restExponent);
      } else if (!any || ownExponent > top) {
        top = ownExponent;
        any = true;
      }
    }
    for (const unit of path) {
      if (kind[unit] !== inputKind || slope[unit] === 0) continue;
      const scale = slope[unit] * shift(top - slopeExponent[unit]);
      const table = this.tables[inputOf[unit]];
      for (let v = 0; v < table.length; v++) shares[v] += scale * table[v];
    }
  }

  /**
   * Takes in that the variable that `shares` was last asked for has a value, for the rest of the row. Units without a slope do
   * not reach the root any more, since something that they are multiplied with is impossible: they stay as they are.
   */
  tell(variable: number, value: number): void {
    const { kind, inputOf } = this.circuit;
    const path = this.touched[variable];
    for (const unit of path) {
      if (this.slope[unit] === 0) continue;
      if (kind[unit] === inputKind) this.store(unit, this.tables[inputOf[unit]][value], 0);
      else if (!this.options.whole) this.compute(unit);
    }
    if (!this.options.whole) return;
    for (let unit = 0; unit < kind.length; unit++) if (kind[unit] !== inputKind) this.compute(unit);
  }

  private addSlope(unit: number, value: number, exponent: number): void {
    const { slope, slopeExponent } = this;
    if (value === 0) return;
    if (slope[unit] === 0) {
      slope[unit] = value;
      slopeExponent[unit] = exponent;
    } else if (exponent === slopeExponent[unit]) slope[unit] += value;
    else if (exponent < slopeExponent[unit]) slope[unit] += value * shift(slopeExponent[unit] - exponent);
    else {
      slope[unit] = slope[unit] * shift(exponent - slopeExponent[unit]) + value;
      slopeExponent[unit] = exponent;
    }
    while (slope[unit] >= high) {
      slope[unit] /= limb;
      slopeExponent[unit]++;
    }
    while (slope[unit] < low && slope[unit] > 0) {
      slope[unit] *= limb;
      slopeExponent[unit]--;
    }
  }

  /** A sum's or product's value from its children's. */
  private compute(unit: number): void {
    const { kind, first, child } = this.circuit;
    const { mantissa, exponent, weight } = this;
    if (kind[unit] === productKind) {
      let value = 1;
      let scale = 0;
      for (let e = first[unit]; e < first[unit + 1]; e++) {
        value *= mantissa[child[e]];
        scale += exponent[child[e]];
        if (value >= high) {
          value /= limb;
          scale++;
        } else if (value < low && value > 0) {
          value *= limb;
          scale--;
        }
      }
      this.store(unit, value, scale);
      return;
    }
    let top = 0;
    let any = false;
    for (let e = first[unit]; e < first[unit + 1]; e++) {
      if (weight[e] === 0 || mantissa[child[e]] === 0) continue;
      if (!any || exponent[child[e]] > top) top = exponent[child[e]];
      any = true;
    }
    let value = 0;
    for (let e = first[unit]; e < first[unit + 1]; e++) {
      const c = child[e];
      if (exponent[c] === top) value += weight[e] * mantissa[c];
      else if (mantissa[c] > 0) value += weight[e] * mantissa[c] * shift(top - exponent[c]);
    }
    this.store(unit, value, top);
  }

  private store(unit: number, value: number, scale: number): void {
    let m = value;
    let e = scale;
    while (m >= high) {
      m /= limb;
      e++;
    }
    while (m < low && m > 0) {
      m *= limb;
      e--;
    }
    this.mantissa[unit] = m;
    this.exponent[unit] = e;
  }
}

/** For every variable the units that look at it, rising. Throws InputError when there are too many. */
function touchedUnits(circuit: ProbabilisticCircuit): Uint32Array[] {
  const scopes = new Scopes(circuit);
  const lists: number[][] = Array.from({ length: circuit.variables }, () => []);
  const known = new Map<number, number[]>();
  let pairs = 0;
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    const scope = scopes.of[unit];
    const variables = known.get(scope) ?? scopes.variables(scope);
    known.set(scope, variables);
    pairs += variables.length;
    if (pairs > mostPairs) {
      throw new InputError(`${unitName(circuit, unit)}: the circuit is too deep and wide to compress with`);
    }
    for (const v of variables) lists[v].push(unit);
  }
  return lists.map((list) => Uint32Array.from(list));
}
