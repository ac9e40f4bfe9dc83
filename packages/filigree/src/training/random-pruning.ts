import { type Dataset, inOrder } from '../data/dataset.js';
import { Mlp, type MlpOptions } from '../nn/mlp.js';
import type { AllocatorName } from '../sparse/index.js';
import { noGrad, scope, softmax, type Tensor, tensor, valueAndGrad } from '../tensor/index.js';
import { randomTopologies } from './classifier.js';

/**
 * Random pruning: a random support of the given density, drawn once, with the layers' shares by `allocator`; training is that of a dense
 * network.
 * Liu, Chen, Chen, Shen, Mocanu, Wang, Pechenizkiy: The Unreasonable Effectiveness of Random Pruning, ICLR 2022.
 */
export function randomPruning(
  options: Omit<MlpOptions, 'topologies'> & { density: number; allocator?: AllocatorName },
): Mlp {
  const { density, allocator, ...own } = options;
  return new Mlp({ ...own, topologies: randomTopologies(own.sizes, density, { allocator, seed: own.seed }) });
}

/** Probabilities of the classes, `[samples, classes]`. */
export async function classProbabilities(model: Mlp, data: Dataset): Promise<Float64Array> {
  const all = new Float64Array(data.samples * data.classes);
  let at = 0;
  for (const part of inOrder(data, 1000)) {
    const shares = scope(() => noGrad(() => softmax(model.run(tensor(part.inputs, [part.samples, part.features])))));
    all.set(await shares.data(), at);
    at += shares.size;
    shares.dispose();
  }
  return all;
}

/** Expected calibration error (Guo et al. 2017): `sum over bins of |B| / n |accuracy - confidence|`. */
export function calibrationError(probabilities: ArrayLike<number>, labels: ArrayLike<number>, bins = 15): number {
  const classes = probabilities.length / labels.length;
  const table = Array.from({ length: bins }, () => ({ right: 0, confidence: 0 }));
  for (let s = 0; s < labels.length; s++) {
    const { best, share } = mostLikely(probabilities, s, classes);
    const bin = table[Math.min(bins - 1, Math.floor(share * bins))];
    bin.right += Number(best === labels[s]);
    bin.confidence += share;
  }
  return table.reduce((total, { right, confidence }) => total + Math.abs(right - confidence) / labels.length, 0);
}

/** The largest probability of each sample. */
export function confidences(probabilities: ArrayLike<number>, classes: number): Float64Array {
  return Float64Array.from(
    { length: probabilities.length / classes },
    (_, s) => mostLikely(probabilities, s, classes).share,
  );
}

function mostLikely(p: ArrayLike<number>, sample: number, classes: number): { best: number; share: number } {
  let best = 0;
  for (let c = 1; c < classes; c++) if (p[sample * classes + c] > p[sample * classes + best]) best = c;
  return { best, share: p[sample * classes + best] };
}

/** The samples moved by `eps` in the direction in which each number raises the loss (FGSM, Goodfellow et al. 2015). */
export async function fastGradientSign(model: Mlp, data: Dataset, eps: number): Promise<Dataset> {
  const moved = new Float32Array(data.inputs.length);
  let at = 0;
  for (const part of inOrder(data, 500)) {
    const slope = scope(() => {
      const x = tensor(part.inputs, [part.samples, part.features]);
      return valueAndGrad(() => model.lossOf(model.run(x), part), [x]).gradients[0] as Tensor;
    });
    const values = await slope.data();
    slope.dispose();
    for (let k = 0; k < part.inputs.length; k++) moved[at++] = part.inputs[k] + eps * Math.sign(values[k]);
  }
  return { ...data, inputs: moved };
}
