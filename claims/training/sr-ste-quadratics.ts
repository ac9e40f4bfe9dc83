import { Random } from 'filigree';
import type { Row } from '../claim.js';

export const quadratics = 'quadratics in R^4';
/** Decays that are tried; a negative one is the paper's control. */
export const pulls = [-0.1, 0, 0.05, 0.2, 1] as const;

const steps = 1500;
const size = 4;
/** The six ways to keep two of four. */
const supports = [
  [0, 1],
  [0, 2],
  [0, 3],
  [1, 2],
  [1, 3],
  [2, 3],
] as const;

/**
 * Minimises `0.5 (w~ - w*)^T A (w~ - w*)` over weights of which the two largest of four compute, with noisy gradients handed straight through
 * and a decay of the other two; the judge is the best support, by solving all six.
 */
export function quadraticRow(pull: number, seed: number, problems: number): Row {
  const random = new Random(seed).fork('quadratics');
  let [hits, changes] = [0, 0];
  for (let problem = 0; problem < problems; problem++) {
    const A = positiveMatrix(random);
    const target = random.normals(size);
    const best = bestSupport(A, target);
    const w = random.normals(size);
    let support = largestTwo(w);
    for (let step = 0; step < steps; step++) {
      const kept = Float64Array.from(w, (x, i) => (support.includes(i) ? x : 0));
      const off = kept.map((x, i) => x - target[i]);
      for (let i = 0; i < size; i++) {
        let slope = 0.3 * random.normal();
        for (let j = 0; j < size; j++) slope += A[i * size + j] * off[j];
        w[i] -= 0.1 * (slope + (support.includes(i) ? 0 : pull * w[i]));
      }
      const next = largestTwo(w);
      changes += next.filter((i) => !support.includes(i)).length * 2;
      support = next;
    }
    if (support.join() === best.join()) hits++;
  }
  return {
    setting: quadratics,
    method: `decay ${pull}`,
    ...(pull === 0 && { baseline: true }),
    figures: { 'best support found': hits / problems, 'mask changes': changes / problems },
    seed,
  };
}

function positiveMatrix(random: Random): Float64Array {
  const B = random.normals(size * size);
  const A = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      for (let k = 0; k < size; k++) A[i * size + j] += (B[i * size + k] * B[j * size + k]) / size;
    }
    A[i * size + i] += 0.1;
  }
  return A;
}

function largestTwo(w: Float64Array): number[] {
  return [0, 1, 2, 3]
    .sort((a, b) => Math.abs(w[b]) - Math.abs(w[a]) || a - b)
    .slice(0, 2)
    .sort();
}

/** The support whose best weights leave the least. */
function bestSupport(A: Float64Array, target: Float64Array): readonly number[] {
  const right = Float64Array.from({ length: size }, (_, i) =>
    target.reduce((sum, t, j) => sum + A[i * size + j] * t, 0),
  );
  let best: readonly number[] = supports[0];
  let gain = Number.NEGATIVE_INFINITY;
  for (const support of supports) {
    const [i, j] = support;
    const [a, b, c] = [A[i * size + i], A[i * size + j], A[j * size + j]];
    const [x, y] = [right[i], right[j]];
    // The loss is constant - 0.5 r^T A_s^-1 r.
    const own = (c * x * x - 2 * b * x * y + a * y * y) / (a * c - b * b);
    if (own > gain) [best, gain] = [support, own];
  }
  return best;
}
