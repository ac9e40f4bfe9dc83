import { InputError } from '../errors.js';
import { CircuitBuilder, inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';
import { categorical } from './inputs.js';
import { Scopes } from './scopes.js';

/**
 * The same function as a smooth circuit that looks at all its variables: where a child of a sum does not look at a variable that
 * another child looks at, it is multiplied by an input that is 1 at every value. Files of logic leave such variables out.
 * @throws InputError when a real variable is left out, since the mass of 1 everywhere is infinite
 */
export function smooth(circuit: ProbabilisticCircuit): ProbabilisticCircuit {
  const scopes = new Scopes(circuit);
  const { first, child, kind, variables } = circuit;
  const build = new CircuitBuilder(Array.from(circuit.states));
  const free: (number | undefined)[] = [];
  const freeInput = (variable: number): number => {
    const states = circuit.states[variable];
    if (states === 0) throw new InputError(`variable ${variable + 1} is real and left out of a part of the circuit`);
    free[variable] ??= build.input(categorical(variable, new Array<number>(states).fill(1)));
    return free[variable];
  };
  const widened = new Map<string, number>();
  const widen = (unit: number, scope: number, wanted: readonly number[]): number => {
    const has = new Set(scopes.variables(scope));
    const lacking = wanted.filter((v) => !has.has(v));
    if (lacking.length === 0) return unit;
    const key = `${unit}:${lacking}`;
    const known = widened.get(key);
    if (known !== undefined) return known;
    const result = build.product([unit, ...lacking.map(freeInput)]);
    widened.set(key, result);
    return result;
  };
  const copy: number[] = [];
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    const children = Array.from(child.subarray(first[unit], first[unit + 1]));
    if (kind[unit] === inputKind) copy.push(build.input(circuit.inputs[circuit.inputOf[unit]]));
    else if (kind[unit] === productKind) copy.push(build.product(children.map((c) => copy[c])));
    else {
      const wanted = scopes.variables(scopes.of[unit]);
      const whole = scopes.of[unit];
      const full = children.map((c) => (scopes.of[c] === whole ? copy[c] : widen(copy[c], scopes.of[c], wanted)));
      copy.push(build.logSum(full, circuit.logWeight.subarray(first[unit], first[unit + 1])));
    }
  }
  const root = unitCount(circuit) - 1;
  const all = Array.from({ length: variables }, (_, v) => v);
  return build.finish(widen(copy[root], scopes.of[root], all));
}
