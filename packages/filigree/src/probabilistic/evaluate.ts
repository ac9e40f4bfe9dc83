import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { breathe } from '../platform.js';
import { type ProbabilisticCircuit, unitCount } from './circuit.js';
import { Evaluator } from './evaluator.js';

/** What operations over many rows take. */
export interface RowOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (state: { done: number; total: number; unit: string }) => void;
  /** Variables to sum out, counted from 0, whatever the table says of them. */
  readonly marginalise?: readonly number[];
}

/**
 * Natural logarithm of the probability (density) of every row. Missing cells are summed out, which is the exact marginal on a
 * smooth and decomposable circuit.
 * @returns `[rows]`
 * @throws InputError when the table does not fit the circuit's variables
 */
export async function logLikelihood(
  circuit: ProbabilisticCircuit,
  table: Table,
  options: RowOptions = {},
): Promise<Float64Array> {
  const result = new Float64Array(table.rows);
  await overBatches(new Evaluator(circuit), table, options, (logs, start) => result.set(logs, start));
  return result;
}

/** Flows of a circuit on a table: see `Evaluator.backward`. */
export interface Flows {
  /** `[rows]` log p of each row. */
  readonly logs: Float64Array;
  /** `[edges]` summed over the rows; θ ∂ Σ log p / ∂θ for the edges of sums. */
  readonly edges: Float64Array;
  /** `[units]` summed over the rows: how often each unit is expected to be used. */
  readonly units: Float64Array;
}

/** Expected counts of every edge and unit, summed over the rows. Throws as `logLikelihood` does. */
export async function flows(circuit: ProbabilisticCircuit, table: Table, options: RowOptions = {}): Promise<Flows> {
  const evaluator = new Evaluator(circuit);
  const sums = evaluator.emptySums();
  const logs = new Float64Array(table.rows);
  const units = new Float64Array(unitCount(circuit));
  await overBatches(evaluator, table, options, (batch, start) => {
    logs.set(batch, start);
    addUnits(evaluator.backward(sums), evaluator.batch, batch.length, units);
  });
  return { logs, edges: sums.edges, units };
}

function addUnits(flow: Float64Array, batch: number, count: number, units: Float64Array): void {
  for (let unit = 0; unit < units.length; unit++) {
    for (let b = 0; b < count; b++) units[unit] += flow[unit * batch + b];
  }
}

/** The flows when nothing is known: how probable it is that a sample uses each edge, and each unit. */
export function topDown(circuit: ProbabilisticCircuit): { log: number; edges: Float64Array; units: Float64Array } {
  const evaluator = new Evaluator(circuit, { batch: 1 });
  const sums = evaluator.emptySums();
  const [log] = evaluator.forward(unknownRow(circuit.variables), 0, 1);
  return { log, units: evaluator.backward(sums).slice(), edges: sums.edges };
}

/** One row of which nothing is known. */
export const unknownRow = (variables: number): Table => ({
  rows: 1,
  columns: variables,
  values: new Float64Array(variables).fill(Number.NaN),
});

/**
 * Computes a table batch by batch, upwards; `use` may then go downwards.
 * @param use gets log p of the batch's rows and the first row's number
 */
export async function overBatches(
  evaluator: Evaluator,
  table: Table,
  options: RowOptions,
  use: (logs: Float64Array, start: number) => void,
): Promise<void> {
  const { signal, onProgress, marginalise = [] } = options;
  const { circuit, batch } = evaluator;
  checkTable(circuit, table);
  const hidden = new Uint8Array(circuit.variables);
  for (const variable of marginalise) {
    checkVariable(circuit, variable);
    hidden[variable] = 1;
  }
  for (let start = 0; start < table.rows; start += batch) {
    signal?.throwIfAborted();
    const count = Math.min(batch, table.rows - start);
    use(evaluator.forward(table, start, count, hidden), start);
    onProgress?.({ done: start + count, total: table.rows, unit: 'rows' });
    await breathe();
  }
}

/** Throws InputError, naming row and column from 1, when a table's cells are not values of the circuit's variables. */
export function checkTable(circuit: ProbabilisticCircuit, { rows, columns, values }: Table): void {
  if (rows === 0) throw new InputError('there are no rows of data; give at least one');
  if (columns !== circuit.variables) {
    throw new InputError(`the data have ${columns} columns, but the circuit has ${circuit.variables} variables`);
  }
  for (let row = 0, cell = 0; row < rows; row++) {
    for (let v = 0; v < columns; v++, cell++) {
      const [x, states] = [values[cell], circuit.states[v]];
      if (Number.isNaN(x) || (states === 0 && Number.isFinite(x))) continue;
      if (states > 0 && Number.isInteger(x) && x >= 0 && x < states) continue;
      const range = states === 0 ? 'a finite number' : `a whole number from 0 to ${states - 1}`;
      throw new InputError(`row ${row + 1}, column ${v + 1} is ${x}, but variable ${v + 1} of the circuit is ${range}`);
    }
  }
}

/** Throws InputError when the circuit has no such variable. */
export function checkVariable(circuit: ProbabilisticCircuit, variable: number): void {
  if (Number.isInteger(variable) && variable >= 0 && variable < circuit.variables) return;
  throw new InputError(`there is no variable ${variable + 1}; the circuit's variables are 1 to ${circuit.variables}`);
}
