import { type Dataset, largest, madelonLike, quickSelection, Random, sampleVariances } from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { figuresOf, meanOf, seedsFrom } from './common.js';

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

async function measure(options: MeasureOptions): Promise<Row[]> {
  const seeds = seedsFrom(options.seed, { smoke: 1, quick: 2, full: 5 }[options.size]);
  const stages = new Stages(options, 2 * seeds.length);
  const rows: Row[] = [];
  for (const seed of seeds) rows.push(...(await rowsOf(seed, options, stages)));
  return rows;
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
  holds: (rows) => verdict(checks(rows)),
};
