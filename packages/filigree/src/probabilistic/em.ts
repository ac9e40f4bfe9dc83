import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { checkTable } from './evaluate.js';
import type { FlowSums, Parameters } from './evaluator.js';
import type { Selection } from './layered.js';
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
  /** Called after each epoch with what `Learned` would say if it were the last, and with what going on from there needs. */
  readonly onEpoch?: (learned: Learned, state: () => Promise<LearnState>) => void | Promise<void>;
  /** Goes on where `onEpoch` gave this, to the bit, with the same circuit, rows and options. */
  readonly resume?: LearnState;
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

/** Where learning stands after an epoch. */
export interface LearnState {
  readonly epochs: Learned['epochs'];
  /** The parameters with all the digits that the engine has. */
  readonly parameters: Parameters;
  /** Whether they are floats that the engine moved itself: shares then sum to one but for rounding. */
  readonly moved: boolean;
  /** Those that were best on the validation rows. */
  readonly best: Parameters | undefined;
  /** What the rule of learning keeps from step to step, by name. */
  readonly memory: LearnMemory;
}

/** Numbers that a rule of learning keeps from step to step, by name. */
export type LearnMemory = ReadonlyMap<string, Float64Array>;

/** The same, for the rule to write. */
export type OwnMemory = Map<string, Float64Array>;

/** Some of them, zero at first. */
export function remembered(memory: OwnMemory, name: string, size: number): Float64Array {
  const known = memory.get(name);
  if (known) return known;
  const fresh = new Float64Array(size);
  memory.set(name, fresh);
  return fresh;
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
  return learn(circuit, train, 'learning by EM', options, async (learner, selection, epoch, memory) => {
    const share = epochs > 1 ? epoch / (epochs - 1) : 0;
    const rule = { step: step[0] + share * (step[1] - step[0]), pseudocount };
    if (momentum === 0 && softness === 0) return learner.step(train, selection, rule);
    const view = (now: Parameters): Parameters => soften(now, softness);
    return learner.apply(
      train,
      selection,
      (now, sums) => {
        unsoften(sums, learner.statisticsAt, now, softness);
        const counts = momentum > 0 ? mixed(sums, memory, momentum) : sums;
        return maximise(circuit, now, counts, learner.statisticsAt, rule);
      },
      view,
    );
  });
}

function checkShare(name: string, share: number): void {
  if (!(share >= 0 && share < 1)) throw new InputError(`${name} must be at least 0 and below 1, not ${share}`);
}

/** A running mean of counts, F ← β F + (1 - β) F_batch, divided by 1 - β^t. */
function mixed(sums: FlowSums, memory: OwnMemory, momentum: number): FlowSums {
  const steps = remembered(memory, 'steps', 1);
  steps[0]++;
  const left = 1 - momentum ** steps[0];
  const mean = (name: string, fresh: Float64Array): Float64Array => {
    const kept = remembered(memory, name, fresh.length);
    for (let i = 0; i < kept.length; i++) kept[i] = momentum * kept[i] + (1 - momentum) * fresh[i];
    return kept.map((x) => x / left);
  };
  return { edges: mean('edges', sums.edges), inputs: mean('inputs', sums.inputs) };
}

/** One step of a rule on some rows; gives the sum of what it makes larger. */
export type LearnStep = (learner: Learner, selection: Selection, epoch: number, memory: OwnMemory) => Promise<number>;

/** Rows whose log-likelihood is taken away, `share` times. */
export interface Less {
  readonly table: Table;
  readonly share: number;
}

/**
 * Epochs of steps over shuffled rows, with early stopping: what EM and gradient training share.
 * @param less what is taken away from the likelihood of the validation rows
 */
export async function learn(
  circuit: ProbabilisticCircuit,
  train: Table,
  what: string,
  options: LearnOptions,
  step: LearnStep,
  less?: (table: Table) => Less | undefined,
): Promise<Learned> {
  const { epochs = 30, valid, patience = 5, seed = 0, signal, onProgress, onEpoch, plain, resume } = options;
  requireProperties(circuit, ['smooth', 'decomposable'], what);
  checkTable(circuit, train);
  if (valid) checkTable(circuit, valid);
  const batchRows = Math.min(train.rows, options.batchRows ?? train.rows);
  if (!(batchRows >= 1)) throw new InputError('a batch needs at least one row');
  // Equal batches: a last one of few rows would undo, at a large step, what the others have learned.
  const steps = Math.max(1, Math.round(train.rows / batchRows));
  const learner = new Learner(circuit, { plain, signal });
  const random = new Random(seed);
  const lessValid = valid && less?.(valid);
  const log = [...(resume?.epochs ?? [])];
  let best = resume && bestOf(resume);
  const memory: OwnMemory = new Map(Array.from(resume?.memory ?? [], ([name, numbers]) => [name, numbers.slice()]));
  const result = async (): Promise<Learned> => ({
    circuit: { ...circuit, ...(best ? best.parameters : await learner.parameters()) },
    epochs: log,
  });
  const state = async (): Promise<LearnState> => ({
    epochs: [...log],
    ...(await learner.exact()),
    best: best?.parameters,
    memory: new Map(Array.from(memory, ([name, numbers]) => [name, numbers.slice()])),
  });
  const aim = async (table: Table): Promise<number> => {
    const mean = await learner.mean(table);
    return lessValid ? mean - lessValid.share * (await learner.mean(lessValid.table)) : mean;
  };
  const isOver = (epoch: number): boolean => valid !== undefined && epoch - (best?.epoch ?? -1) > patience;
  try {
    if (resume) learner.restore(resume);
    for (let epoch = 0; epoch < epochs && !isOver(epoch); epoch++) {
      const order = steps > 1 ? random.shuffle(Array.from({ length: train.rows }, (_, row) => row)) : undefined;
      // The orders of the epochs that are done are drawn too, for the next ones to be the same.
      if (epoch < (resume?.epochs.length ?? 0)) continue;
      let total = 0;
      for (let k = 0; k < steps; k++) {
        signal?.throwIfAborted();
        const [start, end] = [k, k + 1].map((at) => Math.floor((at * train.rows) / steps));
        const count = end - start;
        total += await step(learner, { start, count, order }, epoch, memory);
        onProgress?.({ done: epoch * train.rows + end, total: epochs * train.rows, unit: 'rows' });
      }
      const validMean = valid && (await aim(valid));
      log.push({ train: total / train.rows, valid: validMean });
      if (validMean !== undefined && !(validMean <= (best?.valid ?? Number.NEGATIVE_INFINITY))) {
        best = { valid: validMean, parameters: await learner.parameters(), epoch };
      }
      if (onEpoch) await onEpoch(await result(), state);
    }
    return await result();
  } finally {
    learner.dispose();
  }
}

/** The best epoch so far, as the loop of `learn` has it. */
function bestOf({ epochs, best }: LearnState): { valid: number; parameters: Parameters; epoch: number } | undefined {
  let found = -1;
  epochs.forEach(({ valid }, epoch) => {
    if (valid !== undefined && !(valid <= (epochs[found]?.valid ?? Number.NEGATIVE_INFINITY))) found = epoch;
  });
  return best && found >= 0 ? { valid: epochs[found].valid ?? 0, parameters: best, epoch: found } : undefined;
}
