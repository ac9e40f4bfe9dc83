import {
  type ArrayWork,
  arrayCycles,
  batchesOf,
  bdwp,
  bdwpWork,
  dataflows,
  Mlp,
  Random,
  scheduleDataflows,
  scope,
  srSte,
  type Tensor,
  valueAndGrad,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import type { Spec } from './arms.js';
import { budgetFor, differenceCheck, figuresOf, glyphSplit, meanOf, seedsFrom, trainRows } from './common.js';
import { simulate } from './systolic.js';

const setting = 'glyphs-28, 512-512';
const patterns = [
  [2, 4],
  [2, 8],
] as const;

/** The cost model against an array stepped cycle by cycle, and its schedule against all choices. */
function modelRow(seed: number, shapes: number): Row {
  const random = new Random(seed).fork('shapes');
  const side = 4;
  let [wrong, off] = [0, 0];
  for (let k = 0; k < shapes; k++) {
    const work: ArrayWork = { out: 1 + random.integer(16), in: 1 + random.integer(16), batch: 1 + random.integer(16) };
    const w = random.normals(work.out * work.in);
    const x = random.normals(work.in * work.batch);
    for (const flow of dataflows) {
      const { cycles, product } = simulate(
        work,
        flow,
        side,
        (i, j) => w[i * work.in + j],
        (j, b) => x[j * work.batch + b],
      );
      if (cycles !== arrayCycles(work, flow, { side })) wrong++;
      for (let i = 0; i < work.out; i++) {
        for (let b = 0; b < work.batch; b++) {
          let right = 0;
          for (let j = 0; j < work.in; j++) right += w[i * work.in + j] * x[j * work.batch + b];
          off = Math.max(off, Math.abs(product[i * work.batch + b] - right));
        }
      }
    }
  }
  const layers = [
    { out: 512, in: 784 },
    { out: 512, in: 512 },
    { out: 20, in: 512 },
  ];
  const array = { side: 32, latency: 4, interleave: 2 };
  const works = layers.flatMap((layer) => bdwpWork(layer, 100, { n: 2, m: 8 }));
  let best = Number.POSITIVE_INFINITY;
  for (let choice = 0; choice < 2 ** works.length; choice++) {
    const cycles = works.reduce((sum, work, k) => sum + arrayCycles(work, dataflows[(choice >> k) & 1], array), 0);
    best = Math.min(best, cycles);
  }
  const { cycles } = scheduleDataflows(works, array);
  const dense = scheduleDataflows(
    layers.flatMap((layer) => bdwpWork(layer, 100)),
    array,
  ).cycles;
  return {
    setting: 'cost model',
    method: 'BDWP',
    figures: {
      'shapes with other cycles than simulated': wrong,
      'largest error of the simulated product': off,
      'cycles over the best of all schedules': cycles / best,
      'modelled speed-up of a step at 2:8': dense / cycles,
    },
    seed,
  };
}

/** Cosine between the weights' gradients of BDWP and of the forward-only method, at the start, on one batch; per pattern. */
async function gradientRow(n: number, m: number, seed: number, options: MeasureOptions): Promise<Row> {
  const split = glyphSplit(options.size === 'full' ? 'quick' : 'smoke');
  const sizes = [784, 128, 128, 20];
  const [batch] = batchesOf(split.train).epoch({ epoch: 0, size: 100, random: new Random(seed) });
  const lists: ArrayLike<number>[] = [];
  for (const projection of [srSte({ n, m, pull: 0 }), bdwp({ n, m })]) {
    const model = new Mlp({ sizes, seed, projection });
    const gradient = scope(
      () => valueAndGrad(() => model.loss(batch), [model.weight(0) as Tensor]).gradients[0] as Tensor,
    );
    lists.push(await gradient.data());
    gradient.dispose();
    model.dispose();
  }
  const [a, b] = lists;
  let [dot, aa, bb] = [0, 0, 0];
  for (let k = 0; k < a.length; k++) {
    dot += a[k] * b[k];
    aa += a[k] ** 2;
    bb += b[k] ** 2;
  }
  // Of the layers that are projected all three products count; of three layers the last is dense.
  return {
    setting: 'first layer at the start',
    method: `BDWP ${n}:${m}`,
    figures: {
      'cosine with the forward-only gradient': dot / Math.sqrt(aa * bb),
      'share of a dense layer step': macShare(n, m),
    },
    seed,
  };
}

/** Multiply-adds of the three products of a projected layer, over those of a dense one. */
function macShare(n: number, m: number): number {
  const model = new Mlp({ sizes: [64, 32, 8], projection: bdwp({ n, m }) });
  const macs = model.projections.get(0)?.macs;
  model.dispose();
  return macs ? (macs.forward + macs.input + macs.weights) / (3 * 64 * 32) : Number.NaN;
}

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const seeds = seedsFrom(seed, size === 'full' ? 3 : 1);
  const specs: Spec[] = [
    { kind: 'dense' },
    ...patterns.flatMap(([n, m]) => (['sr-ste', 'bdwp'] as const).map((kind): Spec => ({ kind, n, m }))),
  ];
  const arms = size === 'smoke' ? specs.slice(0, 3) : specs;
  const stages = new Stages(options, 1 + patterns.length + arms.length * seeds.length);
  const rows: Row[] = [await stages.run(async () => modelRow(seed, size === 'smoke' ? 10 : 50))];
  for (const [n, m] of patterns) rows.push(await stages.run(() => gradientRow(n, m, seed, options)));
  const hidden = size === 'smoke' ? [32, 32] : [512, 512];
  const name = size === 'full' ? setting : `${setting}, short`;
  rows.push(...(await trainRows(name, arms, glyphSplit(size), seeds, budgetFor(size, { hidden }), stages)));
  return rows;
}

function checks(rows: readonly Row[]): Check[] {
  const found: Check[] = [];
  const model = rows.find((r) => r.setting === 'cost model');
  if (model) {
    const f = model.figures;
    found.push({
      ok: f['shapes with other cycles than simulated'] === 0 && f['largest error of the simulated product'] < 1e-9,
      text: 'the cost model counts the cycles of an array stepped cycle by cycle, in both dataflows',
    });
    found.push({
      ok: f['cycles over the best of all schedules'] === 1,
      text: 'its schedule is the best of all choices of dataflow',
    });
  }
  const share = figuresOf(rows, 'BDWP 2:8', 'share of a dense layer step');
  if (share.length > 0)
    found.push({
      ok: meanOf(share) === 0.5,
      text: `at 2:8 a layer's step takes ${meanOf(share)} of the dense multiply-adds (asked: exactly .5)`,
    });
  const own = rows.filter((r) => r.setting === setting);
  found.push(...differenceCheck(own, ['bdwp 2:8', 'dense'], { least: -0.015 }));
  for (const [n, m] of patterns)
    found.push(...differenceCheck(own, [`bdwp ${n}:${m}`, `sr-ste ${n}:${m}`], { least: -0.01 }));
  return found;
}

/** Fang et al. 2023. */
export const bdwpClaim: Claim = {
  slug: 'bdwp',
  family: 'training',
  paper: {
    title: 'Efficient N:M Sparse DNN Training Using Algorithm, Architecture, and Dataflow Co-Design',
    authors: 'Fang, Sun, Aly, Wang',
    year: 2023,
    url: 'https://arxiv.org/abs/2309.13015',
    reports: 'Training at 2:8: 1.75x faster on average, with .56 % of accuracy lost on average.',
  },
  says:
    'Dense weights pruned to n:m along the inputs for the forward pass and along the outputs for the gradient of the inputs leave half of the ' +
    'multiply-adds of a training step at 2:8, and nearly all of the accuracy.',
  measure,
  holds: (rows) => verdict(checks(rows)),
};
