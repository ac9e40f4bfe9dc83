import {
  type ArrayWork,
  arrayCycles,
  batchesOf,
  bdwp,
  bdwpWork,
  dataflows,
  Mlp,
  matmul,
  project,
  projectedLinear,
  Random,
  scheduleDataflows,
  scope,
  square,
  srSte,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
  zeros,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { fastestOf } from '../sparse/tools.js';
import type { Spec } from './arms.js';
import {
  budgetFor,
  convolutionsFor,
  differenceCheck,
  figuresOf,
  glyphSplit,
  meanOf,
  seedsFrom,
  trainRows,
} from './common.js';
import { simulate } from './systolic.js';

const setting = 'glyphs-28, 512-512';
const convSetting = 'glyphs-16, convolutions 16-32-64';
const layerSetting = 'layer 1024 x 1024, batch 128';
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

/** A training step of one layer and its forward pass, dense and projected both ways; selecting is part of both. */
function timeRows(seed: number): Row[] {
  const [side, batch] = [1024, 128];
  const random = new Random(seed);
  const x = tensor(random.normals(batch * side), [batch, side]);
  const w = tensor(random.normals(side * side, 0.03), [side, side]);
  const velocity = zeros([side, side]);
  const p = project(w, { kind: 'nm', n: 2, m: 8 }, { backward: 'own' });
  const update = { lr: 1e-9, momentum: 0.9, weightDecay: 0, nesterov: false };
  const step = (forward: () => Tensor) => () =>
    scope(() => {
      const { gradients } = valueAndGrad(() => sum(square(forward())), [w, x]);
      if (gradients[0]) w.device.sgd(w.view('sgd'), gradients[0].view('sgd'), velocity.view('sgd'), update);
    });
  const dense = () => matmul(x, w, { transposeB: true });
  const sparse = () => {
    p.update();
    return projectedLinear(x, p);
  };
  const seconds = fastestOf({
    dense: step(dense),
    sparse: step(sparse),
    denseForward: () => scope(() => void dense()),
    sparseForward: () => scope(() => void projectedLinear(x, p)),
    select: () => p.update(),
  });
  for (const t of [p, x, w, velocity]) t.dispose();
  const row = (method: string, a: number, b: number, more: Row['figures'] = {}): Row => ({
    setting: layerSetting,
    method,
    ...(method === 'dense' && { baseline: true }),
    figures: { step: 1e6 * a, forward: 1e6 * b, ...more },
    seed,
  });
  return [
    row('dense', seconds.dense, seconds.denseForward),
    row('2:8', seconds.sparse, seconds.sparseForward, { selecting: 1e6 * seconds.select }),
  ];
}

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const seeds = seedsFrom(seed, size === 'full' ? 3 : 1);
  const specs: Spec[] = [
    { kind: 'dense' },
    ...patterns.flatMap(([n, m]) => (['sr-ste', 'bdwp'] as const).map((kind): Spec => ({ kind, n, m }))),
  ];
  const arms = size === 'smoke' ? specs.slice(0, 3) : specs;
  const convolved = size === 'full' ? specs.filter((s) => !('n' in s) || s.m === 8) : [];
  const timed = size === 'full' ? 1 : 0;
  const stages = new Stages(options, 1 + patterns.length + (arms.length + convolved.length) * seeds.length + timed);
  const rows: Row[] = [await stages.run(async () => modelRow(seed, size === 'smoke' ? 10 : 50))];
  for (const [n, m] of patterns) rows.push(await stages.run(() => gradientRow(n, m, seed, options)));
  const hidden = size === 'smoke' ? [32, 32] : [512, 512];
  const name = size === 'full' ? setting : `${setting}, short`;
  rows.push(...(await trainRows(name, arms, glyphSplit(size), seeds, budgetFor(size, { hidden }), stages)));
  if (size === 'full') {
    const split = glyphSplit(size, 16);
    rows.push(...(await trainRows(convSetting, convolved, split, seeds, convolutionsFor(size), stages)));
    rows.push(...(await stages.run(async () => timeRows(seed))));
  }
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
  const convolved = rows.filter((r) => r.setting === convSetting);
  found.push(...differenceCheck(convolved, ['bdwp 2:8', 'dense'], { least: -0.015 }, convSetting));
  found.push(...differenceCheck(convolved, ['bdwp 2:8', 'sr-ste 2:8'], { least: -0.01 }, convSetting));
  const [dense, sparse] = ['dense', '2:8'].map((m) => rows.find((r) => r.setting === layerSetting && r.method === m));
  if (dense && sparse) {
    const gain = (figure: string): number => dense.figures[figure] / sparse.figures[figure];
    found.push({
      ok: gain('step') >= 1.4 && gain('forward') >= 2,
      text: `${layerSetting}: a step at 2:8 ${gain('step').toFixed(2)}x, its forward pass ${gain('forward').toFixed(2)}x over our own dense (asked: 1.4, 2); selecting both ways takes ${((100 * (sparse.figures.selecting ?? 0)) / sparse.figures.step).toFixed(0)} % of the step`,
    });
  }
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
