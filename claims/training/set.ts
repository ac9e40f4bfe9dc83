import {
  batchesOf,
  classAccuracy,
  cosine,
  type Dataset,
  fit,
  glyphs,
  inputStrength,
  Mlp,
  mlpShapes,
  Random,
  Rbm,
  randomTopology,
  rbmBatches,
  rewiringCosine,
  SparseTensor,
  type Split,
  sampleVariances,
  set,
  setCounts,
  splitAt,
  trainingCost,
  turntable,
  valuesOf,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { figuresOf, inPoints, meanOf, paired, seedsFrom } from './common.js';

const accuracySetting = (epsilon: number): string => `glyphs-16, epsilon ${epsilon}`;
const machineSetting = 'restricted Boltzmann machine 1024-200 on turning things';
const scaleSetting = 'one epoch of a hidden layer of 100,000 neurons';
const inputsSetting = 'glyphs-28 with 200 noise and 100 constant inputs';

interface Training {
  readonly epochs: number;
  readonly zeta: number | ((t: number) => number) | undefined;
  readonly epsilon: number | undefined;
  readonly hidden: readonly number[];
}

/** SET's own setting: epsilon (in + out) weights in each layer, the output layer dense, rewired after each epoch. */
async function trained(
  split: Split,
  seed: number,
  { epochs, zeta, epsilon, hidden }: Training,
  options: MeasureOptions,
): Promise<Mlp> {
  const sizes = [split.train.features, ...hidden, split.train.classes];
  const shapes = mlpShapes(sizes);
  const counts = epsilon === undefined ? [] : setCounts(shapes, epsilon);
  const topologies = shapes.map((s, l) =>
    epsilon === undefined || l === shapes.length - 1
      ? undefined
      : randomTopology(s.out, s.in, counts[l], new Random(seed).fork(`topology ${l}`)),
  );
  const model = new Mlp({ sizes, seed, topologies });
  await fit(model, batchesOf(split.train), {
    optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: 2e-4 },
    lr: 0.05,
    schedule: cosine({ warmup: 0.05 }),
    rewirer: zeta === undefined ? undefined : set({ zeta }),
    epochs,
    batch: 100,
    seed,
    signal: options.signal,
  });
  return model;
}

async function accuracyRows(epsilon: number, seed: number, options: MeasureOptions, stages: Stages): Promise<Row[]> {
  const [samples, test, epochs] = { smoke: [300, 200, 2], quick: [1500, 1000, 8], full: [4000, 2000, 40] }[
    options.size
  ];
  const split = splitAt(glyphs({ samples: samples + test, side: 16, seed: 1 }), samples);
  const arms: [string, Training][] = [
    ['SET', { epochs, epsilon, zeta: rewiringCosine(0.3, 1), hidden: [300, 300] }],
    ['static', { epochs, epsilon, zeta: undefined, hidden: [300, 300] }],
    ['dense', { epochs, epsilon: undefined, zeta: undefined, hidden: [300, 300] }],
  ];
  const rows: Row[] = [];
  for (const [method, training] of arms) {
    rows.push(
      await stages.run(async (): Promise<Row> => {
        const model = await trained(split, seed, training, options);
        const accuracy = await classAccuracy(model, split.test);
        let weights = 0;
        for (let l = 0; l < model.layers; l++) {
          const weight = model.weight(l);
          weights += weight instanceof SparseTensor ? weight.layout.size : weight.size;
        }
        model.dispose();
        const setting = options.size === 'full' ? accuracySetting(epsilon) : `${accuracySetting(epsilon)}, short`;
        return { setting, method, ...(method !== 'SET' && { baseline: true }), figures: { accuracy, weights }, seed };
      }),
    );
  }
  return rows;
}

/** Glyphs with inputs that say nothing at their end: 200 of noise and 100 that never change. */
function withUseless(data: Dataset, seed: number): Dataset {
  const random = new Random(seed).fork('noise');
  const features = data.features + 300;
  const inputs = new Float32Array(data.samples * features);
  for (let s = 0; s < data.samples; s++) {
    inputs.set(data.inputs.subarray(s * data.features, (s + 1) * data.features), s * features);
    for (let k = 0; k < 200; k++) inputs[s * features + data.features + k] = 0.3 * random.normal();
    inputs.fill(0.5, s * features + data.features + 200, (s + 1) * features);
  }
  return { ...data, features, inputs };
}

async function inputsRow(method: 'SET' | 'static', seed: number, options: MeasureOptions): Promise<Row> {
  const [samples, epochs] = { smoke: [300, 2], quick: [1500, 8], full: [4000, 25] }[options.size];
  const plain = glyphs({ samples: samples + 100, seed: 1 });
  const split = splitAt(withUseless(plain, seed), samples);
  const training = { epochs, epsilon: 8, zeta: method === 'SET' ? 0.3 : undefined, hidden: [300, 300] };
  const model = await trained(split, seed, training, options);
  const { strength, degree } = await inputStrength(model, method === 'SET' ? 0.3 : 0);
  model.dispose();
  const variances = sampleVariances(plain);
  const ranked = [...variances.keys()].sort((a, b) => variances[b] - variances[a]);
  const best = ranked.slice(0, Math.round(ranked.length / 3));
  const mean = (of: ArrayLike<number>, which: readonly number[]): number => meanOf(which.map((j) => of[j]));
  const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, k) => first + k);
  const [noise, constant] = [range(784, 200), range(984, 100)];
  return {
    setting: options.size === 'full' ? inputsSetting : `${inputsSetting}, short`,
    method,
    ...(method === 'static' && { baseline: true }),
    figures: {
      'degree of noise inputs': mean(degree, noise) / mean(degree, best),
      'degree of constant inputs': mean(degree, constant) / mean(degree, best),
      'strength of noise inputs': mean(strength, noise) / mean(strength, best),
      'strength of constant inputs': mean(strength, constant) / mean(strength, best),
    },
    seed,
  };
}

/** A machine of 200 hidden units on pictures of turning things: the error of what it gives back of unseen ones. */
async function machineRow(method: 'SET' | 'static', seed: number, options: MeasureOptions): Promise<Row> {
  const [objects, epochs] = { smoke: [3, 2], quick: [20, 10], full: [20, 120] }[options.size];
  const { train, test } = splitAt(turntable({ objects, seed: 1 }), 48 * objects);
  const hidden = 200;
  const [count] = setCounts([{ out: hidden, in: train.features }], 10);
  const topology = randomTopology(hidden, train.features, count, new Random(seed).fork('topology'));
  const model = new Rbm({ topology, seed });
  await fit(model, rbmBatches(train, { hidden }), {
    optimiser: { kind: 'sgd', momentum: 0, weightDecay: 2e-7 },
    lr: 0.1,
    batch: 10,
    epochs,
    seed,
    rewirer: method === 'SET' ? set({ zeta: 0.3, deviation: 0.05 }) : undefined,
    signal: options.signal,
  });
  const error = await model.reconstructionError(test);
  const weights = model.weight.layout.size;
  model.dispose();
  return {
    setting: options.size === 'full' ? machineSetting : `${machineSetting}, short`,
    method,
    ...(method === 'static' && { baseline: true }),
    figures: { error, weights },
    seed,
  };
}

/** One epoch of a hidden layer of 100,000 neurons; the memory is what the engine took from the host by the end of it. */
async function scaleRow(seed: number, options: MeasureOptions): Promise<Row> {
  const [neurons, batch] = [100_000, 20];
  const data = glyphs({ samples: 2000, seed: 1 });
  const sizes = [data.features, neurons, data.classes];
  const shapes = mlpShapes(sizes);
  const counts = setCounts(shapes, 4);
  const topologies = shapes.map((s, l) => randomTopology(s.out, s.in, counts[l], new Random(seed).fork(`scale ${l}`)));
  const model = new Mlp({ sizes, seed, topologies });
  const { history } = await fit(model, batchesOf(data), {
    optimiser: { kind: 'sgd', momentum: 0.9 },
    lr: 0.005,
    batch,
    seed,
    signal: options.signal,
  });
  const { size, bytes } = trainingCost(model);
  const device = valuesOf(model.weight(0)).device;
  model.dispose();
  return {
    setting: scaleSetting,
    method: 'SET',
    figures: {
      weights: size,
      'MiB of weights, momentum, gradients, indices': bytes / 2 ** 20,
      'MiB of the engine': (device.memoryBytes ?? Number.NaN) / 2 ** 20,
      loss: history[0].loss,
    },
    seed,
  };
}

const epsilons = [8, 4] as const;

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const seeds = seedsFrom(seed, { smoke: 1, quick: 1, full: 5 }[size]);
  const shown = size === 'full' ? epsilons : epsilons.slice(0, 1);
  const inputSeeds = seeds.slice(0, 3);
  const machineSeeds = seeds.slice(0, 2);
  const arms = 3 * shown.length * seeds.length + 2 * (inputSeeds.length + machineSeeds.length);
  const stages = new Stages(options, arms + 1);
  const rows: Row[] = [];
  // First, while the engine's memory is what this training takes.
  if (size === 'full') rows.push(await stages.run(() => scaleRow(seed, options)));
  else stages.skip(1);
  for (const s of seeds) for (const epsilon of shown) rows.push(...(await accuracyRows(epsilon, s, options, stages)));
  for (const s of inputSeeds) {
    for (const method of ['SET', 'static'] as const) rows.push(await stages.run(() => inputsRow(method, s, options)));
  }
  for (const s of machineSeeds) {
    for (const method of ['SET', 'static'] as const) rows.push(await stages.run(() => machineRow(method, s, options)));
  }
  return rows;
}

function checks(rows: readonly Row[]): Check[] {
  const found: Check[] = [];
  for (const [epsilon, least] of [
    [8, 1e-9],
    [4, 0.01],
  ] as const) {
    const setting = accuracySetting(epsilon);
    const e = paired(rows, 'SET', 'static', 'accuracy', setting);
    if (!e) continue;
    const dense = meanOf(figuresOf(rows, 'dense', 'accuracy', setting));
    found.push({
      ok: e.mean >= least,
      text: `${setting}: SET - static is ${inPoints(e)} (asked: ${least > 0.001 ? '1 or more' : 'above 0'}); dense ${(100 * dense).toFixed(1)} %`,
    });
  }
  for (const [figure, most] of [
    ['degree of noise inputs', 0.8],
    ['degree of constant inputs', 0.8],
    ['strength of noise inputs', 0.7],
    ['strength of constant inputs', 0.7],
  ] as const) {
    const [ours, control] = ['SET', 'static'].map((m) => meanOf(figuresOf(rows, m, figure, inputsSetting)));
    if (Number.isNaN(ours)) continue;
    found.push({
      ok: ours <= most,
      text: `${figure}, over the most variable third of the pixels: ${ours.toFixed(2)} (asked: ${most}), static ${control.toFixed(2)}`,
    });
  }
  const [ours, theirs] = ['SET', 'static'].map((m) => meanOf(figuresOf(rows, m, 'error', machineSetting)));
  if (!Number.isNaN(ours) && !Number.isNaN(theirs)) {
    found.push({
      ok: ours <= 0.85 * theirs,
      text: `${machineSetting}: error ${ours.toFixed(4)}, static ${theirs.toFixed(4)} (asked: .85 of it at most)`,
    });
  }
  for (const { figures: f } of rows.filter((r) => r.setting === scaleSetting)) {
    found.push({
      ok: f['MiB of the engine'] <= 200 && f.loss < Math.log(20),
      text: `${scaleSetting}: ${(f.weights / 1e6).toFixed(2)} million weights train in ${f['MiB of the engine'].toFixed(0)} MiB (asked: 200)`,
    });
  }
  const budgets = rows.filter((r) => r.method === 'SET' && 'weights' in r.figures && r.setting !== scaleSetting);
  const others = rows.filter((r) => r.method === 'static' && 'weights' in r.figures);
  if (budgets.length > 0) {
    found.push({
      ok: budgets.every((r, k) => r.figures.weights === others[k].figures.weights),
      text: 'the number of weights is the same after all rewirings',
    });
  }
  return found;
}

/** Mocanu et al. 2018. */
export const setClaim: Claim = {
  slug: 'set',
  family: 'training',
  paper: {
    title:
      'Scalable Training of Artificial Neural Networks with Adaptive Sparse Connectivity inspired by Network Science',
    authors: 'Mocanu, Mocanu, Stone, Nguyen, Gibescu, Liotta',
    year: 2018,
    url: 'https://arxiv.org/abs/1707.04780',
    reports: 'CIFAR-10, perceptron 4000-1000-4000: 74.84 % with SET, 68.70 % dense.',
  },
  says:
    'A random sparse network whose weakest weights are replaced by random new ones after each epoch learns better than a static one, and turns away from ' +
    'inputs that say nothing.',
  measure,
  holds: (rows) => verdict(checks(rows)),
};
