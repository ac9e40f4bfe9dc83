import { InputError } from '../errors.js';
import type { LabelledBatch, Layered } from '../nn/layered.js';
import { type Parameter, valuesOf } from '../nn/optimiser.js';
import { drawKey, largest, Topology } from '../sparse/index.js';
import { add, mul, type Random, scope, sqrt, square, sum, type Tensor, valueAndGrad } from '../tensor/index.js';

/** Scores of all weights of a dense network before training, layer by layer, `[out, in]`; larger = keep. */
export type WeightScores = Float64Array[];

/** |w| */
export async function magnitudeScores(model: Layered): Promise<WeightScores> {
  return (await denseWeights(model)).map((w) => w.map(Math.abs));
}

/** SNIP (Lee et al. 2019): `|w dL/dw|` on one batch. */
export async function snipScores(model: Layered, batch: LabelledBatch): Promise<WeightScores> {
  const weights = await denseWeights(model);
  const gradients = await weightGradients(model, batch);
  return weights.map((w, l) => w.map((x, k) => Math.abs(x * gradients[l][k])));
}

/**
 * GraSP (Wang et al. 2020) removes the weights with the largest `-w (H g)`; so that larger = keep, the score is `w (H g)`. The product with the
 * Hessian is `(grad(w + e g) - grad(w)) / e` with `e = 1e-3 / ||g||`.
 */
export async function graspScores(model: Layered, batch: LabelledBatch): Promise<WeightScores> {
  const weights = await denseWeights(model);
  const before = await weightGradients(model, batch);
  const norm = Math.sqrt(before.reduce((total, g) => total + g.reduce((a, b) => a + b * b, 0), 0));
  if (!(norm > 0)) throw new InputError('GraSP: the gradient is zero, so there is nothing to rank by');
  const e = 1e-3 / norm;
  const moved = before.map((g, l) => weights[l].map((w, k) => w + e * g[k]));
  write(model, moved);
  try {
    const after = await weightGradients(model, batch);
    return weights.map((w, l) => w.map((x, k) => (x * (after[l][k] - before[l][k])) / e));
  } finally {
    write(model, weights);
  }
}

/**
 * SynFlow (Tanaka et al. 2020): `|w| dR/d|w|` for `R = 1^T prod |W_l| 1`, in closed form: `down_i |w_ij| up_j` with the sums of |w| along all
 * ways before and behind. `masks` leave weights out. Logarithmic scales keep deep products finite.
 */
export function synflowScores(
  weights: readonly Float64Array[],
  shapes: readonly { out: number; in: number }[],
  masks?: readonly ArrayLike<number>[],
): WeightScores {
  const sizes = weights.map((w, l) => w.map((x, k) => (masks && masks[l][k] === 0 ? 0 : Math.abs(x))));
  const ups: Float64Array[] = [new Float64Array(shapes[0].in).fill(1)];
  sizes.forEach((w, l) => {
    const next = new Float64Array(shapes[l].out);
    for (let i = 0; i < next.length; i++)
      for (let j = 0; j < shapes[l].in; j++) next[i] += w[i * shapes[l].in + j] * ups[l][j];
    ups.push(next);
  });
  let down: Float64Array = new Float64Array(shapes[shapes.length - 1].out).fill(1);
  const scores: WeightScores = [];
  for (let l = shapes.length - 1; l >= 0; l--) {
    const { out, in: inputs } = shapes[l];
    const before = new Float64Array(inputs);
    const own = new Float64Array(out * inputs);
    for (let i = 0; i < out; i++) {
      for (let j = 0; j < inputs; j++) {
        const k = i * inputs + j;
        before[j] += down[i] * sizes[l][k];
        own[k] = down[i] * sizes[l][k] * ups[l][j];
      }
    }
    scores[l] = own;
    down = before;
  }
  return scores;
}

/** SynFlow's iteration: `rounds` times the largest `density^(r / rounds)` of all weights stay, and the rest is scored again. */
export function synflowTopologies(
  weights: readonly Float64Array[],
  shapes: readonly { out: number; in: number }[],
  density: number,
  options: { rounds?: number; random?: Random } = {},
): Topology[] {
  const { rounds = 100, random } = options;
  let masks = weights.map((w) => new Uint8Array(w.length).fill(1));
  for (let r = 1; r <= rounds; r++) {
    const scores = synflowScores(weights, shapes, masks);
    masks = chooseGlobally(scores, density ** (r / rounds), random, masks);
  }
  return masks.map((mask, l) => Topology.fromMask(mask, shapes[l].out, shapes[l].in));
}

/**
 * The supports of a global choice by score: the largest, or, with `random`, drawn without replacement in proportion to the scores (the paper's
 * randomised form of a score).
 */
export function topologiesByScore(
  scores: WeightScores,
  shapes: readonly { out: number; in: number }[],
  density: number,
  random?: Random,
): Topology[] {
  return chooseGlobally(scores, density, random).map((mask, l) => Topology.fromMask(mask, shapes[l].out, shapes[l].in));
}

function chooseGlobally(
  scores: WeightScores,
  density: number,
  random?: Random,
  masks?: readonly Uint8Array[],
): Uint8Array<ArrayBuffer>[] {
  const all = new Float64Array(scores.reduce((total, s) => total + s.length, 0));
  let at = 0;
  scores.forEach((layer, l) => {
    layer.forEach((score, k) => {
      const gone = masks !== undefined && masks[l][k] === 0;
      all[at++] = gone ? Number.NEGATIVE_INFINITY : random ? drawKey(random.uniform(), score) : score;
    });
  });
  const chosen = scores.map((s) => new Uint8Array(s.length));
  let [l, first] = [0, 0];
  for (const key of largest(all, Math.round(density * all.length))) {
    while (key - first >= chosen[l].length) first += chosen[l++].length;
    chosen[l][key - first] = 1;
  }
  return chosen;
}

/** Norm of the gradient by all weights on one batch. */
export async function gradientNorm(model: Layered, batch: LabelledBatch): Promise<number> {
  const norm = scope(() => {
    const list = weightsOf(model).map(valuesOf);
    const { gradients } = valueAndGrad(() => model.loss(batch), list);
    return sqrt(gradients.map((g) => sum(square(g as Tensor))).reduce((a, b) => add(a, b)));
  });
  const [value] = await norm.data();
  norm.dispose();
  return value;
}

const weightsOf = (model: Layered): Parameter[] => Array.from({ length: model.layers }, (_, l) => model.weight(l));

/** Weights as numbers. Throws InputError for a sparse network: scores before pruning need all weights. */
export async function denseWeights(model: Layered): Promise<Float64Array[]> {
  const all: Float64Array[] = [];
  for (const weight of weightsOf(model)) {
    if ('layout' in weight) throw new InputError('scores at initialisation need a dense network');
    all.push(Float64Array.from(await weight.data()));
  }
  return all;
}

async function weightGradients(model: Layered, batch: LabelledBatch): Promise<Float64Array[]> {
  const gradients = scope(() => {
    const list = weightsOf(model).map(valuesOf);
    return valueAndGrad(() => model.loss(batch), list).gradients.map((g) => mul(g as Tensor, 1));
  });
  const all: Float64Array[] = [];
  for (const g of gradients) {
    all.push(Float64Array.from(await g.data()));
    g.dispose();
  }
  return all;
}

function write(model: Layered, weights: readonly Float64Array[]): void {
  weightsOf(model).forEach((weight, l) => {
    const values = valuesOf(weight);
    const view = values.view('write');
    values.device.write(view.buffer, view.offset, weights[l]);
  });
}
