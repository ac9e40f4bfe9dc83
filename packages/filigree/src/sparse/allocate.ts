import { InputError } from '../errors.js';
import { Largest } from './select.js';

/** A weight that gets a share of a budget: outputs, inputs, and the sides of a convolution's kernel (1 for a linear map). */
export interface LayerShape {
  readonly out: number;
  readonly in: number;
  readonly kernel?: readonly [height: number, width: number];
}

/** Turns one density of all weights together into a number of weights for every layer; the sum is exact. */
export type Allocator = (shapes: readonly LayerShape[], density: number) => Int32Array;

/** Weights of a dense layer. */
export function layerSize({ out, in: inputs, kernel = [1, 1] }: LayerShape): number {
  return out * inputs * kernel[0] * kernel[1];
}

/** Weights that a density leaves. Throws InputError for one outside of (0, 1]. */
export function budgetOf(shapes: readonly LayerShape[], density: number): number {
  if (!(density > 0 && density <= 1)) {
    throw new InputError(`a density must be above 0 and at most 1, not ${density}`);
  }
  return Math.round(density * shapes.reduce((sum, s) => sum + layerSize(s), 0));
}

/**
 * Densities in proportion to `ratios`, none above 1 nor below `least`: finds `c` with `sum n_l clip(c r_l) = budget`, then rounds to
 * whole weights by largest remainder, so that the sum is exact.
 */
export function waterFill(
  sizes: readonly number[],
  ratios: readonly number[],
  budget: number,
  least: readonly number[] = sizes.map(() => 0),
): Int32Array {
  const total = sizes.reduce((a, b) => a + b, 0);
  const floor = sizes.reduce((sum, n, l) => sum + n * least[l], 0);
  if (budget > total || budget < Math.floor(floor)) {
    throw new InputError(
      `a budget of ${budget} weights does not lie between the ${Math.ceil(floor)} that must stay and ${total}`,
    );
  }
  const share = (c: number): number[] =>
    sizes.map((n, l) => n * Math.min(1, Math.max(least[l], ratios[l] === 0 ? 0 : c * ratios[l])));
  const sum = (c: number): number => share(c).reduce((a, b) => a + b, 0);
  let [low, high] = [0, 1];
  while (sum(high) < budget && high < 1e300) high *= 2;
  for (let k = 0; k < 200; k++) {
    const middle = (low + high) / 2;
    if (sum(middle) < budget) low = middle;
    else high = middle;
  }
  return roundTo(share(high), sizes, budget);
}

/** Whole numbers near `shares`, each at most `most`, with the sum `budget`: largest remainders first, then the first layers. */
function roundTo(shares: readonly number[], most: readonly number[], budget: number): Int32Array {
  const counts = Int32Array.from(shares, (s, l) => Math.min(most[l], Math.floor(s + 1e-9)));
  let left = budget - counts.reduce((a, b) => a + b, 0);
  const order = shares.map((s, l) => ({ l, rest: s - counts[l] })).sort((a, b) => b.rest - a.rest || a.l - b.l);
  for (let k = 0; left > 0; k = (k + 1) % order.length) {
    const { l } = order[k];
    if (counts[l] === most[l]) continue;
    counts[l]++;
    left--;
  }
  for (let k = order.length - 1; left < 0; k = k === 0 ? order.length - 1 : k - 1) {
    const { l } = order[k];
    if (counts[l] === 0) continue;
    counts[l]--;
    left++;
  }
  return counts;
}

/** An allocator by ratios of densities. */
const byRatio =
  (
    ratio: (s: LayerShape, l: number, all: readonly LayerShape[]) => number,
    least: (s: LayerShape, l: number, all: readonly LayerShape[]) => number = () => 0,
  ): Allocator =>
  (shapes, density) =>
    waterFill(shapes.map(layerSize), shapes.map(ratio), budgetOf(shapes, density), shapes.map(least));

const sides = ({ kernel = [1, 1] }: LayerShape): number => kernel[0] + kernel[1];
const isConv = ({ kernel = [1, 1] }: LayerShape): boolean => kernel[0] * kernel[1] > 1;
const er = (s: LayerShape): number => (s.out + s.in) / (s.out * s.in);
const erk = (s: LayerShape): number => (isConv(s) ? (s.out + s.in + sides(s)) / layerSize(s) : er(s));
const isLast = (l: number, all: readonly LayerShape[]): boolean => l === all.length - 1;

/** The same density everywhere. */
export const uniform = byRatio(() => 1);
/** Uniform, but the first layer stays dense where it is a convolution, and the last keeps a fifth at least. */
export const uniformPlus = byRatio(
  () => 1,
  (s, l, all) => (l === 0 && isConv(s) ? 1 : isLast(l, all) ? 0.2 : 0),
);
/** Erdős–Rényi (Mocanu et al. 2018): density in proportion to `(in + out) / (in out)`. */
export const erdosRenyi = byRatio(er);
/** Erdős–Rényi with the kernel (Evci et al. 2020): `(in + out + kh + kw) / (in out kh kw)`. */
export const erdosRenyiKernel = byRatio(erk);
/** As `erdosRenyiKernel`, the last layer dense (Liu et al. 2022). */
export const erdosRenyiKernelPlus = byRatio(erk, (_, l, all) => (isLast(l, all) ? 1 : 0));
/** The same number of weights in every layer. */
export const balanced = byRatio((s) => 1 / layerSize(s));

/** Density `q^l` in layer l = 1, 2, …, with the q in (0, 1] that meets the budget. */
export const pyramidal: Allocator = (shapes, density) => {
  const sizes = shapes.map(layerSize);
  const budget = budgetOf(shapes, density);
  const shares = (q: number): number[] => sizes.map((n, l) => n * q ** (l + 1));
  let [low, high] = [0, 1];
  for (let k = 0; k < 200; k++) {
    const middle = (low + high) / 2;
    if (shares(middle).reduce((a, b) => a + b, 0) < budget) low = middle;
    else high = middle;
  }
  return roundTo(shares(high), sizes, budget);
};

/** SET's own numbers (Mocanu et al. 2018): `epsilon (in + out)` weights in a layer, at most all. */
export function setCounts(shapes: readonly LayerShape[], epsilon: number): Int32Array {
  if (!(epsilon > 0)) throw new InputError(`epsilon must be above 0, not ${epsilon}`);
  return Int32Array.from(shapes, (s) => Math.min(layerSize(s), Math.round(epsilon * (s.out + s.in))));
}

/**
 * Numbers of weights that a global top-k of `scores` (larger = keep) would leave in each layer; where the weights go is up to the
 * caller. At equal scores the earlier layer wins.
 */
export function ratiosOf(scores: readonly ArrayLike<number>[], density: number): Int32Array {
  const total = scores.reduce((sum, s) => sum + s.length, 0);
  const kept = new Largest(budgetOf([{ out: total, in: 1 }], density));
  let first = 0;
  for (const layer of scores) {
    for (let k = 0; k < layer.length; k++) kept.offer(first + k, layer[k]);
    first += layer.length;
  }
  const counts = new Int32Array(scores.length);
  let [l, end] = [0, scores[0]?.length ?? 0];
  for (const key of kept.result()) {
    while (key >= end) end += scores[++l].length;
    counts[l]++;
  }
  return counts;
}

/** The allocators that need nothing but shapes, by name. */
export const allocators = {
  uniform,
  'uniform+': uniformPlus,
  er: erdosRenyi,
  erk: erdosRenyiKernel,
  'erk+': erdosRenyiKernelPlus,
  balanced,
  pyramidal,
} as const satisfies Record<string, Allocator>;
export type AllocatorName = keyof typeof allocators;
