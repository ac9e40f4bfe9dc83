import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { checkTable, checkVariable, overBatches, type RowOptions } from './evaluate.js';
import { Evaluator } from './evaluator.js';
import { logSumExp } from './inputs.js';
import { requireProperties } from './properties.js';

export interface ClassPosterior {
  /** `[rows, classes]` log p(class | the rest of the row); -∞ all through a row of probability 0. */
  readonly logs: Float64Array;
  /** `[rows]` the most probable class. */
  readonly best: Int32Array;
  readonly classes: number;
}

/**
 * For every row the distribution of one variable given the others, whatever the row says of that one itself. Missing cells are
 * summed out.
 * @param variable the class, counted from 0; it must have finitely many values
 * @throws InputError when the circuit is not smooth and decomposable, or the class is real
 */
export async function classPosterior(
  circuit: ProbabilisticCircuit,
  table: Table,
  variable: number,
  options: RowOptions = {},
): Promise<ClassPosterior> {
  requireProperties(circuit, ['smooth', 'decomposable'], 'a class query');
  checkVariable(circuit, variable);
  const classes = circuit.states[variable];
  if (classes === 0)
    throw new InputError(`a class query needs a class of finitely many values; variable ${variable + 1} is real`);
  checkTable(circuit, table);
  const { rows, columns } = table;
  const evaluator = new Evaluator(circuit);
  const joint = new Float64Array(rows * classes);
  const values = table.values.slice();
  const { onProgress } = options;
  for (let k = 0; k < classes; k++) {
    for (let row = 0; row < rows; row++) values[row * columns + variable] = k;
    const report = onProgress && {
      onProgress: (state: { done: number; unit: string }) =>
        onProgress({ ...state, done: k * rows + state.done, total: classes * rows }),
    };
    await overBatches(evaluator, { ...table, values }, { ...options, ...report }, (logs, start) => {
      for (let b = 0; b < logs.length; b++) joint[(start + b) * classes + k] = logs[b];
    });
  }
  const best = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const own = joint.subarray(row * classes, (row + 1) * classes);
    const mass = logSumExp(own);
    for (let k = 0; k < classes; k++) {
      if (own[k] > own[best[row]]) best[row] = k;
    }
    if (mass > Number.NEGATIVE_INFINITY) for (let k = 0; k < classes; k++) own[k] -= mass;
  }
  return { logs: joint, best, classes };
}
