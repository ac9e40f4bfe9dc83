import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { breathe } from '../platform.js';
import { Random } from '../tensor/index.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { checkTable, overBatches } from './evaluate.js';
import { Evaluator, type Parameters } from './evaluator.js';
import { maximise } from './maximise.js';
import { requireProperties } from './properties.js';

export interface EmOptions {
  /** Passes over the data. */
  readonly epochs?: number;
  /** Rows per step; all of them is full-batch EM. */
  readonly batchRows?: number;
  /** Step size at the first and the last epoch, linear between; 1 takes the new parameters as they are. */
  readonly step?: readonly [first: number, last: number];
  /** Added to the counts of each sum and each categorical input in all, spread evenly. */
  readonly pseudocount?: number;
  /** Rows that decide when to stop: the best parameters on them are kept. */
  readonly valid?: Table;
  /** Epochs without a better likelihood on the validation rows before stopping. */
  readonly patience?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (state: { done: number; total: number; unit: string }) => void;
}

export interface Learned {
  readonly circuit: ProbabilisticCircuit;
  /** After each epoch: mean log-likelihood of the training rows as they were met, and of the validation rows. */
  readonly epochs: readonly { readonly train: number; readonly valid: number | undefined }[];
}

/**
 * Expectation maximisation: counts how often each edge and input value is expected to be used on the rows (the flows), and makes
 * the shares of these counts the new weights. On all rows with step 1 and without pseudocounts the likelihood never falls;
 * mini-batches with a falling step learn in fewer passes. Missing cells are summed out.
 * @throws InputError when the circuit is not smooth and decomposable, or the data do not fit it
 */
export async function em(circuit: ProbabilisticCircuit, train: Table, options: EmOptions = {}): Promise<Learned> {
  const { epochs = 30, step = [1, 1], pseudocount = 0.1, valid, patience = 5, seed = 0, signal, onProgress } = options;
  requireProperties(circuit, ['smooth', 'decomposable'], 'learning by EM');
  checkTable(circuit, train);
  if (valid) checkTable(circuit, valid);
  const batchRows = Math.min(train.rows, options.batchRows ?? train.rows);
  if (!(batchRows >= 1)) throw new InputError('a batch needs at least one row');
  const evaluator = new Evaluator(circuit);
  const random = new Random(seed);
  let now: Parameters = circuit;
  let best = { valid: Number.NEGATIVE_INFINITY, parameters: now, epoch: -1 };
  const log: { train: number; valid: number | undefined }[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const rows = batchRows < train.rows ? shuffled(train, random) : train;
    const share = epochs > 1 ? epoch / (epochs - 1) : 0;
    const size = step[0] + share * (step[1] - step[0]);
    let total = 0;
    for (let start = 0; start < rows.rows; start += batchRows) {
      const end = Math.min(start + batchRows, rows.rows);
      const sums = evaluator.emptySums();
      for (let at = start; at < end; at += evaluator.batch) {
        signal?.throwIfAborted();
        for (const value of evaluator.forward(rows, at, Math.min(evaluator.batch, end - at))) total += value;
        evaluator.backward(sums);
        onProgress?.({ done: epoch * rows.rows + at, total: epochs * rows.rows, unit: 'rows' });
        await breathe();
      }
      now = maximise(circuit, now, sums, evaluator, { step: size, pseudocount });
      evaluator.load(now);
    }
    const validMean = valid && (await meanLog(evaluator, valid, signal));
    log.push({ train: total / rows.rows, valid: validMean });
    if (validMean === undefined) continue;
    if (validMean > best.valid) best = { valid: validMean, parameters: now, epoch };
    else if (epoch - best.epoch >= patience) break;
  }
  return { circuit: { ...circuit, ...(valid ? best.parameters : now) }, epochs: log };
}

async function meanLog(evaluator: Evaluator, table: Table, signal: AbortSignal | undefined): Promise<number> {
  let total = 0;
  await overBatches(evaluator, table, { signal }, (logs) => {
    for (const value of logs) total += value;
  });
  return total / table.rows;
}

function shuffled(table: Table, random: Random): Table {
  const order = random.shuffle(Array.from({ length: table.rows }, (_, row) => row));
  const values = new Float64Array(table.values.length);
  order.forEach((row, place) => {
    values.set(table.values.subarray(row * table.columns, (row + 1) * table.columns), place * table.columns);
  });
  return { ...table, values };
}
