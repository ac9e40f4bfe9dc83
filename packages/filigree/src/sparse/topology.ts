import { InputError } from '../errors.js';

/** The support by columns: entry `k` of column `j` is `rows[k]`, for `pointers[j] <= k < pointers[j + 1]`, ascending. */
export interface Columns {
  readonly pointers: Int32Array;
  readonly rows: Int32Array;
  /** The slot (position by rows) of each entry. */
  readonly slots: Int32Array;
}

/**
 * Which weights of `W[rows, cols]` exist: compressed sparse rows, columns ascending in each row, without values. A weight's
 * position in it is its slot. Immutable: `edit` gives another one and says where each of its slots came from.
 */
export class Topology {
  #columns: Columns | undefined;

  /** `pointers` has `rows + 1` entries; the slots of row `i` are `pointers[i] .. pointers[i + 1]`. */
  private constructor(
    readonly rows: number,
    readonly cols: number,
    readonly pointers: Int32Array,
    readonly indices: Int32Array,
  ) {}

  /** Number of weights. */
  get size(): number {
    return this.indices.length;
  }

  /** `size / (rows * cols)`; 0 for an empty matrix. */
  get density(): number {
    return this.rows * this.cols === 0 ? 0 : this.size / (this.rows * this.cols);
  }

  /**
   * From compressed sparse rows as others store them.
   * @throws InputError where the pointers do not ascend from 0 to the number of indices, or a row's columns do not ascend
   */
  static fromRows(rows: number, cols: number, pointers: Int32Array, indices: Int32Array): Topology {
    checkShape(rows, cols);
    if (pointers.length !== rows + 1 || pointers[0] !== 0 || pointers[rows] !== indices.length) {
      throw new InputError(
        `sparse rows: ${rows} rows with ${indices.length} columns need ${rows + 1} pointers from 0 to ${indices.length}`,
      );
    }
    for (let i = 0; i < rows; i++) {
      if (pointers[i + 1] < pointers[i]) throw new InputError(`sparse rows: the pointer of row ${i + 1} goes back`);
    }
    for (let i = 0; i < rows; i++) {
      for (let k = pointers[i]; k < pointers[i + 1]; k++) {
        const inside = indices[k] >= 0 && indices[k] < cols;
        if (!inside || (k > pointers[i] && indices[k] <= indices[k - 1])) {
          throw new InputError(
            `sparse rows: column ${indices[k]} of row ${i} is ${inside ? 'out of order or twice' : `outside 0 to ${cols - 1}`}`,
          );
        }
      }
    }
    return new Topology(rows, cols, pointers, indices);
  }

  /** Weights where `mask`, `[rows, cols]` row-major, is not 0 (NaN counts as something). */
  static fromMask(mask: ArrayLike<number>, rows: number, cols: number): Topology {
    checkShape(rows, cols);
    if (mask.length !== rows * cols) {
      throw new InputError(`a mask of ${rows} x ${cols} needs ${rows * cols} entries, got ${mask.length}`);
    }
    let size = 0;
    for (let k = 0; k < mask.length; k++) if (mask[k] !== 0) size++;
    const pointers = new Int32Array(rows + 1);
    const indices = new Int32Array(size);
    let slot = 0;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < cols; j++) if (mask[i * cols + j] !== 0) indices[slot++] = j;
      pointers[i + 1] = slot;
    }
    return new Topology(rows, cols, pointers, indices);
  }

  /**
   * From keys `row * cols + column` in any order.
   * @throws InputError where a key is outside the matrix or given twice
   */
  static fromKeys(keys: ArrayLike<number>, rows: number, cols: number): Topology {
    checkShape(rows, cols);
    const sorted = Float64Array.from(keys).sort();
    const pointers = new Int32Array(rows + 1);
    const indices = new Int32Array(sorted.length);
    sorted.forEach((key, slot) => {
      if (!Number.isInteger(key) || key < 0 || key >= rows * cols) {
        throw new InputError(`weight ${key} is outside the ${rows} x ${cols} matrix`);
      }
      if (slot > 0 && key === sorted[slot - 1]) throw new InputError(`weight ${key} is given twice`);
      indices[slot] = key % cols;
      pointers[Math.floor(key / cols) + 1]++;
    });
    for (let i = 0; i < rows; i++) pointers[i + 1] += pointers[i];
    return new Topology(rows, cols, pointers, indices);
  }

  /** `[rows, cols]`, row-major: 1 where there is a weight. The inverse of `fromMask`. */
  toMask(): Uint8Array {
    const mask = new Uint8Array(this.rows * this.cols);
    for (let i = 0; i < this.rows; i++) {
      for (let k = this.pointers[i]; k < this.pointers[i + 1]; k++) mask[i * this.cols + this.indices[k]] = 1;
    }
    return mask;
  }

  /** `row * cols + column` of every slot, ascending. */
  keys(): Float64Array {
    const keys = new Float64Array(this.size);
    for (let i = 0; i < this.rows; i++) {
      for (let k = this.pointers[i]; k < this.pointers[i + 1]; k++) keys[k] = i * this.cols + this.indices[k];
    }
    return keys;
  }

  /** The slot of a weight, or -1 where there is none. */
  slotOf(row: number, column: number): number {
    let low = this.pointers[row];
    let high = this.pointers[row + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.indices[middle] < column) low = middle + 1;
      else high = middle;
    }
    return low < this.pointers[row + 1] && this.indices[low] === column ? low : -1;
  }

  /** The same support by columns; computed once. */
  columns(): Columns {
    if (this.#columns) return this.#columns;
    const pointers = new Int32Array(this.cols + 1);
    for (const j of this.indices) pointers[j + 1]++;
    for (let j = 0; j < this.cols; j++) pointers[j + 1] += pointers[j];
    const next = pointers.slice();
    const rows = new Int32Array(this.size);
    const slots = new Int32Array(this.size);
    for (let i = 0; i < this.rows; i++) {
      for (let k = this.pointers[i]; k < this.pointers[i + 1]; k++) {
        const place = next[this.indices[k]]++;
        rows[place] = i;
        slots[place] = k;
      }
    }
    this.#columns = { pointers, rows, slots };
    return this.#columns;
  }

  /** The support of the transposed matrix; slot `k` of it is slot `columns().slots[k]` here. */
  transposed(): Topology {
    const { pointers, rows } = this.columns();
    return new Topology(this.cols, this.rows, pointers, rows);
  }

  /**
   * Takes weights away and adds others. `from[slot]` of the result is the slot that the weight had before, -1 for a new one,
   * so that optimiser state can be carried along. A weight that is dropped and added in one edit is new.
   * @param drop slots, in any order
   * @param add keys `row * cols + column`, in any order
   * @throws InputError where a slot is out of range or given twice, or a weight is added that is there already
   */
  edit(drop: ArrayLike<number>, add: ArrayLike<number>): { next: Topology; from: Int32Array } {
    const gone = new Uint8Array(this.size);
    for (let k = 0; k < drop.length; k++) {
      const slot = drop[k];
      if (!Number.isInteger(slot) || slot < 0 || slot >= this.size || gone[slot]) {
        throw new InputError(
          `edit: slot ${slot} ${gone[slot] ? 'is dropped twice' : `is outside 0 to ${this.size - 1}`}`,
        );
      }
      gone[slot] = 1;
    }
    const keys = new Float64Array(this.size - drop.length + add.length);
    let count = 0;
    this.keys().forEach((key, slot) => {
      if (!gone[slot]) keys[count++] = key;
    });
    for (let k = 0; k < add.length; k++) keys[count++] = add[k];
    const next = Topology.fromKeys(keys, this.rows, this.cols);
    const from = new Int32Array(next.size);
    for (let i = 0; i < this.rows; i++) {
      let old = this.pointers[i];
      for (let k = next.pointers[i]; k < next.pointers[i + 1]; k++) {
        while (old < this.pointers[i + 1] && (gone[old] || this.indices[old] < next.indices[k])) old++;
        from[k] = old < this.pointers[i + 1] && this.indices[old] === next.indices[k] ? old : -1;
      }
    }
    return { next, from };
  }
}

function checkShape(rows: number, cols: number): void {
  for (const n of [rows, cols]) {
    if (!Number.isInteger(n) || n < 0)
      throw new InputError(`a matrix of ${rows} x ${cols} does not exist: give whole numbers`);
  }
}
