import { matmul, mul, Random, SparseTensor, scope, sparseLinear, square, sum, tensor, valueAndGrad } from 'filigree';

export type Matrix = { readonly rows: number; readonly cols: number; readonly mask: Uint8Array };

/** Every place of a matrix with the given chance. */
export function randomMask(rows: number, cols: number, density: number, seed: number): Uint8Array {
  const random = new Random(seed).fork(`mask ${rows} ${cols} ${density}`);
  return Uint8Array.from({ length: rows * cols }, () => (random.uniform() < density ? 1 : 0));
}

/** The largest difference, relative to the largest number of `right` (1 at least where that is small). */
export function relativeError(got: ArrayLike<number>, right: ArrayLike<number>): number {
  let [worst, size] = [0, 1e-30];
  for (let k = 0; k < right.length; k++) {
    worst = Math.max(worst, Math.abs(got[k] - right[k]));
    size = Math.max(size, Math.abs(right[k]));
  }
  return got.length === right.length ? worst / size : Number.POSITIVE_INFINITY;
}

/**
 * Output, input gradient and values' gradient of `sum(y^2)` for one sparse layer, against a dense layer with a mask: the largest
 * relative errors.
 */
export async function layerErrors(
  { rows, cols, mask }: Matrix,
  batch: number,
  layout: Parameters<typeof SparseTensor.fromDense>[2],
  seed: number,
): Promise<{ forward: number; input: number; values: number }> {
  const random = new Random(seed);
  const dense = Float32Array.from(random.normals(rows * cols), (v, k) => v * mask[k]);
  const x = tensor(random.normals(batch * cols), [batch, cols]);
  const w = SparseTensor.fromDense(dense, [rows, cols], layout, { mask });
  const plain = tensor(dense, [rows, cols]);
  const kept = tensor(mask, [rows, cols]);
  const made = scope(() => {
    const ours = valueAndGrad(() => sum(square(sparseLinear(x, w))), [x, w.values]);
    const masked = () => sum(square(matmul(x, mul(plain, kept), { transposeB: true })));
    const theirs = valueAndGrad(masked, [x, plain]);
    const outputs = [sparseLinear(x, w), matmul(x, plain, { transposeB: true })];
    return [...outputs, ...ours.gradients, ...theirs.gradients].map((t) => t ?? tensor([]));
  });
  const [y, right, dx, dv, rightDx, rightDw] = await Promise.all(made.map((t) => t.data()));
  const unpacked = w.layout.unpack(dv);
  const result = {
    forward: relativeError(y, right),
    input: relativeError(dx, rightDx),
    values: relativeError(
      unpacked,
      Float64Array.from(rightDw, (v, k) => v * mask[k]),
    ),
  };
  for (const t of [...made, x, w, plain, kept]) t.dispose();
  return result;
}

/** Every host has it; the library's types do not name hosts. */
const { performance } = globalThis as unknown as { performance: { now(): number } };

/** Seconds of the fastest of some calls, after a warm-up: `ms` milliseconds of calls, three at least. */
export function fastest(work: () => void, ms = 300): number {
  work();
  let best = Number.POSITIVE_INFINITY;
  const start = performance.now();
  for (let calls = 0; calls < 3 || performance.now() - start < ms; calls++) {
    const before = performance.now();
    work();
    best = Math.min(best, performance.now() - before);
  }
  return best / 1000;
}

/** As `fastest`, in rounds over all works, so that a busy moment of the machine does not fall on one only. */
export function fastestOf<K extends string>(works: Readonly<Record<K, () => void>>, rounds = 4): Record<K, number> {
  const best = Object.fromEntries(Object.keys(works).map((name) => [name, Number.POSITIVE_INFINITY])) as Record<
    K,
    number
  >;
  for (let round = 0; round < rounds; round++) {
    for (const name of Object.keys(works) as K[]) best[name] = Math.min(best[name], fastest(works[name], 150));
  }
  return best;
}

/** Least squares of `y = intercept + slope x`, and the share of the variance that it explains. */
export function line(x: readonly number[], y: readonly number[]): { intercept: number; slope: number; r2: number } {
  const mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  const sxy = x.reduce((s, v, k) => s + (v - mx) * (y[k] - my), 0);
  const sxx = x.reduce((s, v) => s + (v - mx) ** 2, 0);
  const syy = y.reduce((s, v) => s + (v - my) ** 2, 0);
  return { intercept: my - (sxy / sxx) * mx, slope: sxy / sxx, r2: sxy ** 2 / (sxx * syy) };
}
