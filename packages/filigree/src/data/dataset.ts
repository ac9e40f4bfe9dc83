import { InputError } from '../errors.js';
import type { TrainingData } from '../nn/fit-options.js';
import type { LabelledBatch } from '../nn/layered.js';
import type { Random } from '../tensor/index.js';

/** Samples and their classes. */
export interface Dataset {
  readonly name: string;
  readonly samples: number;
  readonly features: number;
  readonly classes: number;
  /** `[samples, features]`, row-major. */
  readonly inputs: Float32Array;
  /** `[samples]` */
  readonly labels: Int32Array;
}

/** Samples to train on, and others to test on. */
export interface Split {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** The given samples, in that order. */
export function subset(data: Dataset, samples: ArrayLike<number>): Dataset {
  const { features } = data;
  const inputs = new Float32Array(samples.length * features);
  const labels = new Int32Array(samples.length);
  for (let k = 0; k < samples.length; k++) {
    const s = samples[k];
    inputs.set(data.inputs.subarray(s * features, (s + 1) * features), k * features);
    labels[k] = data.labels[s];
  }
  return { ...data, samples: samples.length, inputs, labels };
}

/** The first `count` samples to train on, the rest to test on. Throws InputError where one of them would be empty. */
export function splitAt(data: Dataset, count: number): Split {
  if (!(Number.isInteger(count) && count > 0 && count < data.samples)) {
    throw new InputError(
      `${data.name} has ${data.samples} samples: ${count} cannot be taken to train on and some left to test on`,
    );
  }
  const from = (first: number, end: number): Dataset => ({
    ...data,
    samples: end - first,
    inputs: data.inputs.subarray(first * data.features, end * data.features),
    labels: data.labels.subarray(first, end),
  });
  return { train: from(0, count), test: from(count, data.samples) };
}

/** Batches for `fit`: the samples in a new random order in every epoch; what does not fill a batch is left out. */
export function batchesOf(data: Dataset): TrainingData<LabelledBatch> {
  return {
    batches: (size) => Math.floor(data.samples / size),
    *epoch({ size, random }) {
      const order = shuffled(data.samples, random);
      for (let first = 0; first + size <= order.length; first += size)
        yield subset(data, order.subarray(first, first + size));
    },
  };
}

/** Batches in order, for evaluation; the last may be smaller. */
export function* inOrder(data: Dataset, size: number): Generator<Dataset> {
  for (let first = 0; first < data.samples; first += size) {
    const count = Math.min(size, data.samples - first);
    yield subset(
      data,
      Array.from({ length: count }, (_, k) => first + k),
    );
  }
}

function shuffled(n: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
