import {
  type Dataset,
  glyphs,
  largest,
  linear,
  Mlp,
  madelonLike,
  mean,
  mlpShapes,
  mul,
  quickSelection,
  Random,
  randomTopology,
  sampleVariances,
  scope,
  setCounts,
  sigmoid,
  splitAt,
  square,
  standardised,
  sub,
  type Tensor,
  tensor,
  trainingCost,
  valueAndGrad,
  valuesOf,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { fastestOf } from '../sparse/tools.js';
import { figuresOf, meanOf, seedsFrom } from './common.js';
import { extraTreesAccuracy } from './extra-trees.js';

const noiseInputs = 100;
const pictures = 'glyphs-easy of 16 x 16 with 100 inputs of noise';
const times = 'a step of the autoencoder 500-1000-500, batch 100';
const setting = 'Madelon-like, 500 features of which 20 matter';

/** Share of the 20 best features that matter. */
function precision(scores: ArrayLike<number>, relevant: Int32Array): number {
  const wanted = new Set(relevant);
  const best = largest(scores, relevant.length);
  return best.filter((f) => wanted.has(f)).length / relevant.length;
}

async function rowsOf(seed: number, options: MeasureOptions, stages: Stages): Promise<Row[]> {
  const { size } = options;
  const { data, relevant } = madelonLike({ samples: size === 'smoke' ? 300 : 2000, seed });
  const epochs = { smoke: 2, quick: 8, full: 30 }[size];
  const name = size === 'full' ? setting : `${setting}, short`;
  const rows: Row[] = [];
  for (const [method, zeta] of [
    ['SET', 0.2],
    ['static', 0],
  ] as const) {
    const row = await stages.run(async ({ signal, onProgress }): Promise<Row> => {
      const found = await quickSelection(data, {
        hidden: 200,
        epochs,
        zeta,
        seed,
        signal,
        onProgress: ({ step, steps }) => onProgress?.({ done: step, total: steps, unit: 'steps' }),
      });
      found.model.dispose();
      const edges = found.degree.reduce((a, b) => a + b, 0);
      const figures = {
        'precision at 20': precision(found.strength, relevant),
        'by degree': precision(found.degree, relevant),
        loss: found.loss,
        'multiply-adds over dense': edges / (data.features * 200),
      };
      return { setting: name, method, ...(method === 'static' && { baseline: true }), figures, seed };
    });
    rows.push(row);
  }
  rows.push({
    setting: name,
    method: 'variance',
    baseline: true,
    figures: { 'precision at 20': precision(variances(data), relevant) },
    seed,
  });
  const random = new Random(seed).fork('ranking');
  const drawn = Float64Array.from({ length: data.features }, () => random.uniform());
  rows.push({
    setting: name,
    method: 'random',
    baseline: true,
    figures: { 'precision at 20': precision(drawn, relevant) },
    seed,
  });
  return rows;
}

/** Rounded, since all are 1: what is left after the tenth digit is no ranking. */
const variances = (data: Dataset): Float64Array => sampleVariances(data).map((v) => Math.round(v * 1e4));

/** Pictures of ten strokes, 16 x 16, and 100 inputs of noise behind them; mean 0 and variance 1 each. */
function noisyPictures(samples: number, seed: number): Dataset {
  const data = glyphs({ samples, side: 16, easy: true, seed: 1 });
  const features = data.features + noiseInputs;
  const random = new Random(seed).fork('noise');
  const inputs = new Float32Array(samples * features);
  for (let s = 0; s < samples; s++) {
    inputs.set(data.inputs.subarray(s * data.features, (s + 1) * data.features), s * features);
    for (let k = data.features; k < features; k++) inputs[s * features + k] = random.normal();
  }
  return { ...data, features, inputs: standardised(inputs, samples, features) };
}

/** The 50 strongest pixels, how many of them are noise, and what trees read from them, from all inputs and from random ones. */
async function picturesRow(seed: number, options: MeasureOptions): Promise<Row> {
  const [samples, epochs] = options.size === 'full' ? [1797, 20] : [300, 2];
  const { train, test } = splitAt(noisyPictures(samples, seed), Math.round(0.7 * samples));
  const found = await quickSelection(train, { hidden: 200, epochs, seed, signal: options.signal });
  found.model.dispose();
  const best = largest(found.strength, 50);
  const every = Int32Array.from({ length: train.features }, (_, k) => k);
  const drawn = new Random(seed).fork('features').shuffle(Array.from(every)).slice(0, 50);
  const read = (features: ArrayLike<number>): number => extraTreesAccuracy(train, test, features, { seed });
  const noise = best.filter((f) => f >= train.features - noiseInputs).length;
  const figures = {
    'noise among the best 50': noise,
    accuracy: read(best),
    'with all inputs': read(every),
    'with 50 random ones': read(drawn),
  };
  return { setting: options.size === 'full' ? pictures : `${pictures}, short`, method: 'SET', figures, seed };
}

/** A training step of the autoencoder of the paper's size, sparse and dense with a mask. */
function timeRow(seed: number): Row {
  const [features, hidden, batch] = [500, 1000, 100];
  const sizes = [features, hidden, features];
  const shapes = mlpShapes(sizes);
  const random = new Random(seed);
  const topologies = setCounts(shapes, 13);
  const supports = shapes.map((s, l) => randomTopology(s.out, s.in, topologies[l], random));
  const sparse = new Mlp({ sizes, seed, topologies: supports, activation: 'sigmoid' });
  const dense = new Mlp({ sizes, seed, activation: 'sigmoid' });
  const masks = supports.map((t) => tensor(t.toMask(), [t.rows, t.cols]));
  const x = tensor(random.normals(batch * features), [batch, features]);
  const masked = (): Tensor => {
    const layer = (l: number, state: Tensor): Tensor =>
      linear(state, mul(dense.weight(l) as Tensor, masks[l]), dense.parameters.get(`layers.${l}.bias`) as Tensor);
    return layer(1, sigmoid(layer(0, x)));
  };
  const step = (model: Mlp, run: () => Tensor) => () =>
    scope(() => void valueAndGrad(() => mean(square(sub(run(), x))), [...model.parameters.values()].map(valuesOf)));
  const seconds = fastestOf({ sparse: step(sparse, () => sparse.run(x)), masked: step(dense, masked) });
  const { size, dense: all } = trainingCost(sparse);
  for (const t of [sparse, dense, x, ...masks]) t.dispose();
  const figures = {
    'multiply-adds over dense': size / all,
    density: supports.reduce((sum, t) => sum + t.size, 0) / all,
    'ms sparse': 1000 * seconds.sparse,
    'ms masked': 1000 * seconds.masked,
  };
  return { setting: times, method: 'SET', figures, seed };
}

async function measure(options: MeasureOptions): Promise<Row[]> {
  const seeds = seedsFrom(options.seed, { smoke: 1, quick: 2, full: 5 }[options.size]);
  const full = options.size === 'full';
  const stages = new Stages(options, 3 * seeds.length + Number(full));
  const rows: Row[] = [];
  for (const seed of seeds) rows.push(...(await rowsOf(seed, options, stages)));
  for (const seed of seeds) rows.push(await stages.run(() => picturesRow(seed, options)));
  if (full) rows.push(await stages.run(async () => timeRow(options.seed)));
  return rows;
}

function pictureChecks(all: readonly Row[]): Check[] {
  const found: Check[] = [];
  const rows = all.filter((r) => r.setting === pictures);
  if (rows.length > 0) {
    const clean = rows.filter((r) => r.figures['noise among the best 50'] === 0).length;
    const [ours, every, drawn] = ['accuracy', 'with all inputs', 'with 50 random ones'].map((f) =>
      meanOf(figuresOf(rows, 'SET', f)),
    );
    found.push({
      ok: clean >= 0.8 * rows.length && ours >= every - 0.03 && ours > drawn,
      text: `${pictures}: no noise among the best 50 in ${clean} of ${rows.length} seeds (asked: 4 of 5); trees on them get ${(100 * ours).toFixed(1)} %, on all inputs ${(100 * every).toFixed(1)} % (asked: 3 points less at most), on 50 random ones ${(100 * drawn).toFixed(1)} % (asked: less)`,
    });
  }
  for (const { figures: f } of all.filter((r) => r.setting === times)) {
    found.push({
      ok: f['multiply-adds over dense'] === f.density && f['ms masked'] >= 5 * f['ms sparse'],
      text: `${times}: ${f['multiply-adds over dense'].toFixed(4)} of the multiply-adds (density ${f.density.toFixed(4)}), ${(f['ms masked'] / f['ms sparse']).toFixed(1)}x as fast as with a mask (asked: 5)`,
    });
  }
  return found;
}

function checks(all: readonly Row[]): Check[] {
  const rows = all.filter((r) => r.setting === setting);
  const of = (method: string): number => meanOf(figuresOf(rows, method, 'precision at 20'));
  if (Number.isNaN(of('SET'))) {
    const losses = figuresOf(all, 'SET', 'loss');
    return losses.length === 0
      ? []
      : [{ ok: losses.every(Number.isFinite), text: `the autoencoder learns (error ${meanOf(losses).toFixed(3)})` }];
  }
  return [
    {
      ok: of('SET') >= 0.75,
      text: `precision at 20 by strength after SET: ${of('SET').toFixed(2)} (asked: .75; chance .04)`,
    },
    {
      ok: of('SET') - of('static') >= 0.2,
      text: `with a static random topology: ${of('static').toFixed(2)} (asked: .2 less)`,
    },
    {
      ok: of('variance') <= 0.15,
      text: `by variance, all of which are 1: ${of('variance').toFixed(2)} (asked: chance)`,
    },
  ];
}

/** Atashgahi et al. 2022. */
export const quickSelectionClaim: Claim = {
  slug: 'quickselection',
  family: 'training',
  paper: {
    title: 'Quick and Robust Feature Selection: the Strength of Energy-efficient Sparse Training for Autoencoders',
    authors: 'Atashgahi, Sokar, van der Lee, Mocanu, Mocanu, Veldhuis, Pechenizkiy',
    year: 2022,
    url: 'https://arxiv.org/abs/2012.00560',
    reports: 'The best trade-off of accuracy, time and memory over 8 data sets.',
  },
  says: 'The strength of the input neurons of a sparse autoencoder trained with SET ranks features, without labels.',
  measure,
  holds: (rows) => verdict([...checks(rows), ...pictureChecks(rows)]),
};
