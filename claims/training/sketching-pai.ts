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
  snipScores,
  synflowTopologies,
  type Topology,
  topologiesByScore,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { budgetFor, figuresOf, glyphSplit, meanOf, seedsFrom } from './common.js';
import { conservationRow, sketchRows } from './sketching-linear.js';

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
