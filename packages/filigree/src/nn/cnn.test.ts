import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/reference.js';
import { Layout, randomTopology, SparseTensor, sparseConv2d, Topology } from '../sparse/index.js';
import { mean, Random, relu, reshape, setDefaultDevice, type Tensor, tensor, valueAndGrad } from '../tensor/index.js';
import { Cnn } from './cnn.js';
import { valuesOf } from './optimiser.js';

const image = [5, 4, 2] as const;
const shape = { image, channels: [4, 6], strides: [1, 2], outputs: 3, seed: 3 };

describe('Cnn', () => {
  it('is a row of convolutions, the mean over places and a linear layer', () => {
    setDefaultDevice(createReferenceDevice());
    const random = new Random(1);
    const topologies = [randomTopology(4, 18, 30, random), randomTopology(6, 36, 50, random)];
    const model = new Cnn({ ...shape, topologies });
    const x = tensor(random.normals(3 * 40), [3, 40]);
    const bias = (l: number) => model.parameters.get(`layers.${l}.bias`) as Tensor;
    let state = reshape(x, [3, ...image]);
    for (const [l, stride] of [1, 2].entries()) {
      const w = model.weight(l) as SparseTensor;
      state = relu(sparseConv2d(state, w, { kernel: [3, 3], stride, padding: 1 }, bias(l)));
    }
    expect(state.shape).toEqual([3, 3, 2, 6]);
    const pooled = mean(mean(state, 1), 1).dataSync();
    const head = (model.weight(2) as Tensor).dataSync();
    const right = Array.from({ length: 9 }, (_, k) =>
      Array.from({ length: 6 }, (_, j) => head[(k % 3) * 6 + j] * pooled[Math.floor(k / 3) * 6 + j]).reduce(
        (a, b) => a + b,
      ),
    );
    const logits = model.run(x);
    expect(logits.shape).toEqual([3, 3]);
    for (const [k, y] of logits.dataSync().entries()) expect(y).toBeCloseTo(right[k], 10);
    expect(model.uses.map(({ places }) => places)).toEqual([20, 6, 1]);
    expect(model.shapes[1]).toEqual({ out: 6, in: 4, kernel: [3, 3] });
  });

  it('has the gradients of its loss, dense and sparse; projected weights compute as sparse ones do', () => {
    const device = createReferenceDevice();
    setDefaultDevice(device);
    const random = new Random(2);
    const inputs = Float32Array.from(random.normals(4 * 40));
    const batch = { inputs, samples: 4, labels: Int32Array.of(0, 1, 2, 1) };
    const sparse = [randomTopology(4, 18, 30, random), randomTopology(6, 36, 50, random)];
    for (const options of [{}, { topologies: sparse }]) {
      const model = new Cnn({ ...shape, ...options });
      const list = [...model.parameters.values()].map(valuesOf);
      const { gradients } = valueAndGrad(() => model.loss(batch), list);
      list.forEach((p, n) => {
        const at = random.integer(p.size);
        const values = Float64Array.from(p.dataSync());
        const view = p.view('test');
        const loss = (h: number): number => {
          device.write(
            view.buffer,
            view.offset,
            values.map((v, k) => (k === at ? v + h : v)),
          );
          return model.loss(batch).dataSync()[0];
        };
        const slope = (loss(1e-5) - loss(-1e-5)) / 2e-5;
        device.write(view.buffer, view.offset, values);
        expect(gradients[n]!.dataSync()[at]).toBeCloseTo(slope, 6);
      });
    }
    const projected = new Cnn({ ...shape, projection: { n: 1, m: 2 } });
    expect([...projected.projections.keys()]).toEqual([1]);
    const w = projected.weight(1) as Tensor;
    const mask = projected.projections.get(1)!.mask();
    const kept = new SparseTensor(
      tensor(w.dataSync().filter((_, k) => mask.dataSync()[k] !== 0)),
      new Layout(Topology.fromMask(mask.dataSync(), 6, 36)),
    );
    const same = new Cnn(shape, new Map([...projected.parameters, ['layers.1.weight', kept]]));
    const x = tensor(inputs, [4, 40]);
    const right = same.run(x).dataSync();
    for (const [k, y] of projected.run(x).dataSync().entries()) expect(y).toBeCloseTo(right[k], 10);
  });

  it('refuses sizes that are no network', () => {
    expect(() => new Cnn({ ...shape, channels: [] })).toThrow('whole numbers from 1');
  });
});
