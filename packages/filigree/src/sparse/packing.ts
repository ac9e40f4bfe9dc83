import { InputError } from '../errors.js';
import type { SparsePattern } from '../kernels/index.js';
import { type ButterflySpec, butterflyBlocks, butterflyMisfit } from './butterfly-pattern.js';
import { chunkRows, completeNmg, type NmgSpec, nmgMisfit, nmPatterns } from './nmg.js';
import { Topology } from './topology.js';

/**
 * How a support is packed:
 * - `csr`: any support.
 * - `block`: whole blocks of `r` rows by `c` columns; a block with any weight in it is kept whole, with explicit zeros. Values stand
 *   block by block, column by column within each. `r` divides the rows, `c` the columns.
 * - `nm`: `n` weights in every `m` neighbouring inputs of every row; groups that have fewer are filled with explicit zeros. `m` divides the
 *   columns.
 * - `condensed`: every row has the same number of weights, or none (an ablated neuron, left out).
 * - `nmg`: n:m in which, in every chunk of `C(m, n) * g` rows and `m` neighbouring columns, each of the `C(m, n)` patterns occurs exactly `g`
 *   times (Ivanov et al. 2023, STen); rows that have fewer weights are filled with explicit zeros. Chunks divide the rows, `m` the columns.
 * - `butterfly`: whole blocks of `b` by `b`; block `(i, j)` where `i = j` or `i xor j` is a power of two below `k`, the maximum stride, stretched
 *   along the longer side (Dao et al. 2022, Pixelfly). `b` divides both sides; the shorter has a power of two of blocks.
 *
 * `nm` and `condensed` interleave rows by four for vector loads: values of four rows stand next to each other.
 */
export type LayoutSpec =
  | { readonly kind: 'csr' }
  | { readonly kind: 'block'; readonly r: number; readonly c: number }
  | { readonly kind: 'nm'; readonly n: number; readonly m: number }
  | { readonly kind: 'condensed' }
  | NmgSpec
  | ButterflySpec;

/** A short name: `csr`, `block 4x1`, `nm 2:4`, `condensed`, `nmg 2:4:8`, `butterfly 16x4` (blocks of 16, maximum stride 4). */
export function layoutName(spec: LayoutSpec): string {
  if (spec.kind === 'block') return `block ${spec.r}x${spec.c}`;
  if (spec.kind === 'nmg') return `nmg ${spec.n}:${spec.m}:${spec.g}`;
  if (spec.kind === 'butterfly') return `butterfly ${spec.b}x${spec.k}`;
  return spec.kind === 'nm' ? `nm ${spec.n}:${spec.m}` : spec.kind;
}

/** The layout of a name that `layoutName` gave. Throws InputError for others. */
export function parseLayout(name: string): LayoutSpec {
  const match = /^(?:(csr|condensed)|(block|butterfly) (\d+)x(\d+)|nmg? (\d+):(\d+)(?::(\d+))?)$/.exec(name);
  const grouped = name.startsWith('nmg');
  if (!match || (match[5] !== undefined && grouped !== (match[7] !== undefined))) {
    throw new InputError(
      `unknown layout '${name}'; there are csr, condensed, block RxC, nm N:M, nmg N:M:G and butterfly BxK`,
    );
  }
  const [, plain, blocks] = match;
  const [r, c, n, m, g] = match.slice(3).map(Number);
  if (plain) return { kind: plain as 'csr' | 'condensed' };
  if (blocks) return blocks === 'block' ? { kind: 'block', r, c } : { kind: 'butterfly', b: r, k: c };
  return grouped ? { kind: 'nmg', n, m, g } : { kind: 'nm', n, m };
}

function misfit(t: Topology, spec: LayoutSpec, why: string): InputError {
  return new InputError(`layout ${layoutName(spec)} does not fit a ${t.rows} x ${t.cols} matrix: ${why}`);
}

/**
 * How many values a layout would hold for a support, without building it.
 * @throws InputError where the layout does not fit the shape
 */
export function storedSize(t: Topology, spec: LayoutSpec): number {
  const positive = (...numbers: number[]) => numbers.every((x) => Number.isInteger(x) && x > 0);
  if (spec.kind === 'block') {
    const { r, c } = spec;
    if (!positive(r, c)) throw misfit(t, spec, 'blocks have one row and one column at least');
    if (t.rows % r !== 0 || t.cols % c !== 0) throw misfit(t, spec, `${r} has to divide the rows and ${c} the columns`);
    let blocks = 0;
    for (let b = 0; b < t.rows / r; b++) blocks += keptBlocks(t, b, r, c).length;
    return blocks * r * c;
  }
  if (spec.kind === 'nm') {
    const { n, m } = spec;
    if (!positive(n, m) || n > m) throw misfit(t, spec, 'n is a whole number from 1 to m');
    if (t.cols % m !== 0) throw misfit(t, spec, `${m} has to divide the columns`);
    return t.rows * (t.cols / m) * n;
  }
  if (spec.kind === 'nmg') {
    const why = nmgMisfit(t.rows, t.cols, spec);
    if (why) throw misfit(t, spec, why);
    return (t.rows * t.cols * spec.n) / spec.m;
  }
  if (spec.kind === 'butterfly') {
    const why = butterflyMisfit(t.rows, t.cols, spec);
    if (why) throw misfit(t, spec, why);
    // Every block row or column of the longer side meets itself and one partner for each stride.
    const blocks = Math.min(t.rows, t.cols) === 0 ? 0 : (Math.max(t.rows, t.cols) / spec.b) * (1 + Math.log2(spec.k));
    return blocks * spec.b * spec.b;
  }
  return t.size;
}

/** The blocks of block row `b` with any weight in them, ascending. */
function keptBlocks(t: Topology, b: number, r: number, c: number): Int32Array {
  const blocks = t.indices.slice(t.pointers[b * r], t.pointers[(b + 1) * r]).map((j) => Math.floor(j / c));
  blocks.sort();
  let kept = 0;
  for (let k = 0; k < blocks.length; k++) if (k === 0 || blocks[k] !== blocks[k - 1]) blocks[kept++] = blocks[k];
  return blocks.subarray(0, kept);
}

/** The places that the layout stores for a support: `block` and `nm` may add some. */
export function legal(t: Topology, spec: LayoutSpec): Topology {
  const size = storedSize(t, spec);
  if (spec.kind === 'condensed') checkFan(t, spec);
  if (spec.kind === 'csr' || spec.kind === 'condensed') return t;
  if (spec.kind === 'nmg') return grouped(t, spec, size);
  const pointers = new Int32Array(t.rows + 1);
  const indices = new Int32Array(size);
  let next = 0;
  for (let i = 0; i < t.rows; i++) {
    if (spec.kind === 'block') {
      const { r, c } = spec;
      for (const block of keptBlocks(t, Math.floor(i / r), r, c)) {
        for (let q = 0; q < c; q++) indices[next++] = block * c + q;
      }
    } else if (spec.kind === 'butterfly') {
      const { b, k } = spec;
      for (const block of butterflyBlocks(Math.floor(i / b), t.rows / b, t.cols / b, k)) {
        for (let q = 0; q < b; q++) indices[next++] = block * b + q;
      }
      checkInside(t, spec, i, indices.subarray(pointers[i], next));
    } else {
      next = fillGroups(t, spec, i, indices, next);
    }
    pointers[i + 1] = next;
  }
  return Topology.fromRows(t.rows, t.cols, pointers, indices);
}

function grouped(t: Topology, spec: NmgSpec, size: number): Topology {
  const done = completeNmg(t.rows, t.cols, (row, column) => t.slotOf(row, column) >= 0, spec);
  if ('row' in done) {
    const last = done.row + chunkRows(spec) - 1;
    throw misfit(
      t,
      spec,
      `rows ${done.row} to ${last} of columns ${done.column} to ${done.column + spec.m - 1} do not use each pattern ${spec.g} times`,
    );
  }
  const indices = new Int32Array(size);
  const pointers = Int32Array.from({ length: t.rows + 1 }, (_, i) => (i * size) / Math.max(1, t.rows));
  for (const [i, row] of done.columns.entries()) indices.set(row, pointers[i]);
  return Topology.fromRows(t.rows, t.cols, pointers, indices);
}

function checkInside(t: Topology, spec: LayoutSpec, i: number, columns: Int32Array): void {
  let k = 0;
  for (let slot = t.pointers[i]; slot < t.pointers[i + 1]; slot++) {
    while (k < columns.length && columns[k] < t.indices[slot]) k++;
    if (columns[k] !== t.indices[slot]) {
      throw misfit(t, spec, `row ${i} has a weight in column ${t.indices[slot]}, outside of the butterfly`);
    }
  }
}

/** Writes row `i` with `n` columns in every group of `m`: its own, and the first free ones where they are fewer. */
function fillGroups(
  t: Topology,
  spec: LayoutSpec & { readonly kind: 'nm' },
  i: number,
  indices: Int32Array,
  at: number,
): number {
  const { n, m } = spec;
  let next = at;
  let slot = t.pointers[i];
  for (let start = 0; start < t.cols; start += m) {
    let end = slot;
    while (end < t.pointers[i + 1] && t.indices[end] < start + m) end++;
    const count = end - slot;
    if (count > n) throw misfit(t, spec, `row ${i} has ${count} weights in columns ${start} to ${start + m - 1}`);
    for (let j = start, missing = n - count; j < start + m; j++) {
      const own = slot < end && t.indices[slot] === j;
      if (own) slot++;
      else if (missing-- <= 0) continue;
      indices[next++] = j;
    }
  }
  return next;
}

function checkFan(t: Topology, spec: LayoutSpec): void {
  let fan = 0;
  for (let i = 0; i < t.rows; i++) {
    const count = t.pointers[i + 1] - t.pointers[i];
    if (fan === 0) fan = count;
    if (count !== 0 && count !== fan) {
      throw misfit(
        t,
        spec,
        `row ${i} has ${count} weights and a row before it ${fan}; all rows need the same number, or none`,
      );
    }
  }
}

/** Where the values of a legal support sit. */
export function patternOf(t: Topology, spec: LayoutSpec): SparsePattern {
  if (spec.kind === 'block') return blocks(t, spec.r);
  if (spec.kind === 'butterfly') return blocks(t, spec.b);
  if (spec.kind === 'nmg') return { ...plain(t), grouped: groupsOf(t, spec) };
  return spec.kind === 'csr' ? plain(t) : interleaved(t);
}

function plain(t: Topology): SparsePattern {
  const groups = new Int32Array(4 * t.rows);
  for (let i = 0; i < t.rows; i++)
    groups.set([t.pointers[i], t.pointers[i], t.pointers[i + 1] - t.pointers[i], 1], 4 * i);
  const { rows, cols, size } = t;
  return { rows, cols, lanes: 1, groups, columns: t.indices, interleaved: false, size };
}

/** Which rows of each chunk have which pattern, block by block. */
function groupsOf(t: Topology, spec: NmgSpec): NonNullable<SparsePattern['grouped']> {
  const { n, m, g } = spec;
  const patterns = nmPatterns(n, m);
  const known = new Map(patterns.map((places, p) => [places.join(), p]));
  const chunk = patterns.length * g;
  const members = new Uint16Array((t.rows * t.cols) / m);
  for (let first = 0, at = 0; first < t.rows; first += chunk) {
    for (let block = 0; block < t.cols / m; block++, at += chunk) {
      const next = patterns.map((_, p) => at + p * g);
      for (let r = 0; r < chunk; r++) {
        const slot = t.pointers[first + r] + block * n;
        const places = t.indices.subarray(slot, slot + n).map((j) => j - block * m);
        members[next[known.get(places.join()) ?? 0]++] = r;
      }
    }
  }
  return { m, g, patterns, members };
}

function blocks(t: Topology, r: number): SparsePattern {
  const lanes = r % 4 === 0 ? 4 : r % 2 === 0 ? 2 : 1;
  const { rows, cols, size } = t;
  const groups = new Int32Array((4 * rows) / lanes);
  const columns = new Int32Array(size / r);
  for (let b = 0; b < rows / r; b++) {
    const first = t.pointers[b * r];
    const count = t.pointers[b * r + 1] - first;
    // The rows of a block row hold the same columns: `count` of them each.
    columns.set(t.indices.subarray(first, first + count), first / r);
    for (let sub = 0; sub < r; sub += lanes) {
      groups.set([first + sub, first / r, count, r], (4 * (b * r + sub)) / lanes);
    }
  }
  // A block's columns follow one another in `indices`, so values come out block by block, column by column.
  return { rows, cols, lanes, groups, columns, interleaved: false, size };
}

/** Rows of one length (or empty), four at a time; the last one to three stand by themselves. */
function interleaved(t: Topology): SparsePattern {
  const { rows, cols, size } = t;
  const active = Array.from({ length: rows }, (_, i) => i).filter((i) => t.pointers[i + 1] > t.pointers[i]);
  const fan = active.length === 0 ? 0 : t.pointers[active[0] + 1] - t.pointers[active[0]];
  const groups = new Int32Array(4 * rows);
  const columns = new Int32Array(size);
  const whole = active.length - (active.length % 4);
  active.forEach((row, a) => {
    const step = a < whole ? 4 : 1;
    const first = a < whole ? (a - (a % 4)) * fan + (a % 4) : a * fan;
    groups.set([first, first, fan, step], 4 * row);
    for (let e = 0; e < fan; e++) columns[first + e * step] = t.indices[t.pointers[row] + e];
  });
  return { rows, cols, lanes: 1, groups, columns, interleaved: true, size };
}

/** The place of every slot. Entries of a row come in ascending columns, as slots do. */
export function placesOf(t: Topology, pattern: SparsePattern): Int32Array {
  const { groups, lanes } = pattern;
  const places = new Int32Array(t.size);
  for (let i = 0; i < t.rows; i++) {
    const g = 4 * Math.floor(i / lanes);
    for (let e = 0; e < groups[g + 2]; e++) places[t.pointers[i] + e] = groups[g] + e * groups[g + 3] + (i % lanes);
  }
  return places;
}
