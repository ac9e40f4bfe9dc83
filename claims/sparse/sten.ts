import {
  groupedNmMask,
  layoutOf,
  matmul,
  type NmgSpec,
  nmPatterns,
  Random,
  SparseRegistry,
  SparseTensor,
  scope,
  sparseLinear,
  tensor,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { fineTuned } from './sten-block.js';
import { fastestOf, layerErrors } from './tools.js';

const products = 'a layer in every layout against the dense one';
const energy = 'magnitude kept at 2:4 of a Gaussian 480 x 512, next to the best 2:4';
const small = 'chunks of 1:2, 2:4 and 1:4, next to the best assignment';
const block = 'a block of a transformer on source text, half of its weights, made sparse one by one';
const speed = 'one product, batch 64, one thread';

/** The best 2 of every 4, row by row. */
function nmMask(dense: ArrayLike<number>, n: number, m: number): Uint8Array {
  const mask = new Uint8Array(dense.length);
  for (let start = 0; start < dense.length; start += m) {
    const group = Array.from({ length: m }, (_, k) => start + k);
    group.sort((a, b) => Math.abs(dense[b]) - Math.abs(dense[a]));
    for (const k of group.slice(0, n)) mask[k] = 1;
  }
  return mask;
}

const kept = (dense: ArrayLike<number>, mask: Uint8Array): number =>
  mask.reduce((sum, on, k) => sum + (on ? Math.abs(dense[k]) : 0), 0);

async function productRows(seed: number): Promise<Row[]> {
  const [rows, cols] = [48, 32];
  const dense = new Random(seed).normals(rows * cols);
  const masks = {
    csr: nmMask(dense, 1, 4),
    'block 4x1': Uint8Array.from(dense, (_, k) => ((Math.floor(k / cols / 4) + (k % cols)) % 3 === 0 ? 1 : 0)),
    'nm 2:4': nmMask(dense, 2, 4),
    condensed: nmMask(dense, 1, 4),
    'nmg 2:4:8': groupedNmMask(dense, rows, cols, { kind: 'nmg', n: 2, m: 4, g: 8 }),
  };
  const specs = {
    csr: { kind: 'csr' },
    'block 4x1': { kind: 'block', r: 4, c: 1 },
    'nm 2:4': { kind: 'nm', n: 2, m: 4 },
    condensed: { kind: 'condensed' },
    'nmg 2:4:8': { kind: 'nmg', n: 2, m: 4, g: 8 },
  } as const;
  const result: Row[] = [];
  for (const [name, mask] of Object.entries(masks)) {
    const figures = await layerErrors({ rows, cols, mask }, 9, specs[name as keyof typeof specs], seed);
    result.push({ setting: products, method: name, figures, seed });
  }
  return result;
}

/** A layout that nothing knows: it must run, and be counted. */
async function fallbackRow(seed: number): Promise<Row> {
  const registry = new SparseRegistry();
  const random = new Random(seed);
  const w = tensor(random.normals(12), [3, 4]);
  const x = tensor(random.normals(8), [2, 4]);
  registry.registerLayout({
    name: 'plain',
    pack: (dense, _mask, shape) => ({ layout: 'plain', shape, values: tensor(Float64Array.from(dense)) }),
    densify: () => w,
    bytes: () => 0,
  });
  const packed = await registry.sparsify(w, undefined, 'plain');
  const outputs = [registry.run('linear', x, packed), registry.run('linear', x, w)];
  const [ours, right] = await Promise.all(outputs.map((t) => t.data()));
  const figures = {
    'known exactly': [...registry.report().exact.values()].reduce((a, b) => a + b, 0),
    fallbacks: [...registry.report().fallbacks.values()].reduce((a, b) => a + b, 0),
    error: Array.from(right).reduce((most, v, k) => Math.max(most, Math.abs(v - ours[k])), 0),
  };
  for (const t of [w, x, ...outputs]) t.dispose();
  return { setting: 'an unknown layout', method: layoutOf(packed), figures, seed };
}

/** Whether every pattern occurs `g` times in every chunk, and the kept magnitude. */
function energyRow(g: number, rows: number, cols: number, seed: number): Row {
  const spec: NmgSpec = { kind: 'nmg', n: 2, m: 4, g };
  const dense = new Random(seed).normals(rows * cols);
  const mask = groupedNmMask(dense, rows, cols, spec);
  let wrong = 0;
  for (let first = 0; first < rows; first += 6 * g) {
    for (let j = 0; j < cols; j += 4) {
      const counts = new Map<string, number>();
      for (let r = first; r < first + 6 * g; r++) {
        const key = mask.subarray(r * cols + j, r * cols + j + 4).join('');
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      if (counts.size !== 6 || [...counts.values()].some((c) => c !== g)) wrong++;
    }
  }
  const figures = { g, share: kept(dense, mask) / kept(dense, nmMask(dense, 2, 4)), 'chunks not legal': wrong };
  return { setting: energy, method: `2:4:${g}`, figures, seed };
}

/** The mean share that greedy and swaps keep of the best assignment, found by trying all. */
function assignmentRow(seed: number): Row {
  const random = new Random(seed).fork('assignment');
  const shares: number[] = [];
  for (const [n, m, g] of [
    [1, 2, 3],
    [2, 4, 1],
    [1, 4, 2],
  ]) {
    const patterns = nmPatterns(n, m);
    const rows = patterns.length * g;
    for (let trial = 0; trial < 20; trial++) {
      const dense = random.normals(rows * m);
      const room = new Array<number>(patterns.length).fill(g);
      const best = (row: number): number => {
        if (row === rows) return 0;
        return Math.max(
          ...patterns.map((places, p) => {
            if (room[p] === 0) return Number.NEGATIVE_INFINITY;
            room[p]--;
            const value = places.reduce((s, k) => s + Math.abs(dense[row * m + k]), 0) + best(row + 1);
            room[p]++;
            return value;
          }),
        );
      };
      shares.push(kept(dense, groupedNmMask(dense, rows, m, { kind: 'nmg', n, m, g })) / best(0));
    }
  }
  const figures = { mean: shares.reduce((a, b) => a + b, 0) / shares.length, least: Math.min(...shares) };
  return { setting: small, method: 'greedy and swaps', figures, seed };
}

function speedRows(n: number, m: number, seed: number): Row[] {
  const patterns = nmPatterns(n, m).length;
  const [cols, batch, g] = [768, 64, 8];
  const rows = patterns * g * Math.round(3072 / (patterns * g));
  const random = new Random(seed);
  const dense = Float32Array.from(random.normals(rows * cols));
  const x = tensor(random.normals(batch * cols), [batch, cols]);
  const plain = tensor(dense, [rows, cols]);
  const of = (mask: Uint8Array, spec: Parameters<typeof SparseTensor.fromDense>[2]) =>
    SparseTensor.fromDense(dense, [rows, cols], spec, { mask });
  const best = nmMask(dense, n, m);
  const weights = {
    csr: of(best, { kind: 'csr' }),
    nm: of(best, { kind: 'nm', n, m }),
    nmg: of(groupedNmMask(dense, rows, cols, { kind: 'nmg', n, m, g }), { kind: 'nmg', n, m, g }),
  };
  const setting = `${speed}, ${rows} x ${cols}, ${n}:${m}`;
  const row = (method: string, seconds: number): Row => ({
    ...{ setting, method, baseline: method !== 'nmg', seed },
    figures: { us: 1e6 * seconds },
  });
  const product = (w: SparseTensor) => () => scope(() => void sparseLinear(x, w));
  const seconds = fastestOf({
    dense: () => scope(() => void matmul(x, plain, { transposeB: true })),
    csr: product(weights.csr),
    nm: product(weights.nm),
    nmg: product(weights.nmg),
  });
  const times = Object.entries(seconds).map(([method, value]) => row(method, value));
  for (const t of [x, plain, ...Object.values(weights)]) t.dispose();
  return times;
}

/** What a block of a transformer gets right after becoming sparse weight by weight. */
async function blockRows(seed: number, steps: number, options: MeasureOptions): Promise<Row[]> {
  const arms = await fineTuned(seed, { steps, signal: options.signal });
  return Object.entries(arms).map(([method, figures]) => ({
    setting: options.size === 'full' ? block : `${block}, short`,
    method,
    ...(method !== 'nmg' && { baseline: true }),
    figures,
    seed,
  }));
}

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const groups = size === 'smoke' ? [4] : [1, 2, 4, 8];
  const [rows, cols] = size === 'smoke' ? [48, 64] : [480, 512];
  const works: (() => Promise<Row[]> | Row[])[] = [
    () => productRows(seed),
    async () => [await fallbackRow(seed)],
    () => [assignmentRow(seed)],
    ...groups.map((g) => () => [energyRow(g, rows, cols, seed)]),
  ];
  if (size === 'quick') works.push(() => blockRows(seed, 60, options));
  if (size === 'full') {
    for (const s of [seed, seed + 1, seed + 2]) works.push(() => blockRows(s, 600, options));
    for (const [n, m] of [
      [2, 4],
      [2, 6],
      [1, 4],
    ]) {
      works.push(() => speedRows(n, m, seed));
    }
  }
  const stages = new Stages(options, works.length);
  const found: Row[] = [];
  for (const work of works) found.push(...(await stages.run(async () => work())));
  return found;
}

function speedChecks(rows: readonly Row[]): Check[] {
  const settings = [...new Set(rows.filter((r) => r.setting.startsWith(speed)).map((r) => r.setting))];
  return settings.map((setting) => {
    const us = (method: string) => rows.find((r) => r.setting === setting && r.method === method)?.figures['us'] ?? 0;
    const [dense, csr, grouped] = ['dense', 'csr', 'nmg'].map(us);
    return {
      ok: grouped < dense,
      text: `${setting}: n:m:g ${(dense / grouped).toFixed(2)}x over dense, csr ${(dense / csr).toFixed(2)}x (asked: n:m:g above 1)`,
    };
  });
}

function blockChecks(rows: readonly Row[]): Check[] {
  const own = rows.filter((r) => r.setting.startsWith(block));
  if (own.length === 0) return [];
  const mean = (method: string, figure: string): number => {
    const values = own.filter((r) => r.method === method).map((r) => r.figures[figure]);
    return values.reduce((a, b) => a + b, 0) / values.length;
  };
  const fallbacks = own.reduce((sum, r) => sum + r.figures['fallbacks'], 0);
  const [dense, free, grouped] = ['dense', 'unstructured', 'nmg'].map((m) => 100 * mean(m, 'accuracy'));
  const equal = mean('nmg', 'density') === mean('unstructured', 'density');
  const full = own.some((r) => r.setting === block);
  return [
    {
      ok: fallbacks === 0 && equal && (!full || grouped >= free - 1),
      text: `${block}: ${grouped.toFixed(2)} % of characters right with n:m:g, ${free.toFixed(2)} % with the larger half anywhere, ${dense.toFixed(2)} % dense, ${fallbacks} products run dense (asked: within a point, none)`,
    },
  ];
}

/** Ivanov, Dryden, Ben-Nun, Ashkboos, Hoefler 2023. */
export const stenClaim: Claim = {
  slug: 'sten',
  family: 'sparse',
  paper: {
    title: 'STen: Productive and Efficient Sparsity in PyTorch',
    authors: 'Ivanov, Dryden, Ben-Nun, Ashkboos, Hoefler',
    year: 2023,
    url: 'https://arxiv.org/abs/2304.07613',
    reports:
      'A grouped n:m layout, added through the public interface, is faster than dense at moderate sparsity on CPUs.',
  },
  says:
    'Layouts, operators and sparsifiers can be added apart from one another, with a dense fallback that is counted; grouped n:m keeps nearly as ' +
    'much magnitude as n:m.',
  measure,
  holds: (rows) => {
    const of = (setting: string) => rows.filter((r) => r.setting === setting).map((r) => r.figures);
    const errors = of(products).flatMap((f) => Object.values(f));
    const shares = of(energy).sort((a, b) => a['g'] - b['g']);
    const large = shares.filter((f) => f['g'] >= 4);
    const checks: Check[] = [];
    if (errors.length > 0) {
      const worst = Math.max(...errors);
      checks.push({
        ok: worst < 1e-5,
        text: `every layout multiplies and differentiates like the dense one to ${worst.toExponential(1)} (asked: 1e-5)`,
      });
    }
    for (const f of of('an unknown layout')) {
      checks.push({
        ok: f['fallbacks'] === 1 && f['error'] === 0,
        text: `a layout that no operator knows runs dense and is counted (${f['fallbacks']} of 1)`,
      });
    }
    for (const f of of(small)) {
      checks.push({
        ok: f['mean'] >= 0.99,
        text: `greedy and swaps keep ${(100 * f['mean']).toFixed(2)} % of the best assignment on average, ${(100 * f['least']).toFixed(1)} at least (asked: 99)`,
      });
    }
    if (large.length > 0) {
      const rising = shares.every((f, k) => k === 0 || f['share'] >= shares[k - 1]['share']);
      const legal = shares.every((f) => f['chunks not legal'] === 0);
      checks.push({
        ok: rising && legal && large.every((f) => f['share'] >= 0.9),
        text: `grouped 2:4 keeps ${shares.map((f) => `${f['share'].toFixed(3)} (g ${f['g']})`).join(', ')} of what 2:4 keeps, each pattern g times (asked: .9 from g 4 on, rising)`,
      });
    }
    return verdict([...checks, ...blockChecks(rows), ...speedChecks(rows)]);
  },
};
