/** Largest eigenvalue of a matrix, symmetric but for rounding, by Jacobi rotations: exact and slow, a judge of faster ways. */
export function largestEigenvalue(matrix: readonly ArrayLike<number>[]): number {
  const n = matrix.length;
  const a = matrix.map((row, i) => Float64Array.from(row, (x, j) => (x + matrix[j][i]) / 2));
  for (let sweep = 0; sweep < 30; sweep++) {
    let [off, all] = [0, 0];
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        all += a[i][j] ** 2;
        if (i !== j) off += a[i][j] ** 2;
      }
    }
    if (off <= 1e-20 * all) break;
    for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) rotate(a, i, j);
  }
  return Math.max(...a.map((row, i) => row[i]));
}

/** Turns the plane of two coordinates so that their product vanishes. */
function rotate(a: readonly Float64Array[], i: number, j: number): void {
  if (a[i][j] === 0) return;
  const theta = (a[j][j] - a[i][i]) / (2 * a[i][j]);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [a[k][i], a[k][j]];
    a[k][i] = c * x - s * y;
    a[k][j] = s * x + c * y;
  }
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [a[i][k], a[j][k]];
    a[i][k] = c * x - s * y;
    a[j][k] = s * x + c * y;
  }
}
