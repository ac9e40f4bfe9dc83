import type { Dataset } from '../data/dataset.js';
import { batchesOf } from '../data/dataset.js';
import { fit } from '../nn/fit.js';
import type { FitOptions, Trainable, TrainingData } from '../nn/fit-options.js';
import type { LabelledBatch } from '../nn/layered.js';
import { Mlp } from '../nn/mlp.js';
import { dropTwoSided, largest, randomTopology, SparseTensor, setCounts } from '../sparse/index.js';
import { mul, Random } from '../tensor/index.js';
import { mlpShapes } from './classifier.js';
import { set } from './set.js';

export interface QuickSelectionOptions extends Pick<FitOptions, 'signal' | 'onProgress' | 'checkpoint'> {
  /** Hidden neurons. */
  hidden?: number;
  /** SET's epsilon: a layer has `epsilon (in + out)` weights. */
  epsilon?: number;
  /** Share that each epoch replaces; 0 keeps a static random topology. */
  zeta?: number;
  epochs?: number;
  lr?: number;
  batch?: number;
  weightDecay?: number;
  /** Deviation of the noise that the inputs get. */
  noise?: number;
  seed?: number;
}

export interface SelectedFeatures {
  /** Sum of |weight| of the edges that leave each input, after a last drop without growth. */
  readonly strength: Float64Array;
  /** Number of such edges. */
  readonly degree: Int32Array;
  readonly model: Mlp;
  /** Mean squared error of the last epoch, over samples and features. */
  readonly loss: number;
}

/**
 * QuickSelection: a sparse autoencoder that takes noise off its inputs is trained with SET; features are as important as their input neurons are
 * strong. Strength is read right after a drop, before growth would blur it. Inputs should have mean 0 and variance 1.
 * Atashgahi, Sokar, van der Lee, Mocanu, Mocanu, Veldhuis, Pechenizkiy: Quick and Robust Feature Selection, Machine Learning 2022.
 */
export async function quickSelection(data: Dataset, options: QuickSelectionOptions = {}): Promise<SelectedFeatures> {
  const { hidden = 1000, epsilon = 13, zeta = 0.2, epochs = 100, lr = 0.01, batch = 100, weightDecay = 1e-5 } = options;
  const { noise = 0.2, seed = 0, signal, onProgress, checkpoint } = options;
  const sizes = [data.features, hidden, data.features];
  const shapes = mlpShapes(sizes);
  const counts = setCounts(shapes, epsilon);
  const topologies = shapes.map((s, l) =>
    randomTopology(s.out, s.in, counts[l], new Random(seed).fork(`topology ${l}`)),
  );
  const model = new Mlp({ sizes, seed, topologies, activation: 'sigmoid', deviation: 0.1 });
  // Half the squared norm of the error of a sample, as the authors' code: a mean over features would make the learning rate depend on their number.
  const trainable: Trainable<LabelledBatch> = {
    parameters: model.parameters,
    loss: (sample) => mul(model.loss(sample), data.features / 2),
    replace: (name, weight) => model.replace(name, weight),
  };
  const { history } = await fit(trainable, noisy(data, noise), {
    optimiser: { kind: 'sgd', momentum: 0.9, weightDecay },
    lr,
    epochs,
    batch,
    seed,
    rewirer: zeta > 0 ? set({ zeta }) : undefined,
    signal,
    onProgress,
    checkpoint,
    reportEvery: 20,
  });
  const { strength, degree } = await inputStrength(model, zeta);
  return { strength, degree, model, loss: (2 * history[history.length - 1].loss) / data.features };
}

/** Strength and degree of input neurons after the two-sided drop of the share `zeta` of a network's first layer. */
export async function inputStrength(model: Mlp, zeta: number): Promise<{ strength: Float64Array; degree: Int32Array }> {
  const weight = model.weight(0);
  if (!(weight instanceof SparseTensor)) throw new TypeError('the first layer is not sparse');
  const { support, places } = weight.layout;
  const packed = await weight.values.data();
  const values = Float64Array.from(places, (place) => packed[place]);
  const gone = new Set(
    dropTwoSided(
      { name: '', topology: support, values, t: 1, round: 1, last: false, random: new Random(0), memory: {} },
      zeta,
    ),
  );
  const strength = new Float64Array(support.cols);
  const degree = new Int32Array(support.cols);
  values.forEach((value, slot) => {
    if (gone.has(slot)) return;
    strength[support.indices[slot]] += Math.abs(value);
    degree[support.indices[slot]]++;
  });
  return { strength, degree };
}

/** The `count` features with the largest scores, ascending. */
export const selectFeatures = (scores: ArrayLike<number>, count: number): Int32Array => largest(scores, count);

/** Batches of inputs with noise, to be turned into the inputs themselves. */
function noisy(data: Dataset, deviation: number): TrainingData<LabelledBatch> {
  const source = batchesOf(data);
  return {
    batches: source.batches,
    *epoch(options) {
      const random = options.random.fork('noise');
      for (const { inputs, samples } of source.epoch(options)) {
        yield { samples, inputs: inputs.map((x) => x + deviation * random.normal()), targets: inputs };
      }
    },
  };
}
