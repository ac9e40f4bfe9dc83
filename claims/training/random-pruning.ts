import {
  type AllocatorName,
  batchesOf,
  calibrationError,
  classAccuracy,
  classProbabilities,
  confidences,
  cosine,
  type Dataset,
  fastGradientSign,
  fit,
  gradientNorm,
  Mlp,
  Random,
  randomPruning,
  rocAuc,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { budgetFor, differenceCheck, figuresOf, glyphSplit, meanOf, seedsFrom } from './common.js';

const widths = { smoke: [8, 16], quick: [16, 64], full: [32, 64, 128, 256, 512, 1024] } as const;
const densities = [0.2, 0.05] as const;

interface ArmOf {
  readonly width: number;
  readonly density?: number;
  readonly allocator?: AllocatorName;
}

const nameOf = ({ width, density, allocator }: ArmOf): string =>
  density === undefined ? `dense ${width}` : `${allocator} ${density} ${width}`;

const armsOf = (width: number): ArmOf[] => [
  { width },
  ...densities.map((density): ArmOf => ({ width, density, allocator: 'erk' })),
  { width, density: 0.05, allocator: 'uniform' },
];

/** Inputs of another kind: dark for bright. */
const inverted = (data: Dataset): Dataset => ({ ...data, inputs: data.inputs.map((x) => 1 - x) });

async function trainRow(arm: ArmOf, seed: number, options: MeasureOptions): Promise<Row> {
  const { size, signal } = options;
  const split = glyphSplit(size);
  const budget = budgetFor(size, { epochs: { smoke: 2, quick: 3, full: 5 }[size] });
  const sizes = [split.train.features, arm.width, arm.width, split.train.classes];
  const { density, allocator } = arm;
  const model = density === undefined ? new Mlp({ sizes, seed }) : randomPruning({ sizes, seed, density, allocator });
  const [first] = batchesOf(split.train).epoch({ epoch: 0, size: 100, random: new Random(seed) });
  const norm = await gradientNorm(model, first);
  await fit(model, batchesOf(split.train), {
    optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: budget.weightDecay },
    lr: budget.lr,
    schedule: cosine({ warmup: 0.05 }),
    epochs: budget.epochs,
    batch: budget.batch,
    seed,
    signal,
  });
  const accuracy = await classAccuracy(model, split.test);
  const inside = await classProbabilities(model, split.test);
  const outside = await classProbabilities(model, inverted(split.test));
  const sure = [...confidences(inside, 20), ...confidences(outside, 20)];
  const truth = sure.map((_, k) => k < split.test.samples);
  const attacked = await classAccuracy(model, await fastGradientSign(model, split.test, 8 / 255));
  let weights = 0;
  for (let l = 0; l < model.layers; l++) {
    const weight = model.weight(l);
    weights += 'layout' in weight ? weight.layout.size : weight.size;
  }
  model.dispose();
  return {
    setting: size === 'full' ? 'glyphs-28' : 'glyphs-28, short',
    method: nameOf(arm),
    ...(density === undefined && { baseline: true }),
    figures: {
      accuracy,
      weights,
      'calibration error': calibrationError(inside, split.test.labels),
      'AUROC, inverted glyphs': rocAuc(sure, truth),
      'accuracy under FGSM': attacked,
      'gradient norm at start': norm,
    },
    seed,
  };
}

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const seeds = seedsFrom(seed, size === 'full' ? 3 : 1);
  const arms = widths[size].flatMap(armsOf);
  const stages = new Stages(options, arms.length * seeds.length);
  const rows: Row[] = [];
  for (const s of seeds) for (const arm of arms) rows.push(await stages.run(() => trainRow(arm, s, options)));
  return rows;
}

/** Spearman's correlation of a list with its positions. */
function rankCorrelation(values: readonly number[]): number {
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const n = values.length;
  let squares = 0;
  order.forEach((position, rank) => {
    squares += (position - rank) ** 2;
  });
  return 1 - (6 * squares) / (n * (n * n - 1));
}

function checks(all: readonly Row[]): Check[] {
  const rows = all.filter((r) => r.setting === 'glyphs-28');
  const accuracy = (name: string): number => meanOf(figuresOf(rows, name, 'accuracy'));
  if (Number.isNaN(accuracy('dense 1024'))) return smallChecks(all);
  const found: Check[] = [];
  for (const d of densities) {
    const gaps = widths.full.map((w) => accuracy(`dense ${w}`) - accuracy(`erk ${d} ${w}`));
    const shown = gaps.map((g) => (100 * g).toFixed(1)).join(', ');
    const [narrow, wide] = [gaps[0], gaps[gaps.length - 1]];
    const rank = rankCorrelation(gaps);
    found.push({
      ok: wide <= narrow / 3 && (d !== 0.2 || wide <= 0.015) && rank <= -0.8,
      text: `density ${d}: dense - sparse by width ${widths.full.join(', ')}: ${shown} points (asked: the last a third of the first at most${d === 0.2 ? ' and 1.5' : ''}; rank correlation ${rank.toFixed(2)}, asked -.8)`,
    });
  }
  for (const w of [256, 512, 1024])
    found.push(...differenceCheck(rows, [`erk 0.05 ${w}`, `uniform 0.05 ${w}`], { least: -0.003 }));
  const norm = (name: string): number => meanOf(figuresOf(rows, name, 'gradient norm at start'));
  found.push({
    ok: norm('erk 0.05 512') > norm('uniform 0.05 512'),
    text: `gradient norm at the start, width 512, density .05: ERK ${norm('erk 0.05 512').toFixed(3)}, uniform ${norm('uniform 0.05 512').toFixed(3)} (asked: ERK's larger)`,
  });
  const weights = (name: string): number => meanOf(figuresOf(rows, name, 'weights'));
  const equal = widths.full.reduce((best, w) =>
    Math.abs(weights(`dense ${w}`) - weights('erk 0.05 512')) <
    Math.abs(weights(`dense ${best}`) - weights('erk 0.05 512'))
      ? w
      : best,
  );
  found.push({
    ok: accuracy('erk 0.05 512') > accuracy(`dense ${equal}`),
    text: `width 512 at density .05 (${weights('erk 0.05 512')} weights): ${(100 * accuracy('erk 0.05 512')).toFixed(1)} %, dense of width ${equal} (${weights(`dense ${equal}`)} weights): ${(100 * accuracy(`dense ${equal}`)).toFixed(1)} % (asked: more)`,
  });
  return found;
}

/** What holds at any size: exact budgets. */
function smallChecks(rows: readonly Row[]): Check[] {
  return rows
    .filter((r) => r.method.startsWith('erk'))
    .map((r) => {
      const [, density, width] = r.method.split(' ').map(Number);
      const all = 784 * width + width * width + width * 20;
      return {
        ok: r.figures.weights === Math.round(density * all),
        text: `${r.method} has exactly its budget of weights`,
      };
    });
}

/** Liu et al. 2022. */
export const randomPruningClaim: Claim = {
  slug: 'random-pruning',
  family: 'training',
  paper: {
    title: 'The Unreasonable Effectiveness of Random Pruning: Return of the Most Naive Baseline for Sparse Training',
    authors: 'Liu, Chen, Chen, Shen, Mocanu, Wang, Pechenizkiy',
    year: 2022,
    url: 'https://arxiv.org/abs/2202.02643',
    reports: 'ImageNet: a randomly pruned Wide ResNet-50 beats the dense one; small networks do not match theirs.',
  },
  says: 'A network pruned at random before training matches the dense one when it is wide enough; good shares of the layers (ERK) help.',
  measure,
  holds: (rows) => verdict(checks(rows)),
};
