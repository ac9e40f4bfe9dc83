import { InputError } from '../errors.js';
import { add, assign, mul, noGrad, reshape, scope, sub, type Tensor } from '../tensor/index.js';
import { nmMask } from './project.js';

/**
 * Zeroes in place all but the `budget` largest magnitudes of `W[rows, cols]`. The `rowMinimum` largest of each row are taken first (as many
 * as the budget has for every row, where that is less), the rest wherever they are; of equals the first (Gao et al. 2025). No value
 * leaves the device: the bound is searched in a few passes over the magnitudes, in place of a sort.
 * @param w `[rows, cols]`, or a vector, which is one row
 * @returns how many places are kept; weights that are 0 already count where there are not enough others
 * @throws InputError where the budget is no whole number from 0 to the number of weights
 */
export function keepLargest(w: Tensor, budget: number, rowMinimum = 0): number {
  if (!(Number.isInteger(budget) && budget >= 0 && budget <= w.size)) {
    throw new InputError(`keepLargest: of ${w.size} weights a whole number can be kept, not ${budget}`);
  }
  if (budget === w.size) return budget;
  const cols = w.shape[w.shape.length - 1];
  const rows = w.size / cols;
  const each = leastOfRow(budget, rows, cols, rowMinimum);
  scope(() =>
    noGrad(() => {
      if (budget === 0) {
        assign(w, mul(w, 0));
        return;
      }
      const matrix = reshape(w, [rows, cols]);
      if (each === 0 || rows === 1) {
        const mask = nmMask(reshape(w, [1, w.size]), { kind: 'nm', n: budget, m: w.size });
        assign(w, mul(w, reshape(mask, w.shape)));
        return;
      }
      const first = mul(matrix, nmMask(matrix, { kind: 'nm', n: each, m: cols }));
      const left = budget - rows * each;
      if (left === 0) return assign(w, first);
      const others = sub(matrix, first);
      const mask = nmMask(reshape(others, [1, w.size]), { kind: 'nm', n: left, m: w.size });
      // Places of the first may be chosen again where fewer weights than the budget are not 0: they are 0 among the others.
      assign(w, add(first, mul(others, reshape(mask, [rows, cols]))));
    }),
  );
  return budget;
}

/** How many weights every row of a matrix with a budget has at least: `min(rowMinimum, cols, floor(budget / rows))`. */
export function leastOfRow(budget: number, rows: number, cols: number, rowMinimum: number): number {
  return Math.min(rowMinimum, cols, Math.floor(budget / rows));
}
