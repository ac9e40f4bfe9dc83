import { InputError } from '../errors.js';
import type { Random } from '../tensor/index.js';
import { drawLog, gaussianLog, type InputUnit, inputTable, logSumExp, tableEntropy } from './inputs.js';

/** An input that looks at a variable. */
export type VariableInput = Exclude<InputUnit, { kind: 'constant' }>;

/** Natural logarithm of an input's value where its variable is `x`; NaN sums (integrates) the variable out. */
export function inputLog(unit: InputUnit, states: number, x: number): number {
  if (unit.kind === 'constant') return unit.log;
  if (Number.isNaN(x)) return inputMass(unit, states);
  return unit.kind === 'gaussian' ? gaussianLog(x, unit.mean, unit.deviation) : inputTable(unit, states)[x];
}

/** Natural logarithm of an input summed (integrated) over its variable. */
export function inputMass(unit: InputUnit, states: number): number {
  if (unit.kind === 'constant') return unit.log;
  return unit.kind === 'gaussian' ? 0 : logSumExp(inputTable(unit, states));
}

/** The largest value of an input, as a logarithm, and the least value of the variable that attains it. */
export function inputMode(unit: VariableInput, states: number): { readonly log: number; readonly value: number } {
  if (unit.kind === 'gaussian') return { log: gaussianLog(unit.mean, unit.mean, unit.deviation), value: unit.mean };
  const table = inputTable(unit, states);
  let value = 0;
  for (let v = 1; v < table.length; v++) if (table[v] > table[value]) value = v;
  return { log: table[value], value };
}

/** Draws a value of the variable with chance in proportion to the input. */
export function drawInput(unit: VariableInput, states: number, random: Random): number {
  if (unit.kind === 'gaussian') return unit.mean + unit.deviation * random.normal();
  return drawLog(inputTable(unit, states), random);
}

/** Raw moment E[x^order] of the distribution that is proportional to the input. */
export function inputMoment(unit: VariableInput, states: number, order: number): number {
  if (!(Number.isInteger(order) && order >= 0))
    throw new InputError('the order of a moment must be a whole number from 0');
  if (unit.kind === 'gaussian') {
    // E x^k = mean E x^(k-1) + (k - 1) deviation² E x^(k-2).
    let [before, now] = [0, 1];
    for (let k = 1; k <= order; k++) [before, now] = [now, unit.mean * now + (k - 1) * unit.deviation ** 2 * before];
    return now;
  }
  const table = inputTable(unit, states);
  const mass = logSumExp(table);
  return table.reduce(
    (sum, log, v) => sum + (log > Number.NEGATIVE_INFINITY ? Math.exp(log - mass) * v ** order : 0),
    0,
  );
}

/** Entropy in nats of the distribution that is proportional to the input; of a gaussian the differential entropy. */
export function inputEntropy(unit: VariableInput, states: number): number {
  if (unit.kind === 'gaussian') return 0.5 * Math.log(2 * Math.PI * Math.E) + Math.log(unit.deviation);
  return tableEntropy(inputTable(unit, states));
}
