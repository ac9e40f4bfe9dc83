import { type Dataset, inOrder } from '../data/dataset.js';
import {
  type AllocatorName,
  allocators,
  type LayerShape,
  randomFanIn,
  randomTopology,
  type Topology,
} from '../sparse/index.js';
import { noGrad, Random, scope, type Tensor, tensor } from '../tensor/index.js';

/** Share of samples whose class has the largest logit. */
export async function classAccuracy(model: { run(x: Tensor): Tensor }, data: Dataset): Promise<number> {
  let right = 0;
  for (const part of inOrder(data, 1000)) {
    const logits = scope(() => noGrad(() => model.run(tensor(part.inputs, [part.samples, part.features]))));
    const values = await logits.data();
    const width = logits.shape[1];
    logits.dispose();
    for (let s = 0; s < part.samples; s++) {
      let best = 0;
      for (let c = 1; c < width; c++) if (values[s * width + c] > values[s * width + best]) best = c;
      if (best === part.labels[s]) right++;
    }
  }
  return right / data.samples;
}

/** The shapes of the weights of a network of these sizes. */
export const mlpShapes = (sizes: readonly number[]): LayerShape[] =>
  sizes.slice(1).map((out, l) => ({ out, in: sizes[l] }));

/** A random support for every layer: so many weights in all, spread over the layers by the allocator. @param sizes or the shapes of layers */
export function randomTopologies(
  sizes: readonly number[] | readonly LayerShape[],
  density: number,
  options: { allocator?: AllocatorName; seed?: number } = {},
): Topology[] {
  const { allocator = 'erk', seed = 0 } = options;
  const shapes = isSizes(sizes) ? mlpShapes(sizes) : sizes;
  const counts = allocators[allocator](shapes, density);
  return shapes.map(({ out, in: inputs, kernel = [1, 1] }, l) =>
    randomTopology(out, inputs * kernel[0] * kernel[1], counts[l], new Random(seed).fork(`topology ${l}`)),
  );
}

const isSizes = (sizes: readonly number[] | readonly LayerShape[]): sizes is readonly number[] =>
  typeof sizes[0] === 'number';

/** As `randomTopologies`, with the same number of inputs for every neuron of a layer, one at least: where SRigL begins. */
export function fanInTopologies(
  sizes: readonly number[],
  density: number,
  options: { allocator?: AllocatorName; seed?: number } = {},
): Topology[] {
  const { allocator = 'erk', seed = 0 } = options;
  const shapes = mlpShapes(sizes);
  const counts = allocators[allocator](shapes, density);
  return shapes.map((s, l) => {
    const fan = Math.max(1, Math.round(counts[l] / s.out));
    return randomFanIn(s.out, s.in, fan, new Random(seed).fork(`topology ${l}`));
  });
}
