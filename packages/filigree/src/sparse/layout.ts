import { InputError } from '../errors.js';
import type { SparsePattern } from '../kernels/index.js';
import { Topology } from './topology.js';

/**
 * How a support is packed:
 * - `csr`: any support.
 * - `block`: whole blocks of `r` rows by `c` columns; a block with any weight in it is kept whole, with explicit zeros. Values stand
 *   block by block, column by column within each. `r` divides the rows, `c` the columns.
 * - `nm`: `n` weights in every `m` neighbouring inputs of every row; groups that have fewer are filled with explicit zeros. `m` divides the
 *   columns.
 * - `condensed`: every row has the same number of weights, or none (an ablated neuron, left out).
 *
 * `nm` and `condensed` interleave rows by four for vector loads: values of four rows stand next to each other.
 */
export type LayoutSpec =
  | { readonly kind: 'csr' }
  | { readonly kind: 'block'; readonly r: number; readonly c: number }
  | { readonly kind: 'nm'; readonly n: number; readonly m: number }
  | { readonly kind: 'condensed' };

/** A short name: `csr`, `block 4x1`, `nm 2:4`, `condensed`. */
export function layoutName(spec: LayoutSpec): string {
  if (spec.kind === 'block') return `block ${spec.r}x${spec.c}`;
  return spec.kind === 'nm' ? `nm ${spec.n}:${spec.m}` : spec.kind;
}

/** The layout of a name that `layoutName` gave. Throws InputError for others. */
export function parseLayout(name: string): LayoutSpec {
  const match = /^(?:(csr|condensed)|block (\d+)x(\d+)|nm (\d+):(\d+))$/.exec(name);
  if (!match) throw new InputError(`unknown layout '${name}'; there are csr, condensed, block RxC and nm N:M`);
  const [, plain, r, c, n, m] = match;
  if (plain) return { kind: plain as 'csr' | 'condensed' };
  return r ? { kind: 'block', r: Number(r), c: Number(c) } : { kind: 'nm', n: Number(n), m: Number(m) };
}

/** Where the values of a sparse weight `W[rows, cols]` sit: a support, and how it is packed. Immutable. */
export class Layout {
  readonly spec: LayoutSpec;
  /** Every stored place, explicit zeros of `block` and `nm` included. */
  readonly support: Topology;
  readonly pattern: SparsePattern;
  /** The place, among the values, of every slot of `support`. */
  readonly places: Int32Array;
  #transposed: SparsePattern | undefined;

  /**
   * Packs a support.
   * @throws InputError where the layout does not fit the shape or the support
   */
  constructor(topology: Topology, spec: LayoutSpec = { kind: 'csr' }) {
    this.spec = spec;
    this.support = legal(topology, spec);
    this.pattern = patternOf(this.support, spec);
    this.places = placesOf(this.support, this.pattern);
  }

  get name(): string {
    return layoutName(this.spec);
  }

  get rows(): number {
    return this.support.rows;
  }

  get cols(): number {
    return this.support.cols;
  }

  /** Number of stored values. */
  get size(): number {
    return this.support.size;
  }

  /** The pattern of the transposed matrix over the same values; computed once. */
  transposed(): SparsePattern {
    if (this.#transposed) return this.#transposed;
    const { spec } = this;
    const turned = this.support.transposed();
    const pattern = patternOf(
      turned,
      spec.kind === 'block' ? { kind: 'block', r: spec.c, c: spec.r } : { kind: 'csr' },
    );
    const order = new Int32Array(turned.size);
    const { slots } = this.support.columns();
    placesOf(turned, pattern).forEach((place, k) => {
      order[place] = this.places[slots[k]];
    });
    this.#transposed = { ...pattern, order };
    return this.#transposed;
  }

  /** The values at the stored places of a dense `[rows, cols]`, in the layout's order. */
  pack(dense: ArrayLike<number>): Float64Array {
    if (dense.length !== this.rows * this.cols) {
      throw new InputError(
        `a ${this.rows} x ${this.cols} matrix has ${this.rows * this.cols} entries, got ${dense.length}`,
      );
    }
    const values = new Float64Array(this.size);
    this.support.keys().forEach((key, slot) => {
      values[this.places[slot]] = dense[key];
    });
    return values;
  }

  /** The dense `[rows, cols]`, row-major, of values in the layout's order. */
  unpack(values: ArrayLike<number>): Float64Array {
    const dense = new Float64Array(this.rows * this.cols);
    this.support.keys().forEach((key, slot) => {
      dense[key] = values[this.places[slot]];
    });
    return dense;
  }

  /** Values (or optimiser state) of the layout `before`, carried to this one by row and column; `fresh` where there was none. */
  carry(before: Layout, values: ArrayLike<number>, fresh = 0): Float64Array {
    const carried = new Float64Array(this.size);
    for (let i = 0; i < this.rows; i++) {
      let old = before.support.pointers[i];
      const end = before.support.pointers[i + 1];
      for (let k = this.support.pointers[i]; k < this.support.pointers[i + 1]; k++) {
        const column = this.support.indices[k];
        while (old < end && before.support.indices[old] < column) old++;
        const found = old < end && before.support.indices[old] === column;
        carried[this.places[k]] = found ? values[before.places[old]] : fresh;
      }
    }
    return carried;
  }

  /** Counts that say what the layout costs. */
  statistics(): LayoutStatistics {
    const { support, rows, cols, size } = this;
    const perRow = Array.from({ length: rows }, (_, i) => support.pointers[i + 1] - support.pointers[i]);
    const { pointers } = support.columns();
    const perColumn = Array.from({ length: cols }, (_, j) => pointers[j + 1] - pointers[j]);
    return {
      layout: this.name,
      shape: [rows, cols],
      size,
      density: support.density,
      macs: size,
      bytes: 4 * size + 4 * (this.pattern.columns.length + this.pattern.groups.length),
      perRow: spread(perRow),
      perColumn: spread(perColumn),
    };
  }
}

interface Spread {
  readonly least: number;
  readonly mean: number;
  readonly most: number;
  readonly empty: number;
}

export interface LayoutStatistics {
  readonly layout: string;
  /** Rows and columns. */
  readonly shape: readonly [number, number];
  /** Stored values. */
  readonly size: number;
  readonly density: number;
  /** Multiply-adds for one sample. */
  readonly macs: number;
  /** Bytes of values (f32) and indices. */
  readonly bytes: number;
  readonly perRow: Spread;
  readonly perColumn: Spread;
}

function spread(counts: readonly number[]): Spread {
  let [least, most, sum, empty] = [Number.POSITIVE_INFINITY, 0, 0, 0];
  for (const n of counts) {
    least = Math.min(least, n);
    most = Math.max(most, n);
    sum += n;
    if (n === 0) empty++;
  }
  return counts.length === 0
    ? { least: 0, mean: 0, most: 0, empty: 0 }
    : { least, mean: sum / counts.length, most, empty };
}

/** The places that the layout stores for a support: `block` and `nm` may add some. */
function legal(t: Topology, spec: LayoutSpec): Topology {
  const positive = (...numbers: number[]) => numbers.every((x) => Number.isInteger(x) && x > 0);
  const misfit = (why: string) =>
    new InputError(`layout ${layoutName(spec)} does not fit a ${t.rows} x ${t.cols} matrix: ${why}`);
  if (spec.kind === 'block') {
    const { r, c } = spec;
    if (!positive(r, c)) throw misfit('blocks have one row and one column at least');
    if (t.rows % r !== 0 || t.cols % c !== 0) throw misfit(`${r} has to divide the rows and ${c} the columns`);
    const keys: number[] = [];
    for (let b = 0; b < t.rows / r; b++) {
      const kept = [
        ...new Set(t.indices.subarray(t.pointers[b * r], t.pointers[(b + 1) * r]).map((j) => Math.floor(j / c))),
      ];
      for (let i = b * r; i < (b + 1) * r; i++) {
        for (const block of kept) for (let q = 0; q < c; q++) keys.push(i * t.cols + block * c + q);
      }
    }
    return Topology.fromKeys(keys, t.rows, t.cols);
  }
  if (spec.kind === 'nm') {
    const { n, m } = spec;
    if (!positive(n, m) || n > m) throw misfit('n is a whole number from 1 to m');
    if (t.cols % m !== 0) throw misfit(`${m} has to divide the columns`);
    const mask = t.toMask();
    for (let at = 0; at < mask.length; at += m) {
      const count = mask.subarray(at, at + m).reduce((sum, x) => sum + x, 0);
      if (count > n) {
        const [row, column] = [Math.floor(at / t.cols), at % t.cols];
        throw misfit(`row ${row} has ${count} weights in columns ${column} to ${column + m - 1}`);
      }
      for (let k = at, missing = n - count; missing > 0; k++) {
        if (mask[k] === 0) {
          mask[k] = 1;
          missing--;
        }
      }
    }
    return Topology.fromMask(mask, t.rows, t.cols);
  }
  if (spec.kind === 'condensed') {
    let fan = 0;
    for (let i = 0; i < t.rows; i++) {
      const count = t.pointers[i + 1] - t.pointers[i];
      if (fan === 0) fan = count;
      if (count !== 0 && count !== fan) {
        throw misfit(
          `row ${i} has ${count} weights and a row before it ${fan}; all rows need the same number, or none`,
        );
      }
    }
  }
  return t;
}

function patternOf(t: Topology, spec: LayoutSpec): SparsePattern {
  if (spec.kind === 'block') return blocks(t, spec.r);
  return spec.kind === 'csr' ? plain(t) : interleaved(t);
}

function plain(t: Topology): SparsePattern {
  const groups = new Int32Array(4 * t.rows);
  for (let i = 0; i < t.rows; i++)
    groups.set([t.pointers[i], t.pointers[i], t.pointers[i + 1] - t.pointers[i], 1], 4 * i);
  const { rows, cols, size } = t;
  return { rows, cols, lanes: 1, groups, columns: t.indices, interleaved: false, size };
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
function placesOf(t: Topology, pattern: SparsePattern): Int32Array {
  const { groups, lanes } = pattern;
  const places = new Int32Array(t.size);
  for (let i = 0; i < t.rows; i++) {
    const g = 4 * Math.floor(i / lanes);
    for (let e = 0; e < groups[g + 2]; e++) places[t.pointers[i] + e] = groups[g] + e * groups[g + 3] + (i % lanes);
  }
  return places;
}
