import {
  batchesOf,
  classAccuracy,
  type Dataset,
  dstEe,
  fit,
  Mlp,
  Random,
  type Rewirer,
  randomTopology,
  rewiringCosine,
  rigl,
  type SparseTensor,
  set,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import type { Spec } from './arms.js';
import { budgetFor, differenceCheck, figuresOf, glyphSplit, meanOf, seedsFrom, trainRows } from './common.js';

const parity = 'parity of 3 of 30 inputs';
const inputs = 30;
const relevant = [3, 11, 22];

/** Inputs of +-1; the class is the parity of three of them. */
function paritySamples(samples: number, seed: number): Dataset {
  const random = new Random(seed).fork('parity');
  const x = Float32Array.from({ length: samples * inputs }, () => 2 * random.integer(2) - 1);
  const labels = Int32Array.from({ length: samples }, (_, s) =>
    relevant.reduce((product, j) => product * x[s * inputs + j], 1) > 0 ? 1 : 0,
  );
  return { name: 'parity', samples, features: inputs, classes: 2, inputs: x, labels };
}

const every = 50;
const parityArms: Record<string, () => Rewirer | undefined> = {
  static: () => undefined,
  SET: () => set({ zeta: rewiringCosine(0.3, 0.75), every, until: 0.75 }),
  RigL: () => rigl({ every }),
  'DST-EE': () => dstEe({ every }),
};

/** A network of 100 hidden neurons whose first layer has a tenth of its weights, learns the parity of three inputs. */
async function parityRow(
  method: string,
  seed: number,
  updates: number,
  signal?: MeasureOptions['signal'],
): Promise<Row> {
  // Enough samples that hardly any comes more than a few times: what is asked is the topology, not what can be learned by heart.
  const [train, test] = [paritySamples(30_000, 2 * seed), paritySamples(1000, 2 * seed + 1)];
  const topology = randomTopology(100, inputs, 300, new Random(seed).fork('topology'));
  const model = new Mlp({ sizes: [inputs, 100, 2], seed, topologies: [topology] });
  const batch = 100;
  const epochs = Math.ceil(updates / (train.samples / batch));
  await fit(model, batchesOf(train), {
    optimiser: { kind: 'adam' },
    lr: 3e-3,
    batch,
    epochs,
    seed,
    rewirer: parityArms[method](),
    signal,
  });
  const accuracy = await classAccuracy(model, test);
  const { pointers, rows } = (model.weight(0) as SparseTensor).layout.support.columns();
  const share = relevant.reduce((sum, j) => sum + pointers[j + 1] - pointers[j], 0) / rows.length;
  model.dispose();
  return {
    setting: parity,
    method,
    ...(method === 'static' && { baseline: true }),
    figures: { accuracy, solved: Number(accuracy > 0.95), 'share of edges on the three inputs': share },
    seed,
  };
}

/** How much of the places of a glyph network are ever active, by the weight of exploration. */
async function coverageRow(c: number, seed: number, options: MeasureOptions): Promise<Row> {
  const split = glyphSplit(options.size === 'full' ? 'quick' : 'smoke', 16);
  const sizes = [256, 100, 20];
  const random = new Random(seed);
  const topologies = [randomTopology(100, 256, 1280, random), randomTopology(20, 100, 400, random)];
  const model = new Mlp({ sizes, seed, topologies });
  const places = new Set<number>();
  const watch = (): void => {
    for (const key of (model.weight(0) as SparseTensor).layout.support.keys()) places.add(key);
  };
  watch();
  const { loss } = await fit(model, batchesOf(split.train), {
    optimiser: { kind: 'sgd' },
    lr: 0.1,
    batch: 100,
    epochs: options.size === 'full' ? 10 : 4,
    seed,
    rewirer: dstEe({ every: 5, c }),
    signal: options.signal,
    onProgress: watch,
  });
  model.dispose();
  return {
    setting: 'coverage, glyphs-16',
    method: `c = ${c}`,
    figures: { coverage: places.size / (256 * 100), loss },
    seed,
  };
}

const weights = [0, 1e-4, 1e-3, 1e-2, 1] as const;
const densities = [0.05, 0.02] as const;
const specs: readonly Spec[] = densities.flatMap((density) =>
  (['static', 'rigl', 'dst-ee'] as const).map((kind): Spec => ({ kind, density })),
);

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const paritySeeds = seedsFrom(seed, { smoke: 1, quick: 2, full: 10 }[size]);
  const updates = { smoke: 300, quick: 1500, full: 3000 }[size];
  const seeds = seedsFrom(seed, size === 'full' ? 3 : 1);
  const arms = size === 'smoke' ? [] : specs;
  const total = paritySeeds.length * 4 + weights.length * seeds.length + arms.length * seeds.length;
  const stages = new Stages(options, total);
  const rows: Row[] = [];
  for (const s of paritySeeds) {
    for (const method of Object.keys(parityArms)) {
      rows.push(await stages.run(({ signal }) => parityRow(method, s, updates, signal)));
    }
  }
  for (const s of seeds) for (const c of weights) rows.push(await stages.run(() => coverageRow(c, s, options)));
  rows.push(...(await trainRows('glyphs-28', arms, glyphSplit(size), seeds, budgetFor(size), stages)));
  return rows;
}

function checks(rows: readonly Row[]): Check[] {
  const found: Check[] = [];
  const coverage = weights.map((c) => figuresOf(rows, `c = ${c}`, 'coverage'));
  if (coverage.every((list) => list.length > 0)) {
    const means = coverage.map(meanOf);
    found.push({
      ok: means.every((m, k) => k === 0 || m >= means[k - 1] - 1e-12),
      text: `places ever active, by growing c: ${means.map((m) => m.toFixed(3)).join(', ')} (asked: not falling)`,
    });
  }
  const solved = (method: string): number => meanOf(figuresOf(rows, method, 'solved', parity));
  if (figuresOf(rows, 'RigL', 'solved', parity).length >= 10) {
    found.push({
      ok: solved('DST-EE') >= solved('RigL'),
      text: `share of seeds that learn the parity: static ${solved('static')}, SET ${solved('SET')}, RigL ${solved('RigL')}, DST-EE ${solved('DST-EE')} (asked: DST-EE no less than RigL)`,
    });
  }
  const full = rows.filter((r) => r.setting === 'glyphs-28');
  if (figuresOf(full, 'rigl 0.05', 'accuracy').length >= 3) {
    for (const density of densities) {
      found.push(...differenceCheck(full, [`dst-ee ${density}`, `rigl ${density}`], { least: -0.002 }));
      found.push(...differenceCheck(full, [`dst-ee ${density}`, `static ${density}`], { least: 1e-9 }));
    }
  }
  return found;
}

/** Huang et al. 2023. */
export const dstEeClaim: Claim = {
  slug: 'dst-ee',
  family: 'training',
  paper: {
    title: 'Dynamic Sparse Training via Balancing the Exploration-Exploitation Trade-off',
    authors: 'Huang, Lei, Liu, Pool, Zhang et al.',
    year: 2023,
    url: 'https://arxiv.org/abs/2211.16667',
    reports:
      'VGG-19 and ResNet-50 on CIFAR: up to 98 % sparsity with an accuracy above that of dense networks; up to 8.2 % over the state of the art on ImageNet.',
  },
  says: 'Growing weights by gradient and by how rarely they were tried covers more of all weights, and finds better topologies than gradients alone.',
  measure,
  holds: (rows) => verdict(checks(rows)),
};
