import { InputError } from '../errors.js';
import type { SparsePattern } from '../kernels/index.js';
import { type LayoutSpec, layoutName, legal, patternOf, placesOf } from './packing.js';
import type { Topology } from './topology.js';

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
      spec.kind === 'block'
        ? { kind: 'block', r: spec.c, c: spec.r }
        : spec.kind === 'butterfly'
          ? { kind: 'block', r: spec.b, c: spec.b }
          : { kind: 'csr' },
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

  /**
   * Values (or optimiser state) of the layout `before`, carried to this one by row and column; `fresh` where there was none.
   * @param from what `Topology.edit` gave: carries by it, so that a weight that was dropped and added in one edit begins anew. The edit
   * must have been of `before.support`; places that only this layout adds (explicit zeros) are new too.
   */
  carry(
    before: Layout,
    values: ArrayLike<number>,
    fresh = 0,
    from?: { next: Topology; from: Int32Array },
  ): Float64Array {
    const carried = new Float64Array(this.size);
    if (from) {
      carried.fill(fresh);
      from.next.keys().forEach((key, k) => {
        const old = from.from[k];
        if (old < 0) return;
        // Layouts that add no places keep the support, and with it the slots.
        const kept = from.next === this.support;
        const slot = kept ? k : this.support.slotOf(Math.floor(key / this.cols), key % this.cols);
        carried[this.places[slot]] = values[before.places[old]];
      });
      return carried;
    }
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
