import type { PreparedPattern, SparseDevice, SparsePattern, View } from './device.js';
import { sizeOf } from './views.js';

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

/** How many weights a row of `cols` keeps, `n` of every `m` neighbours and as large a share of what is left, rounded up. */
export const keptPerRow = (cols: number, n: number, m: number): number =>
  n * Math.floor(cols / m) + Math.ceil((n * (cols % m)) / m);

/** The places, ascending, of the `n` largest magnitudes in every `m` neighbours of a row; the definition of `selectNm`. */
export function keptInRow(row: ArrayLike<number>, n: number, m: number): number[] {
  const size = (x: number) => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : Math.abs(x));
  const before = (j: number, k: number) =>
    Number(Number.isNaN(row[k])) - Number(Number.isNaN(row[j])) || size(row[k]) - size(row[j]) || j - k;
  const kept: number[] = [];
  for (let start = 0; start < row.length; start += m) {
    const count = Math.min(m, row.length - start);
    const group = Array.from({ length: count }, (_, k) => start + k);
    const best = group.sort(before).slice(0, Math.ceil((n * count) / m));
    kept.push(...best.sort((a, b) => a - b));
  }
  return kept;
}

/** Sparse products in plain loops: the definition of right. `values` and `store` move the elements of a view, row-major. */
export function referenceSparse(
  values: (view: View) => Float64Array,
  store: (view: View, data: ArrayLike<number>) => void,
): SparseDevice {
  const eachRow = (w: View, visit: (i: number, row: Float64Array) => void) => {
    const [rows, cols] = w.shape;
    const W = values(w);
    for (let i = 0; i < rows; i++) visit(i, W.subarray(i * cols, (i + 1) * cols));
  };
  return {
    prepare: (pattern, columns): PreparedPattern & { columns?: View } => ({ pattern, columns, dispose() {} }),
    product(prepared, weights, out, x, bias) {
      const { columns } = prepared as { columns?: View };
      const pattern = columns ? { ...prepared.pattern, columns: Int32Array.from(values(columns)) } : prepared.pattern;
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
    selectNm(kept, columns, w, n, m) {
      const [all, places]: [number[], number[]] = [[], []];
      eachRow(w, (_, row) => {
        for (const j of keptInRow(row, n, m)) {
          all.push(row[j]);
          places.push(j);
        }
      });
      store(kept, all);
      store(columns, places);
    },
    maskNm(out, w, n, m) {
      const mask = new Float64Array(sizeOf(w.shape));
      eachRow(w, (i, row) => {
        for (const j of keptInRow(row, n, m)) mask[i * row.length + j] = 1;
      });
      store(out, mask);
    },
  };
}
