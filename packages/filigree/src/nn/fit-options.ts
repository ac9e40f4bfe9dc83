import type { Rewirer, Schedule, SparseTensor } from '../sparse/index.js';
import type { Random, Tensor } from '../tensor/index.js';
import type { OptimiserSettings, Parameter } from './optimiser.js';

/** What can be trained: named parameters, and the loss of a batch, a scalar. */
export interface Trainable<B> {
  readonly parameters: ReadonlyMap<string, Parameter>;
  loss(batch: B): Tensor;
  /** Puts another sparse weight in a parameter's place, and frees the one before; rewiring needs it. */
  replace?(name: string, weight: SparseTensor): void;
}

/** What is trained on, batch by batch. */
export interface TrainingData<B> {
  /** Batches of one epoch. */
  batches(size: number): number;
  /** The batches of an epoch in order; the same epoch and random numbers give the same batches, so that training can resume. */
  epoch(options: { epoch: number; size: number; random: Random }): Iterable<B>;
}

/** Where a training keeps its state, so that it can go on later: a file, usually. */
export interface CheckpointStore {
  /** What was written last; undefined where nothing was. */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

export interface FitProgress {
  /** Updates done, of how many. */
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  /** Of this batch. */
  readonly loss: number;
}

export interface FitOptions {
  /** Passes over the data; 1 by default. */
  epochs?: number;
  /** Samples of a batch; 100 by default. */
  batch?: number;
  /** Learning rate where the schedule is 1. */
  lr: number;
  /** Factor of the learning rate; 1 by default. */
  schedule?: Schedule;
  /** AdamW by default. */
  optimiser?: OptimiserSettings;
  /** Largest norm of all gradients together; larger ones are scaled down to it. */
  clip?: number;
  /**
   * Largest root mean square of all gradients together; larger ones are scaled down to it, and with `rescale` smaller ones up. Instead of
   * `clip`.
   */
  gradientRms?: { limit: number; rescale?: boolean };
  /**
   * Called before the first update of a run, also of one that goes on, and after each update: may change the parameters in place, such as
   * by setting weights to zero. So that a training goes on to the same bits, what it does must depend on the parameters and the step alone,
   * and doing it twice must be as doing it once.
   */
  constrain?: (state: { step: number; steps: number }) => Promise<void>;
  /** Changes the topology of sparse weights; of all of them, unless `rewires` says no. */
  rewirer?: Rewirer;
  rewires?: (name: string) => boolean;
  /** Decides the order of the data and what a rewirer draws. */
  seed?: number;
  signal?: AbortSignal;
  onProgress?: (state: FitProgress) => void;
  /** Updates between two progress reports. */
  reportEvery?: number;
  /** Figures that the history keeps for each epoch, such as the accuracy on other data. */
  evaluate?: (epoch: number) => Promise<Record<string, number>>;
  /** Called after each epoch. */
  onEpoch?: (record: EpochRecord) => Promise<void> | void;
  /** Ends the training when a figure of `evaluate` (larger = better; `loss`: smaller) was not bettered for `patience` epochs. */
  stop?: { figure: string; patience: number };
  /** Saves every so many updates (by default at the end of each epoch), and when the signal is aborted; begins from what is there. */
  checkpoint?: { store: CheckpointStore; every?: number };
}

export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  /** Updates done. */
  readonly step: number;
  /** Mean over the epoch's batches. */
  readonly loss: number;
  /** Those of `evaluate`. */
  readonly figures: Readonly<Record<string, number>>;
}

/** One rewiring of one weight. */
export interface RewireRecord {
  readonly step: number;
  readonly name: string;
  readonly dropped: number;
  readonly grown: number;
  /** Weights after it. */
  readonly size: number;
}

export interface FitResult {
  /** Of the last batch. */
  readonly loss: number;
  readonly steps: number;
  readonly history: readonly EpochRecord[];
  readonly rewirings: readonly RewireRecord[];
  /** Whether it ended before the last epoch, because nothing got better. */
  readonly stopped: boolean;
}
