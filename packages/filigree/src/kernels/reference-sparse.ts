import type { PreparedPattern, SparseDevice, SparsePattern, View } from './device.js';

/** Every entry of a pattern, group by group: `visit(row, column, place of the value)`. */
export function eachEntry(pattern: SparsePattern, visit: (row: number, column: number, place: number) => void): void {
  const { groups, columns, lanes, interleaved, order } = pattern;
  for (let g = 0; 4 * g < groups.length; g++) {
    const [first, firstColumn, count, step] = groups.subarray(4 * g, 4 * g + 4);
    for (let e = 0; e < count; e++) {
      const column = columns[firstColumn + e * (interleaved ? step : 1)];
      for (let l = 0; l < lanes; l++) {
        const place = first + e * step + l;
        visit(g * lanes + l, column, order ? order[place] : place);
      }
    }
  }
}

/** Sparse products in plain loops: the definition of right. `values` and `store` move the elements of a view, row-major. */
export function referenceSparse(
  values: (view: View) => Float64Array,
  store: (view: View, data: ArrayLike<number>) => void,
): SparseDevice {
  return {
    prepare: (pattern): PreparedPattern => ({ pattern, dispose() {} }),
    product({ pattern }, weights, out, x, bias) {
      const { rows, cols } = pattern;
      const W = values(weights);
      const X = values(x);
      const start = bias ? values(bias) : new Float64Array(rows);
      const Y = new Float64Array(x.shape[0] * rows);
      for (let p = 0; p < x.shape[0]; p++) {
        for (let i = 0; i < rows; i++) Y[p * rows + i] = start[i];
        eachEntry(pattern, (i, j, place) => {
          Y[p * rows + i] += W[place] * X[p * cols + j];
        });
      }
      store(out, Y);
    },
    sampled({ pattern }, out, g, x) {
      const { rows, cols, size } = pattern;
      const G = values(g);
      const X = values(x);
      const result = new Float64Array(size);
      for (let p = 0; p < x.shape[0]; p++) {
        eachEntry(pattern, (i, j, place) => {
          result[place] += G[p * rows + i] * X[p * cols + j];
        });
      }
      store(out, result);
    },
  };
}
