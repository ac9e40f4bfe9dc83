import {
  batchesOf,
  classAccuracy,
  cosine,
  embed,
  embeddingChance,
  fit,
  type LabelledBatch,
  Mlp,
  mlpShapes,
  noGrad,
  type PlainNetwork,
  pruneWeights,
  Random,
  randomTopologies,
  requiredWidth,
  SparseTensor,
  type Split,
  StrongTicket,
  scope,
  type Topology,
  type TrainingData,
  tensor,
  valuesOf,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { budgetFor, differenceCheck, figuresOf, glyphSplit, meanOf, seedsFrom } from './common.js';

const target = [6, 8, 8, 3];
/** Densities and copies of which some embeddings succeed and some do not. */
const draws = [
  [0.5, 9],
  [0.5, 10],
  [0.5, 12],
  [0.3, 17],
  [0.3, 20],
  [0.1, 60],
  [0.1, 70],
] as const;

function randomTarget(random: Random): PlainNetwork {
  const weights = mlpShapes(target).map((s) => random.normals(s.out * s.in, 1 / Math.sqrt(s.in)));
  return { sizes: target, weights, biases: target.slice(1).map((n) => random.normals(n, 0.2)) };
}

/** What a target gives, by plain loops. */
function plainRun({ sizes, weights, biases }: PlainNetwork, x: ArrayLike<number>): Float64Array {
  let state = Float64Array.from(x);
  weights.forEach((w, l) => {
    const next = Float64Array.from(biases[l]);
    for (let i = 0; i < next.length; i++) for (let j = 0; j < sizes[l]; j++) next[i] += w[i * sizes[l] + j] * state[j];
    state = l === weights.length - 1 ? next : next.map((v) => Math.max(0, v));
  });
  return state;
}

/** Largest difference between a target and its embedding on random inputs in [-1, 1]. */
async function largestError(net: PlainNetwork, found: Mlp, random: Random, inputs: number): Promise<number> {
  const x = Float32Array.from({ length: inputs * target[0] }, () => 2 * random.uniform() - 1);
  const y = scope(() => noGrad(() => found.run(tensor(x, [inputs, target[0]]))));
  const values = await y.data();
  y.dispose();
  let error = 0;
  for (let s = 0; s < inputs; s++) {
    const right = plainRun(net, x.subarray(s * target[0], (s + 1) * target[0]));
    right.forEach((v, c) => {
      error = Math.max(error, Math.abs(v - values[s * 3 + c]));
    });
  }
  return error;
}

async function embeddingRow(p: number, k: number, seed: number, count: number, sufficient = false): Promise<Row> {
  const random = new Random(seed).fork(`embed ${p} ${k}`);
  let [found, error] = [0, 0];
  for (let draw = 0; draw < count; draw++) {
    const net = randomTarget(random);
    const embedded = embed(net, p, k, random);
    if (!embedded) continue;
    found++;
    if (found <= 5) error = Math.max(error, await largestError(net, embedded, random, 200));
    embedded.dispose();
  }
  return {
    setting: sufficient ? 'embedding, copies by the formula' : 'embedding',
    method: `density ${p}, ${k} copies`,
    figures: { found: found / count, chance: embeddingChance(target, p, k), draws: count, 'largest error': error },
    seed,
  };
}

const tickets = 'a quarter of untrained weights chosen on glyphs-28';
const density = 0.05;
const starts = { 'dense start': 1, 'ER(0.5) start': 0.5, 'ER(0.2) start': 0.2 } as const;

async function train(model: Mlp, split: Split, seed: number, epochs: number, options: MeasureOptions): Promise<void> {
  const budget = budgetFor(options.size);
  await fit(model, batchesOf(split.train), {
    optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: budget.weightDecay },
    lr: budget.lr,
    schedule: cosine({ warmup: 0.05 }),
    epochs,
    batch: budget.batch,
    seed,
    signal: options.signal,
  });
}

/** Iterative magnitude pruning inside the given supports: train, keep the largest, back to the first weights, five times. */
async function imp(
  split: Split,
  topologies: readonly Topology[] | undefined,
  start: number,
  seed: number,
  options: MeasureOptions,
): Promise<number> {
  const sizes = [split.train.features, 300, 100, split.train.classes];
  const levels = 5;
  const epochs = { smoke: 1, quick: 2, full: 5 }[options.size];
  const first = new Mlp({ sizes, seed, topologies });
  const initial: Float64Array[] = [];
  for (let l = 0; l < first.layers; l++) initial.push(await denseOf(first, l));
  let model = first;
  for (let level = 1; level <= levels; level++) {
    await train(model, split, seed, epochs, options);
    const next = await pruneWeights(model, { density: start * (density / start) ** (level / levels) });
    model.dispose();
    await rewind(next, initial);
    model = next;
  }
  await train(model, split, seed, budgetFor(options.size).epochs, options);
  const accuracy = await classAccuracy(model, split.test);
  model.dispose();
  return accuracy;
}

async function denseOf(model: Mlp, layer: number): Promise<Float64Array> {
  const weight = model.weight(layer);
  return weight instanceof SparseTensor ? weight.toDense() : Float64Array.from(await weight.data());
}

/** Writes the first weights into what is left, and zero into biases. */
async function rewind(model: Mlp, initial: readonly Float64Array[]): Promise<void> {
  for (let l = 0; l < model.layers; l++) {
    const weight = model.weight(l);
    if (!(weight instanceof SparseTensor)) throw new TypeError('pruned weights are sparse');
    const view = weight.values.view('rewind');
    weight.values.device.write(view.buffer, view.offset, weight.layout.pack(initial[l]));
    const bias = valuesOf(model.parameters.get(`layers.${l}.bias`) ?? weight);
    const place = bias.view('rewind');
    bias.device.write(place.buffer, place.offset, new Float32Array(bias.size));
  }
}

async function startRow(method: string, seed: number, options: MeasureOptions): Promise<Row> {
  const split = glyphSplit(options.size);
  const sizes = [split.train.features, 300, 100, split.train.classes];
  const start = starts[method as keyof typeof starts];
  let accuracy: number;
  if (start === undefined) {
    const allocator = method.split(' ')[1] as 'balanced' | 'pyramidal' | 'uniform' | undefined;
    const [d, a] = allocator ? [0.1, allocator] : [density, 'erk' as const];
    const model = new Mlp({ sizes, seed, topologies: randomTopologies(sizes, d, { allocator: a, seed }) });
    await train(model, split, seed, budgetFor(options.size).epochs, options);
    accuracy = await classAccuracy(model, split.test);
    model.dispose();
  } else {
    const topologies = start === 1 ? undefined : randomTopologies(sizes, start, { allocator: 'er', seed });
    accuracy = await imp(split, topologies, start, seed, options);
  }
  const setting = options.size === 'full' ? 'glyphs-28, density .05 at the end' : 'glyphs-28, short';
  return { setting, method, ...(method === 'static' && { baseline: true }), figures: { accuracy }, seed };
}

/** Accuracy of weights that are never trained, only chosen, everywhere or inside of a random half. */
async function ticketRow(inside: boolean, seed: number, options: MeasureOptions): Promise<Row> {
  const split = glyphSplit(options.size);
  const sizes = [split.train.features, 300, 100, split.train.classes];
  const within = inside ? randomTopologies(sizes, 0.5, { allocator: 'uniform', seed }) : undefined;
  const model = new StrongTicket({ sizes, density: 0.25, seed, within });
  await model.choose();
  const { batch } = budgetFor(options.size);
  const source = batchesOf(split.train);
  const updates = source.batches(batch) * { smoke: 1, quick: 2, full: 5 }[options.size];
  // Epochs of ten updates, after each of which the largest scores are chosen anew.
  const short: TrainingData<LabelledBatch> = {
    batches: () => 10,
    *epoch(o) {
      let left = 10;
      for (const one of source.epoch(o)) if (left-- > 0) yield one;
    },
  };
  await fit(model, short, {
    optimiser: { kind: 'sgd', momentum: 0.9 },
    lr: 0.05,
    schedule: cosine({ warmup: 0 }),
    epochs: Math.max(1, Math.round(updates / 10)),
    batch,
    seed,
    signal: options.signal,
    onEpoch: () => model.choose(),
  });
  const accuracy = await classAccuracy(model, split.test);
  model.dispose();
  const setting = options.size === 'full' ? tickets : `${tickets}, short`;
  return { setting, method: inside ? 'inside ER(0.5)' : 'anywhere', baseline: !inside, figures: { accuracy }, seed };
}

const arms = [...Object.keys(starts), 'static', 'static balanced', 'static pyramidal', 'static uniform'];

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const count = { smoke: 40, quick: 200, full: 200 }[size];
  const seeds = size === 'smoke' ? [] : seedsFrom(seed, size === 'full' ? 3 : 1);
  const stages = new Stages(options, draws.length + 3 + (arms.length + 2) * seeds.length);
  const rows: Row[] = [];
  for (const [p, k] of draws) rows.push(await stages.run(() => embeddingRow(p, k, seed, count)));
  for (const p of [0.5, 0.3, 0.1]) {
    const { k } = requiredWidth(target, p, 0.05);
    rows.push(await stages.run(() => embeddingRow(p, k, seed, count, true)));
  }
  for (const s of seeds) for (const arm of arms) rows.push(await stages.run(() => startRow(arm, s, options)));
  for (const s of seeds) for (const i of [true, false]) rows.push(await stages.run(() => ticketRow(i, s, options)));
  return rows;
}

function checks(rows: readonly Row[]): Check[] {
  const found: Check[] = [];
  const inside = rows.filter((r) => r.setting.startsWith('embedding'));
  const outliers = inside.filter(({ figures: f }) => {
    const deviation = Math.sqrt((f.chance * (1 - f.chance)) / f.draws);
    return Math.abs(f.found - f.chance) > 2.576 * deviation + 0.5 / f.draws;
  });
  if (inside.length > 0) {
    const shown = inside.map(({ method, figures: f }) => `${method}: ${f.found.toFixed(2)} for ${f.chance.toFixed(2)}`);
    found.push({
      ok: outliers.length === 0,
      text: `embeddings succeed as often as (1 - (1 - p)^k)^N says, within the 99 % interval of each: ${shown.join(', ')}`,
    });
    const error = Math.max(...inside.map((r) => r.figures['largest error']));
    found.push({
      ok: error < 1e-5,
      text: `where they do, outputs differ by ${error.toExponential(0)} at most (asked: 1e-5)`,
    });
    const sufficient = inside.filter((r) => r.setting.endsWith('formula'));
    found.push({
      ok: sufficient.every(
        (r) => r.figures.chance >= 0.95 && r.figures.found >= 0.95 - 2.576 * Math.sqrt((0.95 * 0.05) / r.figures.draws),
      ),
      text: `with copies by the formula for 95 %: ${sufficient.map((r) => `${(100 * r.figures.found).toFixed(1)} %`).join(', ')}`,
    });
  }
  const own = rows.filter((r) => r.setting.startsWith('glyphs-28, density'));
  for (const arm of ['ER(0.5) start', 'ER(0.2) start']) {
    found.push(...differenceCheck(own, [arm, 'dense start'], { least: -0.01 }));
    found.push(...differenceCheck(own, [arm, 'static'], { least: 1e-9 }));
  }
  const accuracy = (arm: string): number => meanOf(figuresOf(own, arm, 'accuracy'));
  if (own.length > 0) {
    const best = Math.max(accuracy('static balanced'), accuracy('static pyramidal'));
    found.push({
      ok: best >= accuracy('static uniform'),
      text: `random at density .1: balanced ${(100 * accuracy('static balanced')).toFixed(1)} %, pyramidal ${(100 * accuracy('static pyramidal')).toFixed(1)} %, uniform ${(100 * accuracy('static uniform')).toFixed(1)} % (asked: one of the first two no less)`,
    });
  }
  const [within, anywhere] = ['inside ER(0.5)', 'anywhere'].map((m) => meanOf(figuresOf(rows, m, 'accuracy', tickets)));
  if (!Number.isNaN(within) && !Number.isNaN(anywhere)) {
    found.push({
      ok: within >= 0.85 * anywhere,
      text: `${tickets}: ${(100 * within).toFixed(1)} % inside a random half, ${(100 * anywhere).toFixed(1)} % anywhere (asked: 85 % of it)`,
    });
  }
  return found;
}

/** Gadhikar, Mukherjee, Burkholz 2023. */
export const randStartSparseClaim: Claim = {
  slug: 'rand-start-sparse',
  family: 'training',
  paper: {
    title: 'Why Random Pruning Is All We Need to Start Sparse',
    authors: 'Gadhikar, Mukherjee, Burkholz',
    year: 2023,
    url: 'https://arxiv.org/abs/2210.02412',
    reports:
      'Random networks of width 1 / log(1 / sparsity) times the target hold it; on CIFAR and ImageNet, pruning that starts from a sparse random network ' +
      'keeps the accuracy of a dense start.',
  },
  says: 'A random sparse network that is wide enough holds any smaller target with high probability, so pruning can start from random sparse masks.',
  measure,
  holds: (rows) => verdict(checks(rows)),
};
