import {
  denseWeights,
  Mlp,
  mlpShapes,
  Random,
  sketch,
  sketchError,
  sketchProbabilities,
  synflowScores,
} from 'filigree';
import type { MeasureOptions, Row } from '../claim.js';
import { meanOf } from './common.js';

/** A linear model with heavy-tailed weights and inputs of unequal size. */
function linearModel(seed: number, d: number, n: number, scaled: boolean) {
  const random = new Random(seed).fork('linear');
  const w = Float64Array.from({ length: d }, () => random.normal() / Math.max(0.2, Math.abs(random.normal())));
  const scales = Float64Array.from({ length: d }, () => (scaled ? Math.exp(1.2 * random.normal()) : 1));
  const X = Float64Array.from({ length: n * d }, (_, k) => scales[k % d] * random.normal());
  const norms = new Float64Array(d);
  for (let k = 0; k < X.length; k++) norms[k % d] += X[k] ** 2;
  return { random, w, X, norms: norms.map(Math.sqrt), d, n };
}

/** `||X v||^2` through the Gram matrix, so that a sketch costs d^2 and not n d. */
function gram(X: Float64Array, d: number, n: number): (v: Float64Array) => number {
  const G = new Float64Array(d * d);
  for (let s = 0; s < n; s++) {
    for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) G[i * d + j] += X[s * d + i] * X[s * d + j];
  }
  return (v) => {
    let total = 0;
    for (let i = 0; i < d; i++) {
      if (v[i] === 0) continue;
      let row = 0;
      for (let j = 0; j < d; j++) row += G[i * d + j] * v[j];
      total += v[i] * row;
    }
    return total;
  };
}

const uniformShares = (d: number): Float64Array => new Float64Array(d).fill(1 / d);

/** Mean error of sketches over the formula, by probabilities; and how the error falls with the number of draws. */
export function sketchRows(seed: number, sketches: number, size: MeasureOptions['size']): Row[] {
  const [d, n] = size === 'full' ? [200, 500] : [60, 120];
  const { random, w, X, norms } = linearModel(seed, d, n, true);
  const square = gram(X, d, n);
  const product = square(w);
  const measured = (p: Float64Array, k: number, weights: Float64Array): number => {
    let total = 0;
    for (let t = 0; t < sketches; t++) {
      const mask = sketch(p, k, random);
      total += square(weights.map((x, i) => x * mask[i] - x));
    }
    return total / sketches;
  };
  const shares = {
    optimal: sketchProbabilities(w, norms),
    '|w|': sketchProbabilities(w, new Float64Array(d).fill(1)),
    uniform: uniformShares(d),
  };
  const rows: Row[] = [];
  const k = Math.round(d / 5);
  for (const [name, p] of Object.entries(shares)) {
    const formula = sketchError(w, norms, p, product, k);
    rows.push({
      setting: 'sketch of a linear model',
      method: name,
      ...(name === 'uniform' && { baseline: true }),
      figures: { 'measured over formula': measured(p, k, w) / formula, 'relative error': formula / product },
      seed,
    });
  }
  const ks = [d / 10, d / 5, d / 2, d];
  const logs = ks.map((each) => [Math.log(each), Math.log(measured(shares.optimal, each, w))] as const);
  const [mx, my] = [meanOf(logs.map((l) => l[0])), meanOf(logs.map((l) => l[1]))];
  const slope =
    logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  rows.push({
    setting: 'sketch of a linear model',
    method: 'error by draws',
    figures: { 'slope in logarithms': slope },
    seed,
  });
  // The mask comes from the weights at the start, the error from those along a descent to a least-squares fit.
  const goal = linearModel(seed + 77, d, n, true).w;
  const now = w.slice();
  let worst = 0;
  for (const step of [1, 3, 10]) {
    for (let i = 0; i < d; i++) now[i] += (goal[i] - now[i]) * (1 - 0.9 ** step);
    const formula = sketchError(now, norms, shares.optimal, square(now), k);
    worst = Math.max(worst, Math.abs(measured(shares.optimal, k, now) / formula - 1));
  }
  rows.push({
    setting: 'sketch of a linear model',
    method: 'weights after training',
    figures: { 'largest deviation from the formula': worst },
    seed,
  });
  for (const scaled of [false, true]) {
    const other = linearModel(seed + 5, d, n, scaled);
    const whole = gram(other.X, d, n)(other.w);
    const free = sketchProbabilities(other.w, new Float64Array(d).fill(1));
    const aware = sketchProbabilities(other.w, other.norms);
    const ratio =
      sketchError(other.w, other.norms, free, whole, k) / sketchError(other.w, other.norms, aware, whole, k);
    rows.push({
      setting: scaled ? 'inputs of unequal size' : 'inputs of equal size',
      method: 'without data / with data',
      figures: { 'ratio of errors': ratio },
      seed,
    });
  }
  return rows;
}

/** What SynFlow lets into a hidden neuron and out of it, relative difference. */
export async function conservationRow(seed: number): Promise<Row> {
  const sizes = [20, 30, 25, 5];
  const model = new Mlp({ sizes, seed });
  const shapes = mlpShapes(sizes);
  const scores = synflowScores(await denseWeights(model), shapes);
  model.dispose();
  let worst = 0;
  for (let l = 0; l + 1 < shapes.length; l++) {
    for (let i = 0; i < shapes[l].out; i++) {
      let [into, out] = [0, 0];
      for (let j = 0; j < shapes[l].in; j++) into += scores[l][i * shapes[l].in + j];
      for (let o = 0; o < shapes[l + 1].out; o++) out += scores[l + 1][o * shapes[l + 1].in + i];
      worst = Math.max(worst, Math.abs(into - out) / Math.max(into, out));
    }
  }
  return { setting: 'conservation', method: 'SynFlow', figures: { 'largest relative difference': worst }, seed };
}
