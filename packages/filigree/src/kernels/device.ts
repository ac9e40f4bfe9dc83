import type { CircuitDevice } from './circuits.js';
import type { ElementwiseName } from './elementwise.js';

/** Element types. `f64` exists on the reference device only. */
export type DType = 'f32' | 'f64' | 'i32' | 'u8';
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** A run of elements owned by a device. Devices extend it with where the elements are. */
export interface Buffer {
  readonly dtype: DType;
  readonly length: number;
}

/** A strided window on a buffer: element `i` of dimension `d` sits `strides[d]` elements further. */
export interface View {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/**
 * One batched product, `out[b, m, n] (+)= alpha * sum_k a[b, m, k] * b[b, k, n]`.
 * The three views carry the batch dimensions first (equal in all three, stride 0 where an operand is shared), then
 * `[M, K]`, `[K, N]`, `[M, N]`; any strides are allowed, so transposes and heads inside a row need no copy.
 */
export interface Product {
  readonly a: View;
  readonly b: View;
  readonly out: View;
  readonly alpha: number;
  /** Add to what `out` holds instead of overwriting it. */
  readonly accumulate: boolean;
}

export type Reduction = 'sum' | 'max' | 'min';

/** Causal masking of score rows: row `r` of a `[..., queries, keys]` block sees keys `0 .. (r mod queries) + shift`. */
export interface Causal {
  readonly queries: number;
  readonly shift: number;
}

export interface AdamOptions {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** Decoupled decay: the parameter is multiplied by `1 - lr * weightDecay`. */
  readonly weightDecay: number;
  /** Steps done, counting this one (1, 2, ...): bias correction. */
  readonly step: number;
}

export interface SgdOptions {
  readonly lr: number;
  readonly momentum: number;
  /** Added to the gradient, times the parameter. */
  readonly weightDecay: number;
  /** Steps along the velocity looked ahead: `gradient + momentum * velocity`. */
  readonly nesterov: boolean;
}

/** A convolution over images `[height, width, channels]`: the kernel's rows and columns, the step, and rows of zeros on every side. */
export interface PatchGeometry {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly padding: number;
}

/**
 * Where the values of a sparse matrix `W[rows, cols]` sit in a flat list. Rows come in groups of `lanes` that share their columns;
 * group `g` holds rows `lanes * g ..`, and there are `rows / lanes` of them. Four words of `groups` say, for each: the place of
 * its first value, the place of its first column, how many entries it has, and its step. Entry `e` has the column
 * `columns[firstColumn + e]` (or `e * step`, where `interleaved`), and lane `l` of it the value
 * `values[firstValue + e * step + l]`. No place is used twice.
 */
export interface SparsePattern {
  readonly rows: number;
  readonly cols: number;
  readonly lanes: 1 | 2 | 4;
  readonly groups: Int32Array;
  readonly columns: Int32Array;
  /** Whether the columns of a group stand `step` apart, as its values do, and not next to each other. */
  readonly interleaved: boolean;
  /** Number of values. */
  readonly size: number;
  /**
   * Where given, the same entries seen as grouped n:m: `m` divides the columns, every row has `n` entries in each block of `m`, and in every chunk
   * of `patterns.length * g` rows each pattern (ascending places in a block) belongs to `g` rows. `members` names them, chunk by chunk, block by
   * block, pattern by pattern: rows within the chunk. Values stand row by row.
   */
  readonly grouped?: {
    readonly m: number;
    readonly g: number;
    readonly patterns: readonly (readonly number[])[];
    readonly members: Uint16Array;
  };
  /** Where given, place `k` above means the value `values[order[k]]`: a transposed pattern of the same values. */
  readonly order?: Int32Array;
}

/** A pattern as a device keeps it. */
export interface PreparedPattern {
  readonly pattern: SparsePattern;
  /** Frees what the device holds. */
  dispose(): void;
}

/** Products with sparse matrices. Views are `[rows of the batch, features]` with any stride between rows; `values` is contiguous. */
export interface SparseDevice {
  /**
   * @param columns i32: where given, the columns stand there, in place of `pattern.columns`, and may change from product to product;
   * they must lie inside the matrix. Only products, not `sampled`.
   */
  prepare(pattern: SparsePattern, columns?: View): PreparedPattern;
  /** `out[p, i] = sum_j W[i, j] x[p, j] (+ bias[i])`, the sum over the entries of row `i`. */
  product(w: PreparedPattern, values: View, out: View, x: View, bias?: View): void;
  /** The gradient of the values, `out[place of (i, j)] = sum_p g[p, i] x[p, j]`; patterns without `order`. */
  sampled(w: PreparedPattern, out: View, g: View, x: View): void;
  /**
   * The `n` largest magnitudes of every `m` neighbours in each row of `w[rows, cols]` (any strides), packed row by row with ascending columns:
   * `values` and, as i32, `columns`, both contiguous. The rest of a row, shorter than `m`, keeps `ceil(n * rest / m)`. Of equal
   * magnitudes the first is kept; NaN counts as larger than any number.
   */
  selectNm(values: View, columns: View, w: View, n: number, m: number): void;
  /** 1 where `selectNm` keeps and 0 elsewhere, in a contiguous view of the shape of `w`. */
  maskNm(out: View, w: View, n: number, m: number): void;
}

/**
 * Where tensors live and kernels run. Every call is issued synchronously and in order; only `read` waits.
 * Outputs never overlap inputs unless said. `reference.ts` is the definition of right: every other device agrees with
 * it on all shapes, empty ones included.
 */
export interface Device {
  readonly name: string;
  /** The element type of real numbers on this device. */
  readonly float: 'f32' | 'f64';
  /** How it rounds, where hosts differ: `fused` multiply-add or `plain`. A training goes on only where it is the same. */
  readonly numerics?: 'fused' | 'plain';
  /** Bytes taken from the host so far, where that is known; the most that was ever in use, in whole pages. */
  readonly memoryBytes?: number;
  /** Uninitialised elements. Throws `MemoryError` when the device is full. */
  allocate(dtype: DType, length: number): Buffer;
  free(buffer: Buffer): void;
  write(buffer: Buffer, offset: number, data: ArrayLike<number>): void;
  /** A copy of `length` elements. */
  read(buffer: Buffer, offset: number, length: number): Promise<TypedArray>;
  /** Only where the host can wait (CPU, reference); for tests and for operations that run on the host. */
  readSync(buffer: Buffer, offset: number, length: number): TypedArray;
  fill(buffer: Buffer, offset: number, length: number, value: number): void;

  /** `out = op(inputs…)` elementwise. All views have the same shape; inputs may have stride 0. `out` is contiguous and may be one of the inputs. */
  elementwise(op: ElementwiseName, out: View, inputs: readonly View[]): void;
  /** Strided copy; views of equal shape and dtype, or i32/u8 to float and back (truncating). */
  copy(out: View, x: View): void;
  /** `out[o, i] = op_s x[o, s, i]`, contiguous. An empty sum is 0, an empty max -Infinity, an empty min Infinity. */
  reduce(
    op: Reduction,
    out: Buffer,
    outOffset: number,
    x: Buffer,
    xOffset: number,
    outer: number,
    size: number,
    inner: number,
  ): void;
  product(p: Product): void;

  /** Softmax of contiguous rows; masked places (causal) get probability 0. `log` gives log-probabilities (masked: -Infinity). */
  softmax(out: View, x: View, causal?: Causal, log?: boolean): void;
  /** Gradient of softmax rows from the output `y`: `y * (g - sum(g * y))`; of log-softmax: `g - exp(y) * sum(g)`. */
  softmaxGrad(out: View, y: View, g: View, log?: boolean): void;
  /** `out[r] = table[ids[r]]`, rows of equal width; contiguous. Throws RangeError naming an id that is out of range. */
  gather(out: View, table: View, ids: View): void;
  /** `table[ids[r]] += rows[r]`, in row order (deterministic). */
  scatterAdd(table: View, ids: View, rows: View): void;
  /**
   * Rotary positions in the half-split form: of `[batch, position, head, feature]`, the first `2 * half` features are rotated,
   * pair `(i, i + half)` by the angle whose cosine and sine stand in `cos[position, i]`, `sin[position, i]`; the rest is copied.
   * `inverse` turns the other way (the gradient). `x` may be strided, `out` is contiguous.
   */
  rotary(out: View, x: View, cos: View, sin: View, inverse: boolean): void;
  /** AdamW in place on contiguous views of equal length. */
  adamw(parameter: View, gradient: View, m: View, v: View, options: AdamOptions): void;

  /**
   * SGD with momentum in place on contiguous views of equal length: `g = gradient + weightDecay * p`, `v = momentum * v + g`,
   * `p -= lr * v` (Nesterov: `lr * (g + momentum * v)`).
   */
  sgd(parameter: View, gradient: View, velocity: View, options: SgdOptions): void;

  /**
   * What a convolution sees: `out[image, row, column, ky, kx, c] = x[image, row * stride + ky - padding, column * stride + kx - padding, c]`, 0
   * outside. Both contiguous, `x[images, height, width, channels]`.
   */
  patches(out: View, x: View, geometry: PatchGeometry): void;
  /** The gradient of `patches`: each pixel of `out[images, height, width, channels]` gets the sum of all places that saw it. */
  patchesGrad(out: View, gradient: View, geometry: PatchGeometry): void;

  /** Sparse products, where the device has them. */
  readonly sparse?: SparseDevice;

  /** Sum-product circuits, where the device has them. */
  readonly circuits?: CircuitDevice;

  /** Stops workers and frees everything. */
  dispose(): void;
}

/** The device has no room; says how much was asked for and how much is in use. */
export class MemoryError extends Error {
  override readonly name = 'MemoryError';
}
