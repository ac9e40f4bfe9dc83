import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dataset } from '../data/dataset.js';
import { batchesOf } from '../data/dataset.js';
import { createCpuDevice } from '../kernels/cpu/device.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { cosine, randomTopology, rewiringCosine, SparseTensor } from '../sparse/index.js';
import { Random, setDefaultDevice, type Tensor } from '../tensor/index.js';
import { classAccuracy, randomTopologies } from '../training/classifier.js';
import { rigl } from '../training/rigl.js';
import { set } from '../training/set.js';
import { fit } from './fit.js';
import type { CheckpointStore, FitOptions } from './fit-options.js';
import { lossAndGradients, type MaskedLayer, rewireMasked, update } from './masked.testing.js';
import { Mlp } from './mlp.js';
import { valuesOf } from './optimiser.js';

const before = setDefaultDevice(undefined);
const cpu = createCpuDevice({ threads: 1 });
beforeAll(() => {
  setDefaultDevice(cpu);
});
afterAll(() => {
  setDefaultDevice(before);
});

const sizes = [12, 16, 10, 4];

/** Four clouds around random centres. */
function clouds(samples: number, seed = 1): Dataset {
  const random = new Random(seed);
  const centres = new Random(7).normals(4 * 12);
  const labels = Int32Array.from({ length: samples }, () => random.integer(4));
  const inputs = Float32Array.from({ length: samples * 12 }, (_, k) => {
    return centres[labels[Math.floor(k / 12)] * 12 + (k % 12)] + 1.5 * random.normal();
  });
  return { name: 'clouds', samples, features: 12, classes: 4, inputs, labels };
}

const supports = (density: number) => randomTopologies(sizes, density, { seed: 3 });

/** The dense form of a model's sparse layers. */
async function maskedOf(model: Mlp): Promise<MaskedLayer[]> {
  const layers: MaskedLayer[] = [];
  for (let l = 0; l < model.layers; l++) {
    const weight = model.weight(l) as SparseTensor;
    const [out, inputs] = weight.shape;
    layers.push({
      out,
      in: inputs,
      w: await weight.toDense(),
      b: new Float64Array(out),
      mask: weight.layout.support.toMask(),
      vw: new Float64Array(out * inputs),
      vb: new Float64Array(out),
    });
  }
  return layers;
}

/** All numbers of a model, and where its weights are. */
async function contents(model: Mlp): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const [name, parameter] of model.parameters) {
    all.push(name, [...(await valuesOf(parameter).data())]);
    if (parameter instanceof SparseTensor) all.push([...parameter.layout.support.keys()]);
  }
  return all;
}

function memoryStore(): CheckpointStore & { saved?: Uint8Array<ArrayBuffer>; writes: number } {
  const store: CheckpointStore & { saved?: Uint8Array<ArrayBuffer>; writes: number } = {
    writes: 0,
    read: async () => store.saved,
    write: async (bytes) => {
      store.saved = bytes;
      store.writes++;
    },
  };
  return store;
}

const common: FitOptions = {
  optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: 1e-3 },
  lr: 0.05,
  batch: 20,
  epochs: 4,
  seed: 5,
};

describe('sparse training', () => {
  it('is masked dense training step by step, the masks of every rewiring included', async () => {
    setDefaultDevice(createReferenceDevice('f64'));
    try {
      const data = clouds(200);
      const model = new Mlp({ sizes, seed: 2, topologies: supports(0.3) });
      const masked = await maskedOf(model);
      const source = batchesOf(data);
      const batches = [0, 1, 2, 3].flatMap((epoch) => [
        ...source.epoch({ epoch, size: 20, random: new Random(5).fork(`epoch ${epoch}`) }),
      ]);
      const fraction = rewiringCosine(0.3, 0.75);
      const schedule = cosine({ warmup: 0.1 });
      let rewirings = 0;
      const losses: number[] = [];
      await fit(model, source, {
        ...common,
        schedule,
        rewirer: rigl({ every: 6 }),
        onProgress: ({ loss }) => losses.push(loss),
      });
      for (const [k, batch] of batches.entries()) {
        const found = lossAndGradients(masked, batch.inputs, batch.labels!);
        expect(Math.abs(losses[k] - found.loss)).toBeLessThan(1e-9);
        const step = k + 1;
        if (step % 6 === 0 && step < 0.75 * batches.length) {
          rewireMasked(masked, found.gw, fraction(step / batches.length));
          rewirings++;
        } else {
          const lr = 0.05 * schedule(step / batches.length);
          update(masked, found, { lr, momentum: 0.9, weightDecay: 1e-3 });
        }
      }
      expect(rewirings).toBe(4);
      for (const [l, layer] of masked.entries()) {
        const weight = model.weight(l) as SparseTensor;
        expect(weight.layout.support.toMask()).toEqual(layer.mask);
        const dense = await weight.toDense();
        dense.forEach((w, at) => {
          expect(Math.abs(w - layer.mask[at] * layer.w[at])).toBeLessThan(1e-9);
        });
      }
      model.dispose();
    } finally {
      setDefaultDevice(cpu);
    }
  });

  it('is masked dense training to the rounding of 32 bits over 200 steps', async () => {
    const data = clouds(400);
    const model = new Mlp({ sizes, seed: 2, topologies: supports(0.3) });
    const masked = await maskedOf(model);
    const losses: number[] = [];
    const source = batchesOf(data);
    await fit(model, source, { ...common, epochs: 10, onProgress: ({ loss }) => losses.push(loss) });
    let at = 0;
    for (let epoch = 0; epoch < 10; epoch++) {
      for (const batch of source.epoch({ epoch, size: 20, random: new Random(5).fork(`epoch ${epoch}`) })) {
        const found = lossAndGradients(masked, batch.inputs, batch.labels!);
        expect(Math.abs(losses[at++] / found.loss - 1)).toBeLessThan(1e-4);
        update(masked, found, { lr: 0.05, momentum: 0.9, weightDecay: 1e-3 });
      }
    }
    expect(at).toBe(200);
    model.dispose();
  });
});

describe('fit', () => {
  const options: FitOptions = {
    ...common,
    optimiser: { kind: 'adam', weightDecay: 1e-3 },
    lr: 0.01,
    schedule: cosine({ warmup: 0.1 }),
    clip: 1,
    rewirer: rigl({ every: 7 }),
  };
  const data = batchesOf(clouds(200));
  const fresh = () => new Mlp({ sizes, seed: 2, topologies: supports(0.3), labelSmoothing: 0.1 });

  it.each(['rigl', 'set'] as const)('goes on from any step to the same bits: %s', async (kind) => {
    const own = { ...options, rewirer: kind === 'set' ? set() : options.rewirer };
    const whole = fresh();
    const straight = await fit(whole, data, own);
    const right = await contents(whole);
    for (const cut of [3, 14, 29]) {
      const store = memoryStore();
      const first = fresh();
      const controller = new AbortController();
      const stopped = fit(first, data, {
        ...own,
        signal: controller.signal,
        checkpoint: { store },
        onProgress: ({ step }) => step === cut && controller.abort(),
      });
      await expect(stopped).rejects.toThrow();
      const second = fresh();
      const rest = await fit(second, data, { ...own, checkpoint: { store } });
      expect(await contents(second)).toEqual(right);
      expect(rest).toEqual(straight);
      first.dispose();
      second.dispose();
    }
    whole.dispose();
  });

  it('learns: right more often than at the beginning, and with a falling loss', async () => {
    const [model, test] = [fresh(), clouds(500, 2)];
    const start = await classAccuracy(model, test);
    const { history } = await fit(model, data, { ...options, epochs: 20 });
    expect(history[19].loss).toBeLessThan(0.7 * history[0].loss);
    expect(await classAccuracy(model, test)).toBeGreaterThan(Math.max(0.7, start + 0.2));
    model.dispose();
  });

  it('keeps the number of weights, and frees what it takes', async () => {
    const model = fresh();
    const sizesOf = () => [0, 1, 2].map((l) => (model.weight(l) as SparseTensor).layout.size);
    const start = sizesOf();
    const { rewirings } = await fit(model, data, options);
    expect(sizesOf()).toEqual(start);
    expect(rewirings.length).toBe(3 * 4);
    for (const { dropped, grown } of rewirings) expect(grown).toBe(dropped);
    model.dispose();
  });

  it('stops at a loss that is not finite, names parameter and step, and keeps the last good checkpoint', async () => {
    const store = memoryStore();
    const model = fresh();
    const poisoned = {
      parameters: model.parameters,
      replace: model.replace.bind(model),
      loss: (batch: Parameters<Mlp['loss']>[0]): Tensor => model.loss(batch),
    };
    let good: unknown;
    const run = fit(poisoned, data, {
      ...options,
      checkpoint: { store, every: 5 },
      onProgress({ step }) {
        if (step === 11) good = store.saved;
        if (step !== 12) return;
        const { device, view } = bias(model);
        device.write(view.buffer, view.offset + 3, [Number.NaN]);
      },
    });
    await expect(run).rejects.toThrow(
      /^the loss is NaN at step 13: layers\.1\.bias is not finite; lower the learning rate.*the checkpoint of step 10 is kept$/,
    );
    expect(store.saved).toBe(good);
    const again = fresh();
    expect((await fit(again, data, { ...options, checkpoint: { store } })).steps).toBe(40);
    model.dispose();
    again.dispose();
  });

  it('ends when nothing gets better', async () => {
    const model = fresh();
    const figures = [1, 3, 2, 2.5, 1];
    const { history, stopped } = await fit(model, data, {
      ...options,
      epochs: 5,
      evaluate: async (epoch) => ({ score: figures[epoch - 1] }),
      stop: { figure: 'score', patience: 2 },
    });
    expect(stopped).toBe(true);
    expect(history.map((h) => h.figures.score)).toEqual([1, 3, 2, 2.5]);
    model.dispose();
  });

  it('refuses what makes no sense, and the checkpoint of another training', async () => {
    const store = memoryStore();
    const model = fresh();
    await fit(model, data, { ...options, epochs: 1, checkpoint: { store } });
    const other = fit(model, data, { ...options, epochs: 1, seed: 6, checkpoint: { store } });
    await expect(other).rejects.toThrow(/comes from a training with seed 5, not 6/);
    await expect(fit(model, data, { ...options, lr: Number.NaN })).rejects.toThrow(/learning rate/);
    await expect(fit(model, data, { ...options, epochs: 0 })).rejects.toThrow(/epochs must be a whole number/);
    await expect(fit(model, data, { ...options, batch: 500 })).rejects.toThrow(/too few samples for one batch of 500/);
    model.dispose();
  });
});

const bias = (model: Mlp) => {
  const tensor = valuesOf(model.parameters.get('layers.1.bias')!);
  return { device: tensor.device, view: tensor.view('test') };
};

it('decays matrices and sparse weights only', async () => {
  const topology = randomTopology(4, 6, 10, new Random(1));
  const model = new Mlp({ sizes: [6, 4, 3], seed: 1, topologies: [topology] });
  const start = await contents(model);
  const zero = { batches: () => 1, epoch: () => [0] };
  const still = {
    parameters: model.parameters,
    loss: () => {
      const x = Float32Array.from([0, 0, 0, 0, 0, 0]);
      return model.loss({ inputs: x, samples: 1, targets: Float32Array.from([0, 0, 0]) });
    },
  };
  await fit(still, zero, { lr: 0.5, optimiser: { kind: 'sgd', weightDecay: 0.2 } });
  const end = await contents(model);
  const scaled = (x: unknown) => (x as number[]).map((v) => Math.fround(v * 0.9));
  const numbers = (list: unknown[], name: string) => list[list.indexOf(name) + 1] as number[];
  for (const name of ['layers.0.weight', 'layers.1.weight']) {
    numbers(end, name).forEach((v, k) => {
      expect(v).toBeCloseTo(scaled(numbers(start, name))[k], 6);
    });
  }
  expect(numbers(end, 'layers.0.bias')).toEqual(numbers(start, 'layers.0.bias'));
  model.dispose();
});
