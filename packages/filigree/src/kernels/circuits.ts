/**
 * Sum-product circuits as devices run them: a list of instructions over slots. A slot holds one unit's value for each row of a tile
 * of `tile` rows; values are plain numbers times 2^exponent, where the exponent belongs to a group of units (those that look at the
 * same variables) and a row. So there is no exponential and no logarithm in the passes, and scaling loses no digit.
 */
export interface CircuitProgram {
  /** Rows that are computed together, a multiple of 16. */
  readonly tile: number;
  readonly slots: number;
  /** Rows of exponents: 0 is always zero (finite variables are not scaled). */
  readonly scales: number;
  /** Rows of cells: one for each finite variable, two for each real one. */
  readonly cellRows: number;
  /** `[instructions * instructionWords]`, children before parents; see `Operation` for the words of each. */
  readonly instructions: Int32Array;
  /** What the instructions point into, in words. Offsets of slots and scales are in bytes: `4 * tile` for each. */
  readonly lists: Int32Array;
  /** Number of parameters: weights, and those of inputs. */
  readonly parameters: number;
  /** Slot and scale of the root. */
  readonly root: { readonly slot: number; readonly scale: number };
  /** `[blocks * 4]` what `update` works on: kind (see `BlockKind`), first parameter, entries, width. */
  readonly blocks: Int32Array;
}

export const instructionWords = 8;

/** The first word of an instruction. Others, in order, are given behind each; lists are indices of words in `lists`. */
export const Operation = {
  /**
   * `units, slot, parameter, width, cells`: the values of `units` inputs of one variable, from tables of `width` parameters each:
   * one for every value, and the sum of all for a cell that is missing, whose value is `width - 1`.
   */
  inputs: 0,
  /**
   * `units, slot, list, scale, scales, fan, now`: products of `fan` children each, whose slots stand in `list`, after `scales` scales of
   * those children. Multiplies the first `now` of them; the rest follows by `multiply`. Backwards it does all.
   */
  product: 1,
  /** `units, slot, list, scale, fan, start, now`: multiplies children `start` to `start + now` to what is there. Forwards only. */
  multiply: 2,
  /** `parts, list, scale`: brings parts (`units, slot, scale` each) of one group to one scale. Forwards only. */
  merge: 3,
  /** `panels, list`: four sums each that share their children (`entries, list of slots, parameter, slot`); entries are even in number. */
  panels: 4,
  /** `sums, list`: sums by themselves (`entries, list of slots, parameter, slot`); entries are a multiple of four. */
  elements: 5,
  /**
   * `units, slot, parameter, scale, cells`: densities of `units` gaussians of one real variable, on their common scale. Each has four
   * parameters: its mean as the sum of two floats, the larger first; -log2(e) / (2 σ²); -log2(σ √(2π)). The variable has two rows of
   * cells, floats that add up to its value, NaN where it is missing; the value is 1 there. A row whose densities are all below 2^-512
   * is 0.
   */
  gaussians: 6,
} as const;

export const BlockKind = { panel: 0, element: 1, table: 2 } as const;

/** One pass over rows. */
export interface CircuitRows {
  /** `[tiles * cellRows * tile]` values from 0 by tile and variable; a missing cell is the number of values. Floats by their bits. */
  readonly cells: Int32Array;
  readonly rows: number;
}

export interface CircuitValues {
  /** `[rows]` the root's value is `value * 2 ** exponent`. */
  readonly value: Float32Array;
  readonly exponent: Int32Array;
}

export interface UpdateOptions {
  /** How far to go from the old parameters to the new ones. */
  readonly step: number;
  /** Spread over the alive entries of each sum and each table. */
  readonly pseudocount: number;
}

/** A circuit on a device. */
export interface PreparedCircuit {
  /** `[parameters]` weights, and tables of probabilities (not logarithms). */
  load(parameters: Float32Array): void;
  /** Loads some of them, from number `start`. */
  loadPart(parameters: Float32Array, start: number): void;
  parameters(): Promise<Float32Array>;
  /** Values of the root. */
  forward(rows: CircuitRows): Promise<CircuitValues>;
  /**
   * Also the expected counts: `counts = keep * counts + Σ rows`, where a weight's count is still to be multiplied by the weight, and
   * a table's is the flow at each value. A gaussian's are Σ F, Σ F (x - mean), Σ F (x - mean)² over cells that are there, and Σ F over
   * missing ones. Rows whose value is 0 or not finite count nothing.
   */
  backward(rows: CircuitRows, keep: number): Promise<CircuitValues>;
  /** `[parameters]` the counts, or some of them. */
  counts(start?: number, count?: number): Promise<Float32Array>;
  /** Adds to the counts. */
  addCounts(extra: Float32Array): Promise<void>;
  /** The M step: moves every block of parameters towards the shares of its counts (see `UpdateOptions`); zeros stay zero. */
  update(options: UpdateOptions): void;
  dispose(): void;
}

export interface CircuitDevice {
  prepare(program: CircuitProgram): PreparedCircuit;
}
