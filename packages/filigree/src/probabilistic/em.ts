import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { checkTable } from './evaluate.js';
import type { FlowSums, Parameters } from './evaluator.js';
import { Learner } from './learner.js';
import { maximise } from './maximise.js';
import { requireProperties } from './properties.js';
import { soften, unsoften } from './soften.js';

/** What every way of learning takes. */
export interface LearnOptions {
  /** Passes over the data. */
  readonly epochs?: number;
  /** About how many rows a step has (rows are parted evenly); all of them is full-batch EM. */
  readonly batchRows?: number;
  /** Rows that decide when to stop: the best parameters on them are kept. */
  readonly valid?: Table;
  /** Epochs without a better likelihood on the validation rows before stopping. */
  readonly patience?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (state: { done: number; total: number; unit: string }) => void;
  /** Called after each epoch with what `Learned` would say if it were the last. */
  readonly onEpoch?: (learned: Learned) => void | Promise<void>;
  /** Compute by plain loops in f64, where rounding matters more than time. */
  readonly plain?: boolean;
}

export interface EmOptions extends LearnOptions {
  /** Step size at the first and the last epoch, linear between; 1 takes the new parameters as they are. */
  readonly step?: readonly [first: number, last: number];
  /** Added to the counts of each sum and each categorical input in all, spread evenly. */
  readonly pseudocount?: number;
  /** Share β of the counts that is kept from step to step, corrected for its start; 0 is none. */
  readonly momentum?: number;
  /** Chance that a cell of the training rows is any other value than it says: see `soften`. */
  readonly softness?: number;
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
  const { epochs = 30, step = [1, 1], pseudocount = 0.1, momentum = 0, softness = 0 } = options;
  checkShare('the momentum', momentum);
  checkShare('the softness', softness);
  const memory = momentum > 0 ? new Memory(momentum) : undefined;
  return learn(circuit, train, 'learning by EM', options, async (learner, selection, epoch) => {
    const share = epochs > 1 ? epoch / (epochs - 1) : 0;
    const rule = { step: step[0] + share * (step[1] - step[0]), pseudocount };
    if (!memory && softness === 0) return learner.step(train, selection, rule);
    const view = (now: Parameters): Parameters => soften(now, softness);
    return learner.apply(
      train,
      selection,
      (now, sums) => {
        unsoften(sums, learner.statisticsAt, now, softness);
        return maximise(circuit, now, memory ? memory.mix(sums) : sums, learner.statisticsAt, rule);
      },
      view,
    );
  });
}

function checkShare(name: string, share: number): void {
  if (!(share >= 0 && share < 1)) throw new InputError(`${name} must be at least 0 and below 1, not ${share}`);
}

/** A running mean of counts, F ← β F + (1 - β) F_batch, divided by 1 - β^t. */
class Memory {
  private kept: FlowSums | undefined;
  private left = 1;

  constructor(private readonly momentum: number) {}

  mix(sums: FlowSums): FlowSums {
    const { momentum } = this;
    this.kept ??= { edges: new Float64Array(sums.edges.length), inputs: new Float64Array(sums.inputs.length) };
    this.left *= momentum;
    const mean = (kept: Float64Array, fresh: Float64Array): Float64Array => {
      for (let i = 0; i < kept.length; i++) kept[i] = momentum * kept[i] + (1 - momentum) * fresh[i];
      return kept.map((x) => x / (1 - this.left));
    };
    return { edges: mean(this.kept.edges, sums.edges), inputs: mean(this.kept.inputs, sums.inputs) };
  }
}

/** Epochs of steps over shuffled rows, with early stopping: what EM and gradient training share. */
export async function learn(
  circuit: ProbabilisticCircuit,
  train: Table,
  what: string,
  options: LearnOptions,
  step: (
    learner: Learner,
    selection: { start: number; count: number; order?: ArrayLike<number> },
    epoch: number,
  ) => Promise<number>,
): Promise<Learned> {
  const { epochs = 30, valid, patience = 5, seed = 0, signal, onProgress, onEpoch, plain } = options;
  requireProperties(circuit, ['smooth', 'decomposable'], what);
  checkTable(circuit, train);
  if (valid) checkTable(circuit, valid);
  const batchRows = Math.min(train.rows, options.batchRows ?? train.rows);
  if (!(batchRows >= 1)) throw new InputError('a batch needs at least one row');
  // Equal batches: a last one of few rows would undo, at a large step, what the others have learned.
  const steps = Math.max(1, Math.round(train.rows / batchRows));
  const learner = new Learner(circuit, { plain, signal });
  const random = new Random(seed);
  let best: { valid: number; parameters: Parameters; epoch: number } | undefined;
  const log: { train: number; valid: number | undefined }[] = [];
  const result = async (): Promise<Learned> => ({
    circuit: { ...circuit, ...(best ? best.parameters : await learner.parameters()) },
    epochs: log,
  });
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = steps > 1 ? random.shuffle(Array.from({ length: train.rows }, (_, row) => row)) : undefined;
      let total = 0;
      for (let k = 0; k < steps; k++) {
        signal?.throwIfAborted();
        const [start, end] = [k, k + 1].map((at) => Math.floor((at * train.rows) / steps));
        const count = end - start;
        total += await step(learner, { start, count, order }, epoch);
        onProgress?.({ done: epoch * train.rows + end, total: epochs * train.rows, unit: 'rows' });
      }
      const validMean = valid && (await learner.mean(valid));
      log.push({ train: total / train.rows, valid: validMean });
      if (validMean !== undefined && !(validMean <= (best?.valid ?? Number.NEGATIVE_INFINITY))) {
        best = { valid: validMean, parameters: await learner.parameters(), epoch };
      }
      if (onEpoch) await onEpoch(await result());
      if (validMean !== undefined && epoch - (best?.epoch ?? -1) >= patience) break;
    }
    return await result();
  } finally {
    learner.dispose();
  }
}
