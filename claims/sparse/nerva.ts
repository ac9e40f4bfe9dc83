import { noGrad, scope, tensor } from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { fastest, line } from './tools.js';
import { clouds, lossDifference, type TrainSettings, Twin } from './trajectory.js';

const network = [3072, 1024, 512, 10] as const;
const densities = [1, 0.5, 0.2, 0.1, 0.05, 0.01, 0.005, 0.001] as const;
const losses = { smoke: 20, quick: 200, full: 200 } as const;

const same = 'sparse and masked, the same seed';
const timed = 'training step, 3072-1024-512-10, batch 100';

async function trajectory(density: number, steps: number, seed: number): Promise<Row> {
  const small: TrainSettings = { sizes: [96, 64, 48, 10], density, batch: 32, steps, lr: 0.05, seed };
  const { difference, first, last } = await lossDifference(small);
  return { setting: same, method: 'sparse', figures: { density, difference, first, last }, seed };
}

/** Seconds of a training step, bytes, and accuracy on new samples after some steps. */
async function trained(density: number, masked: boolean, seed: number, options: MeasureOptions): Promise<Row> {
  const [batch, steps] = [100, 40];
  const twin = new Twin({ sizes: network, density, batch, steps, lr: 0.1, seed }, masked);
  const { inputs, labels } = clouds(batch * 30, network[0], seed);
  const part = (b: number) => ({
    x: tensor(inputs.subarray(b * batch * network[0], (b + 1) * batch * network[0]), [batch, network[0]]),
    y: labels.subarray(b * batch, (b + 1) * batch),
  });
  for (let step = 0; step < steps; step++) {
    options.signal?.throwIfAborted();
    const { x, y } = part(step % 20);
    twin.step(x, y).dispose();
    x.dispose();
  }
  let right = 0;
  for (let b = 20; b < 30; b++) {
    const { x, y } = part(b);
    const logits = scope(() => noGrad(() => twin.logits(x)));
    const scores = await logits.data();
    y.forEach((label, p) => {
      const row = scores.subarray(10 * p, 10 * p + 10);
      if (row.indexOf(Math.max(...row)) === label) right++;
    });
    for (const t of [x, logits]) t.dispose();
  }
  const { x, y } = part(0);
  const seconds = fastest(() => twin.step(x, y).dispose(), 400);
  x.dispose();
  const { parameters, indices } = twin.bytes();
  const weights = twin.supports.reduce((sum, mask) => sum + mask.reduce((a, b) => a + b, 0), 0);
  twin.dispose();
  return {
    setting: `${timed}, density ${density}`,
    method: masked ? 'dense with a mask' : 'sparse',
    baseline: masked,
    figures: {
      density,
      ms: 1e3 * seconds,
      weights,
      bytes: parameters,
      'index bytes': indices,
      accuracy: right / (10 * batch),
    },
    seed,
  };
}

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const full = size === 'full' ? densities.flatMap((d) => [false, true].map((masked) => ({ d, masked }))) : [];
  const seeds = [seed, seed + 1, seed + 2];
  const stages = new Stages(options, 2 + full.length * seeds.length);
  const rows: Row[] = [];
  for (const d of [0.1, 0.5]) rows.push(await stages.run(() => trajectory(d, losses[size], seed)));
  for (const { d, masked } of full) {
    for (const s of seeds) rows.push(await stages.run(() => trained(d, masked, s, options)));
  }
  return rows;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function fullChecks(rows: readonly Row[]): Check[] {
  const measured = rows.filter((r) => 'ms' in r.figures);
  if (measured.length === 0) return [];
  const of = (method: string, density: number, figure: string): number[] =>
    measured.filter((r) => r.method === method && r.figures['density'] === density).map((r) => r.figures[figure]);
  const least = (method: string, density: number) => Math.min(...of(method, density, 'ms'));
  const times = densities.map((d) => least('sparse', d));
  const weights = densities.map((d) => mean(of('sparse', d, 'weights')));
  const { r2 } = line(weights, times);
  const ratio = least('dense with a mask', 0.01) / least('sparse', 0.01);
  // Half the width of the interval of three paired differences: t(0.975, 2) s / sqrt(3).
  const apart = densities.filter((d) => {
    const pairs = of('sparse', d, 'accuracy').map((a, k) => a - of('dense with a mask', d, 'accuracy')[k]);
    const m = mean(pairs);
    const s = Math.sqrt(pairs.reduce((sum, v) => sum + (v - m) ** 2, 0) / (pairs.length - 1));
    return Math.abs(m) > (4.303 * s) / Math.sqrt(pairs.length) + 1e-12;
  });
  const off = Math.max(
    ...measured
      .filter((r) => r.method === 'sparse')
      .map(({ figures: f }) => {
        const formula = 8 * (f['weights'] + network.slice(1).reduce((a, b) => a + b, 0));
        return Math.abs(f['bytes'] / formula - 1);
      }),
  );
  return [
    { ok: r2 >= 0.98, text: `the time of a step is linear in the weights, R2 ${r2.toFixed(4)} (asked: .98)` },
    { ok: ratio >= 4, text: `at 99 % a step takes 1/${ratio.toFixed(1)} of our own with a mask (asked: 1/4)` },
    {
      ok: off <= 0.05,
      text: `weights and momentum take 8 bytes per weight to ${(100 * off).toFixed(2)} % (asked: 5 %)`,
    },
    {
      ok: apart.length === 0,
      text: `accuracy equals that with a mask within its interval${apart.length > 0 ? ` but at ${apart.join(', ')}` : ' at every density'}`,
    },
  ];
}

/** Wesselink et al. 2024. PyTorch beside it is in `npm run bench sparse`. */
export const nervaClaim: Claim = {
  slug: 'nerva',
  family: 'sparse',
  paper: {
    title: 'Nerva: a Truly Sparse Implementation of Neural Networks',
    authors: 'Wesselink, Grooten, Xiao, de Campos, Pechenizkiy',
    year: 2024,
    url: 'https://arxiv.org/abs/2407.17437',
    reports:
      'An MLP on CIFAR-10 at 99 % sparsity trains in a quarter of the time of PyTorch with masks, with equal accuracy.',
  },
  says: 'Sparse weights that exist only as sparse matrices train as well as dense ones with masks, in time and memory that fall with the density.',
  measure,
  holds: (rows) => {
    const exact = rows.filter((r) => r.setting === same);
    return verdict([
      ...exact.map(({ figures: f }) => ({
        ok: f['difference'] < 1e-4 && f['last'] < f['first'],
        text: `density ${f['density']}: losses differ by ${f['difference'].toExponential(1)} of themselves at most from those with a mask (asked: 1e-4), falling from ${f['first'].toFixed(2)} to ${f['last'].toFixed(2)}`,
      })),
      ...fullChecks(rows),
    ]);
  },
};
