import { InputError } from '../errors.js';

/** Grouped n:m; see `LayoutSpec`. */
export interface NmgSpec {
  readonly kind: 'nmg';
  readonly n: number;
  readonly m: number;
  readonly g: number;
}

/**
 * All ways to keep `n` of `m` places, as ascending places, in revolving-door order: each differs from the one before in one place (so does the
 * first from the last), so that a kernel that goes through them loads one new input at a time.
 */
export function nmPatterns(n: number, m: number): number[][] {
  if (n === 0) return [[]];
  if (n === m) return [Array.from({ length: m }, (_, k) => k)];
  // Those without the last place, then those with it, the latter backwards.
  const others = nmPatterns(n - 1, m - 1).map((pattern) => [...pattern, m - 1]);
  return [...nmPatterns(n, m - 1), ...others.reverse()];
}

const binomial = (m: number, n: number): number => {
  let count = 1;
  for (let k = 1; k <= n; k++) count = (count * (m - n + k)) / k;
  return count;
};

/** Rows of one chunk: every pattern `g` times. */
export const chunkRows = ({ n, m, g }: NmgSpec): number => binomial(m, n) * g;

/** Why a matrix of that shape has no such layout, or undefined. */
export function nmgMisfit(rows: number, cols: number, spec: NmgSpec): string | undefined {
  const { n, m, g } = spec;
  if (![n, m, g].every((x) => Number.isInteger(x) && x > 0) || n > m) {
    return 'n is a whole number from 1 to m, g one of at least 1';
  }
  if (m > 32 || chunkRows(spec) > 32767) return `a chunk of ${n}:${m}:${g} has more than 32767 rows`;
  if (cols % m !== 0) return `${m} has to divide the columns`;
  if (rows % chunkRows(spec) !== 0) {
    return `a chunk is ${chunkRows(spec)} rows (each of ${chunkRows(spec) / g} patterns ${g} times), which has to divide the rows`;
  }
  return undefined;
}

/**
 * Gives every row of a chunk a pattern that holds the places it has, each pattern exactly `g` times: augmenting paths, as in
 * bipartite matching. `allowed(row, pattern)` says which fit; returns undefined where it cannot be done.
 */
function assign(
  rows: number,
  patterns: number,
  g: number,
  allowed: (r: number, p: number) => boolean,
): Int32Array | undefined {
  const of = new Int32Array(rows).fill(-1);
  const members: number[][] = Array.from({ length: patterns }, () => []);
  const place = (row: number, seen: Uint8Array): boolean => {
    for (let p = 0; p < patterns; p++) {
      if (seen[p] || !allowed(row, p)) continue;
      seen[p] = 1;
      const full = members[p].length >= g;
      const out = full ? members[p].findIndex((other) => place(other, seen)) : -1;
      if (full && out < 0) continue;
      if (full) members[p].splice(out, 1);
      members[p].push(row);
      of[row] = p;
      return true;
    }
    return false;
  };
  for (let row = 0; row < rows; row++) if (!place(row, new Uint8Array(patterns))) return undefined;
  return of;
}

/**
 * The support of a grouped layout that holds a given one: `columnsOf(row)` of the result, ascending, or the chunk that cannot be
 * completed.
 */
export function completeNmg(
  rows: number,
  cols: number,
  has: (row: number, column: number) => boolean,
  spec: NmgSpec,
): { columns: Int32Array[] } | { row: number; column: number } {
  const patterns = nmPatterns(spec.n, spec.m);
  const chunk = chunkRows(spec);
  const columns: number[][] = Array.from({ length: rows }, () => []);
  for (let column = 0; column < cols; column += spec.m) {
    for (let row = 0; row < rows; row += chunk) {
      const own = Array.from({ length: chunk }, (_, r) =>
        Array.from({ length: spec.m }, (_, k) => k).filter((k) => has(row + r, column + k)),
      );
      const of = assign(chunk, patterns.length, spec.g, (r, p) => own[r].every((k) => patterns[p].includes(k)));
      if (!of) return { row, column };
      for (const [r, p] of of.entries()) columns[row + r].push(...patterns[p].map((k) => column + k));
    }
  }
  return { columns: columns.map((list) => Int32Array.from(list)) };
}

/**
 * Which weights a grouped n:m layout keeps (Ivanov et al. 2023, STen): in every chunk of rows and `m` neighbouring columns, rows get the pattern
 * of which they keep most magnitude, largest first, as long as it has room (`g` rows); then pairs of rows swap patterns while
 * the kept magnitude grows.
 * @param dense `[rows, cols]`, row-major
 * @returns the mask, `[rows, cols]`
 * @throws InputError where the layout does not fit the shape
 */
export function groupedNmMask(dense: ArrayLike<number>, rows: number, cols: number, spec: NmgSpec): Uint8Array {
  const why = nmgMisfit(rows, cols, spec);
  if (why)
    throw new InputError(`layout nmg ${spec.n}:${spec.m}:${spec.g} does not fit a ${rows} x ${cols} matrix: ${why}`);
  if (dense.length !== rows * cols) {
    throw new InputError(`a ${rows} x ${cols} matrix has ${rows * cols} entries, got ${dense.length}`);
  }
  const patterns = nmPatterns(spec.n, spec.m);
  const chunk = chunkRows(spec);
  const mask = new Uint8Array(rows * cols);
  for (let column = 0; column < cols; column += spec.m) {
    for (let row = 0; row < rows; row += chunk) {
      const kept = Array.from({ length: chunk }, (_, r) =>
        patterns.map((places) => places.reduce((s, k) => s + Math.abs(dense[(row + r) * cols + column + k]), 0)),
      );
      bestPatterns(kept, spec.g).forEach((p, r) => {
        for (const k of patterns[p]) mask[(row + r) * cols + column + k] = 1;
      });
    }
  }
  return mask;
}

/** The pattern of each row, every pattern `g` times: greedy, then swaps of pairs while they gain. `kept[row][pattern]`. */
export function bestPatterns(kept: readonly (readonly number[])[], g: number): Int32Array {
  const count = kept.length / g;
  const of = new Int32Array(kept.length).fill(-1);
  const room = new Int32Array(count).fill(g);
  const all = kept.flatMap((values, r) => values.map((value, p) => ({ value, r, p })));
  all.sort((a, b) => b.value - a.value || a.r - b.r || a.p - b.p);
  for (const { r, p } of all) {
    if (of[r] >= 0 || room[p] === 0) continue;
    of[r] = p;
    room[p]--;
  }
  for (let gained = true; gained; ) {
    gained = false;
    for (let r = 0; r < kept.length; r++) {
      for (let s = 0; s < r; s++) {
        const gain = kept[r][of[s]] + kept[s][of[r]] - kept[r][of[r]] - kept[s][of[s]];
        if (gain <= 1e-9 * (kept[r][of[r]] + kept[s][of[s]])) continue;
        [of[r], of[s]] = [of[s], of[r]];
        gained = true;
      }
    }
  }
  return of;
}
