import type { Random } from '../tensor/index.js';

/** Weights for EM to begin with: random around uniform, U(0.6, 1.4) normalised. */
export function randomShares(count: number, random: Random): number[] {
  const raw = Array.from({ length: count }, () => 0.6 + 0.8 * random.uniform());
  const total = raw.reduce((a, b) => a + b, 0);
  return raw.map((share) => share / total);
}
