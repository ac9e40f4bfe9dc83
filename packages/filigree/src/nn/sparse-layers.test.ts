import { afterAll, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/reference.js';
import { dropAndGrow, dropTwoSided, randomTopology, sparseConv2d, sparseLinear } from '../sparse/index.js';
import { mean, Random, setDefaultDevice, square, sub, tensor } from '../tensor/index.js';
import { fit } from './fit.js';
import { SparseConv2d, SparseLinear } from './sparse-layers.js';

const before = setDefaultDevice(createReferenceDevice());
afterAll(() => {
  setDefaultDevice(before);
});

it('are their functions with weights of their own, which fit trains and rewires', async () => {
  const random = new Random(1);
  const layer = new SparseLinear(randomTopology(6, 10, 24, random), { seed: 2 });
  const conv = new SparseConv2d(randomTopology(4, 18, 30, random), { kernel: [3, 3], padding: 1 }, { bias: false });
  const [x, image] = [tensor(random.normals(50), [5, 10]), tensor(random.normals(160), [5, 4, 4, 2])];
  expect(layer.run(x).dataSync()).toEqual(sparseLinear(x, layer.weight, layer.bias).dataSync());
  expect(conv.run(image).shape).toEqual([5, 4, 4, 4]);
  expect(conv.run(image).dataSync()).toEqual(sparseConv2d(image, conv.weight, conv.convolution).dataSync());
  expect([...conv.parameters.keys()]).toEqual(['weight']);
  const goal = tensor(random.normals(30), [5, 6]);
  const model = {
    parameters: layer.parameters,
    loss: () => mean(square(sub(layer.run(x), goal))),
    replace: layer.replace.bind(layer),
  };
  const data = { batches: () => 10, epoch: () => Array.from({ length: 10 }, (_, k) => k) };
  const rewirer = dropAndGrow({ fraction: () => 0.3, every: 'epoch', drop: dropTwoSided, grow: 'random' });
  const { history, rewirings } = await fit(model, data, {
    ...{ optimiser: { kind: 'sgd', momentum: 0.9 }, lr: 0.1, epochs: 4, rewirer },
  });
  expect(history[3].loss).toBeLessThan(0.7 * history[0].loss);
  expect(rewirings.every(({ size }) => size === 24)).toBe(true);
  layer.dispose();
  conv.dispose();
});
