import { InputError } from '../errors.js';
import { assign, maximum, noGrad, reshape, scope, type Tensor, where, zeros } from '../tensor/index.js';
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
      const matrix = reshape(w, [rows, cols]);
      const first = each > 0 && rows > 1 ? nmMask(matrix, { kind: 'nm', n: each, m: cols }) : undefined;
      const left = first ? budget - rows * each : budget;
      // Places of the first may be chosen again where fewer weights than the budget are not 0: they are 0 among the others.
      const others = first ? where(first, 0, matrix) : matrix;
      const rest = left > 0 ? nmMask(reshape(others, [1, w.size]), { kind: 'nm', n: left, m: w.size }) : undefined;
      const masks = [first, rest].filter((mask) => mask !== undefined).map((mask) => reshape(mask, w.shape));
      // Not a product with the mask: that would leave zeros of either sign.
      assign(
        w,
        masks.length === 0
          ? zeros(w.shape, w.device)
          : where(
              masks.reduce((a, b) => maximum(a, b)),
              w,
              0,
            ),
      );
    }),
  );
  return budget;
}

/** How many weights every row of a matrix with a budget has at least: `min(rowMinimum, cols, floor(budget / rows))`. */
export function leastOfRow(budget: number, rows: number, cols: number, rowMinimum: number): number {
  return Math.min(rowMinimum, cols, Math.floor(budget / rows));
}
