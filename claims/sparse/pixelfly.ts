import { batchesOf, glyphs, Layout, Random, splitAt, Topology } from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { inPoints, paired } from '../training/common.js';
import { layerTimes, mixerArms, mixerTimes, randomBlocks, trainMixer } from './pixelfly-mixer.js';
import { type Arm, approximation, parts, side, type Target, target, targets } from './pixelfly-operators.js';
import { layerErrors, line } from './tools.js';

const pattern = 'the pattern and its layer';
const order = 'product of residual factors against the flat sum, n 64, b 4';
const operators = 'what is left of |W - T|^2 / |T|^2, 256 x 256, equal parameters';
const mixer = 'Mixer 128 wide on glyphs-16, a quarter of the weights over channels';
const mixerStep = 'forward and backward of the Mixer, batch 100';
const layerStep = 'forward and backward of a layer 1024 x 1024, blocks of 16, stride 16, rank 32, batch 128';
const both = 'flat butterfly and low rank';

const butterfly = (rows: number, cols: number, b: number, k: number): Layout =>
  new Layout(Topology.fromKeys([], rows, cols), { kind: 'butterfly', b, k });

async function patternRow(rows: number, cols: number, b: number, k: number, seed: number): Promise<Row> {
  const { support } = butterfly(rows, cols, b, k);
  const mask = support.toMask();
  const errors = await layerErrors({ rows, cols, mask }, 17, { kind: 'butterfly', b, k }, seed);
  const blocks = support.size / (b * b);
  const square = rows === cols;
  const symmetric = !square || mask.every((on, i) => on === mask[(i % rows) * rows + Math.floor(i / rows)]);
  const expected = (Math.max(rows, cols) / b) * (1 + Math.log2(k));
  return {
    setting: pattern,
    method: `${rows} x ${cols}, b ${b}, k ${k}`,
    figures: { blocks, expected, symmetric: Number(symmetric), error: Math.max(...Object.values(errors)) },
    seed,
  };
}

type Dense = Float64Array<ArrayBuffer>;

function multiply(a: Dense, b: Dense, n: number): Dense {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const x = a[i * n + k];
      if (x !== 0) for (let j = 0; j < n; j++) c[i * n + j] += x * b[k * n + j];
    }
  }
  return c;
}

/** `|prod (I + l B_s) - (I + l sum B_s)|` for several `l`: the slope of its logarithm. */
function orderRow(seed: number): Row {
  const [n, b] = [64, 4];
  const random = new Random(seed);
  const eye = Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0));
  const factors: Dense[] = [1, 2, 4, 8].map((stride) =>
    Float64Array.from({ length: n * n }, (_, key) => {
      const [i, j] = [Math.floor(Math.floor(key / n) / b), Math.floor((key % n) / b)];
      return i === j || (i ^ j) === stride ? random.normal() / Math.sqrt(2 * b) : 0;
    }),
  );
  const lambdas = [1e-3, 3e-3, 1e-2, 3e-2, 1e-1];
  const errors = lambdas.map((l) => {
    const product = factors.reduce<Dense>(
      (p, factor) =>
        multiply(
          p,
          eye.map((v, k) => v + l * factor[k]),
          n,
        ),
      eye,
    );
    const flat = eye.map((v, k) => v + l * factors.reduce((s, f) => s + f[k], 0));
    return Math.sqrt(product.reduce((s, v, k) => s + (v - flat[k]) ** 2, 0));
  });
  const { slope } = line(lambdas.map(Math.log), errors.map(Math.log));
  return { setting: order, method: 'flat', figures: { slope, smallest: errors[0], largest: errors[4] }, seed };
}

/** 12,288 parameters for every arm, 19 % of the places: blocks of 8, a sixth of the parameters in the low rank. */
function arms(seed: number): Record<string, Arm> {
  const b = 8;
  const flat = butterfly(side, side, b, 32);
  const wide = butterfly(side, side, b, 16);
  // The rank takes the parameters that the next larger stride would.
  const rank = 2 * Math.floor((flat.size - wide.size) / (4 * side));
  const budget = wide.size + 2 * rank * side;
  const random = new Random(seed).fork('arms');
  const somePlaces = () => {
    const keys = random.shuffle(Array.from({ length: side * side }, (_, k) => k)).slice(0, budget);
    return new Layout(Topology.fromKeys(keys, side, side));
  };
  return {
    [both]: { layout: wide, rank },
    'flat butterfly': { layout: flat, rank: 0 },
    'low rank': { rank: Math.round(budget / (2 * side)) },
    'random blocks and low rank': { layout: randomBlocks(side, side, b, wide.size / (b * b), random), rank },
    'random places': { layout: somePlaces(), rank: 0 },
  };
}

/** A small Mixer on glyphs, and what its batch and one layer take. */
function mixerWorks(seed: number): ((options: MeasureOptions) => Promise<Row>)[] {
  const split = splitAt(glyphs({ samples: 6000, side: 16, seed: 1 }), 4000);
  const trainings = [seed, seed + 1, seed + 2].flatMap((s) =>
    mixerArms.map((method) => async ({ signal }: MeasureOptions): Promise<Row> => {
      const figures = await trainMixer(method, split, s, { epochs: 8, signal });
      return { setting: mixer, method, baseline: method !== both, figures, seed: s };
    }),
  );
  const times = (setting: string, of: () => Readonly<Record<string, number>>) => async (): Promise<Row> => ({
    setting,
    method: 'flat',
    figures: Object.fromEntries(Object.entries(of()).map(([name, s]) => [`${name} (ms)`, 1000 * s])),
    seed,
  });
  const [batch] = batchesOf(split.train).epoch({ epoch: 0, size: 100, random: new Random(seed) });
  return [...trainings, times(mixerStep, () => mixerTimes(batch, seed)), times(layerStep, () => layerTimes(seed))];
}

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const works: (() => Promise<Row>)[] = [
    ...[
      [32, 32, 4, 4],
      [64, 64, 8, 8],
      [32, 96, 4, 8],
      [64, 16, 2, 2],
    ].map(
      ([r, c, b, k]) =>
        () =>
          patternRow(r, c, b, k, seed),
    ),
    async () => orderRow(seed),
  ];
  if (size !== 'smoke') {
    const seeds = size === 'full' ? [seed, seed + 1, seed + 2] : [seed];
    const steps = size === 'full' ? 400 : 100;
    for (const s of seeds) {
      for (const name of [...targets, ...parts] as Target[]) {
        for (const [method, arm] of Object.entries(arms(s))) {
          works.push(async () => {
            options.signal?.throwIfAborted();
            const parameters = (arm.layout?.size ?? 0) + 2 * side * arm.rank;
            const left = await approximation(arm, target(name, s), steps, s);
            const baseline = method !== both;
            return { setting: `${operators}: ${name}`, method, baseline, figures: { left, parameters }, seed: s };
          });
        }
      }
    }
  }
  if (size === 'full') works.push(...mixerWorks(seed).map((work) => () => work(options)));
  const stages = new Stages(options, works.length);
  const rows: Row[] = [];
  for (const work of works) rows.push(await stages.run(work));
  return rows;
}

function operatorChecks(rows: readonly Row[]): Check[] {
  const of = (name: Target) => {
    const measured = rows.filter((r) => r.setting === `${operators}: ${name}`);
    const methods = [...new Set(measured.map((r) => r.method))];
    return methods.map((method) => {
      const left = measured.filter((r) => r.method === method).map((r) => r.figures['left']);
      return { method, left: left.reduce((a, b) => a + b, 0) / left.length };
    });
  };
  if (of('Hadamard').length === 0) return [];
  const one = (name: Target, method: string) => of(name).find((m) => m.method === method)?.left ?? Number.NaN;
  const ranks = targets.map((name) => {
    const sorted = of(name).sort((a, b) => a.left - b.left);
    const rank = 1 + sorted.findIndex((m) => m.method === both);
    return {
      ok: rank <= 2,
      text: `${name}: ${both} comes ${rank}. of 5 (${sorted.map((m) => `${m.method} ${m.left.toFixed(3)}`).join(', ')})`,
    };
  });
  const [low, flat] = [one('block-diagonal', 'low rank'), one('rank 4', 'flat butterfly')];
  return [
    ...ranks,
    {
      ok: low > 0.3,
      text: `low rank alone leaves ${low.toFixed(2)} of a block-diagonal operator (asked: more than .3)`,
    },
    {
      ok: flat > 0.3,
      text: `the flat butterfly alone leaves ${flat.toFixed(2)} of one of rank 4 (asked: more than .3)`,
    },
  ];
}

function mixerChecks(rows: readonly Row[]): Check[] {
  const found: Check[] = [];
  const apart = (a: string, b: string) => paired(rows, a, b, 'accuracy', mixer);
  const [dense, blocks] = [apart(both, 'dense'), apart(both, 'random blocks and low rank')];
  if (dense && blocks) {
    found.push({
      ok: dense.mean >= -0.007 && blocks.mean + blocks.half >= 0,
      text: `${mixer}: ${both} less dense ${inPoints(dense)} (asked: -.7 or more), less random blocks ${inPoints(blocks)} (asked: not below 0 by more than its interval)`,
    });
  }
  for (const [setting, product] of [
    [mixerStep, false],
    [layerStep, true],
  ] as const) {
    const f = rows.find((r) => r.setting === setting)?.figures;
    if (!f) continue;
    const [overDense, overProduct] = [f['dense (ms)'] / f['flat (ms)'], f['product (ms)'] / f['flat (ms)']];
    found.push({
      ok: overDense >= 2 && (!product || overProduct >= 3),
      text: `${setting}: ${overDense.toFixed(2)}x over dense (asked: 2)${product ? `, ${overProduct.toFixed(2)}x over the product of its factors (asked: 3)` : ''}`,
    });
  }
  return found;
}

/** Dao, Chen, Liang, Yang, Song, Rudra, Re 2022. */
export const pixelflyClaim: Claim = {
  slug: 'pixelfly',
  family: 'sparse',
  paper: {
    title: 'Pixelated Butterfly: Simple and Efficient Sparse Training for Neural Network Models',
    authors: 'Dao, Chen, Liang, Yang, Song, Rudra, Ré',
    year: 2022,
    url: 'https://arxiv.org/abs/2112.00029',
    reports:
      'Up to 2.5x faster training than dense MLP-Mixer, ViT and GPT-2 medium without loss; 3x faster than butterfly products.',
  },
  says: 'A fixed flat block butterfly with a low-rank term stands in for products of butterfly factors and for dense matrices.',
  measure,
  holds: (rows) => {
    const shapes = rows.filter((r) => r.setting === pattern).map((r) => r.figures);
    const slopes = rows.filter((r) => r.setting === order).map((r) => r.figures);
    const worst = Math.max(0, ...shapes.map((f) => f['error']));
    return verdict([
      ...(shapes.length > 0
        ? [
            {
              ok: shapes.every((f) => f['symmetric'] === 1 && f['blocks'] === f['expected']) && worst < 1e-5,
              text: `(1 + log2 k) blocks in each block row, symmetric, products and gradients right to ${worst.toExponential(1)} (asked: 1e-5)`,
            },
          ]
        : []),
      ...slopes.map((f) => ({
        ok: Math.abs(f['slope'] - 2) <= 0.1,
        text: `the flat sum differs from the product in second order: slope ${f['slope'].toFixed(3)} (asked: 2 +- .1)`,
      })),
      ...operatorChecks(rows),
      ...mixerChecks(rows),
    ]);
  },
};
