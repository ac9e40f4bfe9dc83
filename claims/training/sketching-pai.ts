import {
  batchesOf,
  classAccuracy,
  cosine,
  denseWeights,
  fit,
  graspScores,
  Mlp,
  magnitudeScores,
  mlpShapes,
  Random,
  randomTopologies,
  type Split,
  sketch,
  sketchError,
  sketchProbabilities,
  snipScores,
  synflowScores,
  synflowTopologies,
  type Topology,
  topologiesByScore,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { budgetFor, figuresOf, glyphSplit, meanOf, seedsFrom } from './common.js';

/** A linear model with heavy-tailed weights and inputs of unequal size. */
function linearModel(seed: number, d: number, n: number, scaled: boolean) {
  const random = new Random(seed).fork('linear');
  const w = Float64Array.from({ length: d }, () => random.normal() / Math.max(0.2, Math.abs(random.normal())));
  const scales = Float64Array.from({ length: d }, () => (scaled ? Math.exp(1.2 * random.normal()) : 1));
  const X = Float64Array.from({ length: n * d }, (_, k) => scales[k % d] * random.normal());
  const norms = new Float64Array(d);
  for (let k = 0; k < X.length; k++) norms[k % d] += X[k] ** 2;
  return { random, w, X, norms: norms.map(Math.sqrt), d, n };
}

/** `||X v||^2` through the Gram matrix, so that a sketch costs d^2 and not n d. */
function gram(X: Float64Array, d: number, n: number): (v: Float64Array) => number {
  const G = new Float64Array(d * d);
  for (let s = 0; s < n; s++) {
    for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) G[i * d + j] += X[s * d + i] * X[s * d + j];
  }
  return (v) => {
    let total = 0;
    for (let i = 0; i < d; i++) {
      if (v[i] === 0) continue;
      let row = 0;
      for (let j = 0; j < d; j++) row += G[i * d + j] * v[j];
      total += v[i] * row;
    }
    return total;
  };
}

const uniformShares = (d: number): Float64Array => new Float64Array(d).fill(1 / d);

/** Mean error of sketches over the formula, by probabilities; and how the error falls with the number of draws. */
function sketchRows(seed: number, sketches: number, size: MeasureOptions['size']): Row[] {
  const [d, n] = size === 'full' ? [200, 500] : [60, 120];
  const { random, w, X, norms } = linearModel(seed, d, n, true);
  const square = gram(X, d, n);
  const product = square(w);
  const measured = (p: Float64Array, k: number, weights: Float64Array): number => {
    let total = 0;
    for (let t = 0; t < sketches; t++) {
      const mask = sketch(p, k, random);
      total += square(weights.map((x, i) => x * mask[i] - x));
    }
    return total / sketches;
  };
  const shares = {
    optimal: sketchProbabilities(w, norms),
    '|w|': sketchProbabilities(w, new Float64Array(d).fill(1)),
    uniform: uniformShares(d),
  };
  const rows: Row[] = [];
  const k = Math.round(d / 5);
  for (const [name, p] of Object.entries(shares)) {
    const formula = sketchError(w, norms, p, product, k);
    rows.push({
      setting: 'sketch of a linear model',
      method: name,
      ...(name === 'uniform' && { baseline: true }),
      figures: { 'measured over formula': measured(p, k, w) / formula, 'relative error': formula / product },
      seed,
    });
  }
  const ks = [d / 10, d / 5, d / 2, d];
  const logs = ks.map((each) => [Math.log(each), Math.log(measured(shares.optimal, each, w))] as const);
  const [mx, my] = [meanOf(logs.map((l) => l[0])), meanOf(logs.map((l) => l[1]))];
  const slope =
    logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  rows.push({
    setting: 'sketch of a linear model',
    method: 'error by draws',
    figures: { 'slope in logarithms': slope },
    seed,
  });
  // The mask comes from the weights at the start, the error from those along a descent to a least-squares fit.
  const goal = linearModel(seed + 77, d, n, true).w;
  const now = w.slice();
  let worst = 0;
  for (const step of [1, 3, 10]) {
    for (let i = 0; i < d; i++) now[i] += (goal[i] - now[i]) * (1 - 0.9 ** step);
    const formula = sketchError(now, norms, shares.optimal, square(now), k);
    worst = Math.max(worst, Math.abs(measured(shares.optimal, k, now) / formula - 1));
  }
  rows.push({
    setting: 'sketch of a linear model',
    method: 'weights after training',
    figures: { 'largest deviation from the formula': worst },
    seed,
  });
  for (const scaled of [false, true]) {
    const other = linearModel(seed + 5, d, n, scaled);
    const whole = gram(other.X, d, n)(other.w);
    const free = sketchProbabilities(other.w, new Float64Array(d).fill(1));
    const aware = sketchProbabilities(other.w, other.norms);
    const ratio =
      sketchError(other.w, other.norms, free, whole, k) / sketchError(other.w, other.norms, aware, whole, k);
    rows.push({
      setting: scaled ? 'inputs of unequal size' : 'inputs of equal size',
      method: 'without data / with data',
      figures: { 'ratio of errors': ratio },
      seed,
    });
  }
  return rows;
}

/** What SynFlow lets into a hidden neuron and out of it, relative difference. */
async function conservationRow(seed: number): Promise<Row> {
  const sizes = [20, 30, 25, 5];
  const model = new Mlp({ sizes, seed });
  const shapes = mlpShapes(sizes);
  const scores = synflowScores(await denseWeights(model), shapes);
  model.dispose();
  let worst = 0;
  for (let l = 0; l + 1 < shapes.length; l++) {
    for (let i = 0; i < shapes[l].out; i++) {
      let [into, out] = [0, 0];
      for (let j = 0; j < shapes[l].in; j++) into += scores[l][i * shapes[l].in + j];
      for (let o = 0; o < shapes[l + 1].out; o++) out += scores[l + 1][o * shapes[l + 1].in + i];
      worst = Math.max(worst, Math.abs(into - out) / Math.max(into, out));
    }
  }
  return { setting: 'conservation', method: 'SynFlow', figures: { 'largest relative difference': worst }, seed };
}

const densities = [0.2, 0.1, 0.05, 0.02, 0.01] as const;
const methods = [
  'random ERK',
  'magnitude',
  'magnitude drawn',
  'SynFlow',
  'SynFlow drawn',
  'SNIP',
  'SNIP drawn',
  'GraSP',
] as const;

async function supports(
  method: (typeof methods)[number],
  split: Split,
  density: number,
  seed: number,
): Promise<Topology[]> {
  const sizes = [split.train.features, 300, 100, split.train.classes];
  if (method === 'random ERK') return randomTopologies(sizes, density, { seed });
  const shapes = mlpShapes(sizes);
  const random = method.endsWith('drawn') ? new Random(seed).fork('drawn') : undefined;
  const model = new Mlp({ sizes, seed });
  const [batch] = batchesOf(split.train).epoch({ epoch: 0, size: 200, random: new Random(seed) });
  try {
    if (method.startsWith('SynFlow')) {
      return synflowTopologies(await denseWeights(model), shapes, density, { rounds: random ? 20 : 100, random });
    }
    const scores = method.startsWith('SNIP')
      ? await snipScores(model, batch)
      : method === 'GraSP'
        ? await graspScores(model, batch)
        : await magnitudeScores(model);
    return topologiesByScore(scores, shapes, density, random);
  } finally {
    model.dispose();
  }
}

async function trainRow(
  method: (typeof methods)[number],
  density: number,
  seed: number,
  options: MeasureOptions,
): Promise<Row> {
  const split = glyphSplit(options.size);
  const sizes = [split.train.features, 300, 100, split.train.classes];
  const topologies = await supports(method, split, density, seed);
  const budget = budgetFor(options.size, { epochs: { smoke: 1, quick: 2, full: 5 }[options.size] });
  const model = new Mlp({ sizes, seed, topologies });
  await fit(model, batchesOf(split.train), {
    optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: budget.weightDecay },
    lr: budget.lr,
    schedule: cosine({ warmup: 0.05 }),
    epochs: budget.epochs,
    batch: budget.batch,
    seed,
    signal: options.signal,
  });
  const accuracy = await classAccuracy(model, split.test);
  model.dispose();
  const collapsed = topologies.filter((t) => t.size === 0).length;
  return {
    setting: options.size === 'full' ? `glyphs-28, ${Math.round(100 * (1 - density))} %` : 'glyphs-28, short',
    method,
    ...(method === 'random ERK' && { baseline: true }),
    figures: { accuracy, 'layers without weights': collapsed },
    seed,
  };
}

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const sketches = { smoke: 2000, quick: 6000, full: 20_000 }[size];
  const seeds = seedsFrom(seed, size === 'full' ? 3 : 1);
  const shown = size === 'smoke' ? [] : size === 'quick' ? [0.05] : densities;
  const stages = new Stages(options, 2 + shown.length * methods.length * seeds.length);
  const rows = await stages.run(async () => sketchRows(seed, sketches, size));
  rows.push(await stages.run(() => conservationRow(seed)));
  for (const s of seeds) {
    for (const density of shown) {
      for (const method of methods) rows.push(await stages.run(() => trainRow(method, density, s, options)));
    }
  }
  return rows;
}

function checks(rows: readonly Row[]): Check[] {
  const found: Check[] = [];
  const one = (method: string, figure: string, setting?: string): number | undefined =>
    figuresOf(rows, method, figure, setting)[0];
  const ratios = ['optimal', '|w|', 'uniform'].map((m) => one(m, 'measured over formula'));
  const errors = ['optimal', '|w|', 'uniform'].map((m) => one(m, 'relative error') ?? Number.NaN);
  const full = rows.some((r) => r.setting.startsWith('glyphs-28, 9'));
  const margin = full ? 0.02 : 0.1;
  if (ratios.every((r) => r !== undefined)) {
    found.push({
      ok: ratios.every((r) => Math.abs((r ?? 0) - 1) <= margin),
      text: `the mean error of sketches is the formula's times ${ratios.map((r) => r?.toFixed(3)).join(', ')} for |w| ||x||, |w| and uniform probabilities (asked: 1 ± ${margin})`,
    });
    found.push({
      ok: errors[0] === Math.min(...errors),
      text: `|w| ||x|| has the smallest error: ${errors.map((e) => e.toFixed(3)).join(', ')} of ||Xw||^2`,
    });
  }
  const slope = one('error by draws', 'slope in logarithms');
  if (slope !== undefined)
    found.push({
      ok: Math.abs(slope + 1) <= (full ? 0.03 : 0.1),
      text: `the error falls with draws at a slope of ${slope.toFixed(3)} (asked: -1)`,
    });
  const later = one('weights after training', 'largest deviation from the formula');
  if (later !== undefined)
    found.push({
      ok: later <= margin * 1.5,
      text: `for weights after training, masks from before: within ${(100 * later).toFixed(1)} % of the formula`,
    });
  const [equal, unequal] = ['inputs of equal size', 'inputs of unequal size'].map((s) =>
    one('without data / with data', 'ratio of errors', s),
  );
  if (equal !== undefined && unequal !== undefined) {
    found.push({
      ok: Math.abs(equal - 1) < 0.05 && unequal > 1.5,
      text: `leaving data out costs a factor of ${equal.toFixed(2)} where inputs are of equal size and ${unequal.toFixed(2)} where not (asked: about 1, above 1.5)`,
    });
  }
  const kept = one('SynFlow', 'largest relative difference', 'conservation');
  if (kept !== undefined)
    found.push({
      ok: kept < 1e-9,
      text: `SynFlow's scores into and out of a neuron agree to ${kept.toExponential(0)}`,
    });
  if (!full) return found;
  const gain = (method: string): number[] =>
    densities.flatMap((d) => {
      const setting = `glyphs-28, ${Math.round(100 * (1 - d))} %`;
      const [drawn, top] = [`${method} drawn`, method].map((m) => figuresOf(rows, m, 'accuracy', setting));
      return drawn.map((v, k) => v - top[k]);
    });
  for (const method of ['magnitude', 'SynFlow']) {
    const mean = meanOf(gain(method));
    found.push({
      ok: mean >= 0,
      text: `drawing by ${method} in place of the largest: ${(100 * mean).toFixed(2)} points over all sparsities (asked: no less)`,
    });
  }
  const snip = meanOf(gain('SNIP'));
  found.push({
    ok: snip <= 0.005,
    text: `drawing by SNIP: ${(100 * snip).toFixed(2)} points (asked: no systematic gain, below .5)`,
  });
  const collapsed = methods.map(
    (m) => `${m} ${figuresOf(rows, m, 'layers without weights').reduce((a, b) => a + b, 0)}`,
  );
  found.push({ ok: true, text: `layers without weights, all runs: ${collapsed.join(', ')}` });
  return found;
}

/** Pruning at initialisation as sketching, 2023. */
export const sketchingPaiClaim: Claim = {
  slug: 'sketching-pai',
  family: 'training',
  paper: {
    title: 'Pruning at Initialization -- A Sketching Perspective',
    authors: 'Bar, Giryes',
    year: 2023,
    url: 'https://arxiv.org/abs/2305.17559',
    reports: 'Masks drawn by data-free scores compete with data-dependent ones on CIFAR and Tiny ImageNet.',
  },
  says: 'A mask is a sketch of a linear model; the best probabilities are |w| ||x||; drawing by a data-free score beats taking the largest.',
  measure,
  holds: (rows) => verdict(checks(rows)),
};
