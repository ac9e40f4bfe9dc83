import { InputError } from '../errors.js';
import type { Device, PreparedPattern, SparseDevice, SparsePattern } from '../kernels/index.js';
import { keptPerRow } from '../kernels/reference-sparse.js';
import { sizeOf } from '../kernels/views.js';
import { add, matmul, mul, noGrad, record, reshape, scope, sub, sum, Tensor, transpose } from '../tensor/index.js';
import { currentScope, unscoped } from '../tensor/scope.js';
import { SupportProjection, type SupportSpec } from './project-support.js';

/** `n` of every `m` neighbours along the dimension that a product sums over. */
export interface NmSpec {
  readonly kind: 'nm';
  readonly n: number;
  readonly m: number;
}

/** What of a weight computes. */
export type ProjectionSpec = NmSpec | SupportSpec;

export interface ProjectOptions {
  /**
   * What carries gradients to the input:
   * - `same` (default): the weights of the forward pass, `dX = dY W_f`. The transpose of n:m is no n:m, so there this product is a dense one.
   * - `own`: the largest `n` of every `m` along the other dimension, `dX = dY W_b`, packed: the bidirectional pruning of BDWP.
   */
  backward?: 'same' | 'own';
}

/** A dense weight `W[out, in]` that is trained, and what of it computes, packed in a layout. */
export interface Projection {
  /** `[out, in]` */
  readonly w: Tensor;
  readonly layout: ProjectionSpec;
  /** Selects again from what `w` holds now; to be awaited where the layout's selection reads the weight. */
  update(): void | Promise<void>;
  /** `[out, in]`: 1 where the forward pass has a weight, 0 elsewhere; no gradient flows through it. */
  mask(): Tensor;
  /** Multiply-adds for one sample: forward, input gradient, and the gradient of all of `w`. */
  readonly macs: { readonly forward: number; readonly input: number; readonly weights: number };
  /** `x W_f^T (+ bias)` for `x[samples, in]`. */
  product(x: Tensor, bias?: Tensor): Tensor;
  /** The gradient by the input, `[samples, in]`, for the output's `[samples, out]`. */
  inputGradient(g: Tensor): Tensor;
  dispose(): void;
}

/**
 * The `n` largest magnitudes in every `m` neighbours along `in` of a dense weight.
 * `projectedLinear` multiplies with those and hands the gradient straight through to all of `W`. The selection is made by
 * `project` and again by `update()`, which belongs after every change of `W`. Where `m` does not divide, the last group of `rest`
 * weights keeps `ceil(n * rest / m)`. Owned by the scope in which it is made; `W` stays the caller's.
 */
export class NmProjection implements Projection {
  readonly #forward: Packed;
  readonly #backward: Packed | undefined;

  constructor(
    /** `[out, in]` */
    readonly w: Tensor,
    readonly layout: NmSpec,
    options: ProjectOptions = {},
  ) {
    const { n, m } = layout;
    if (w.shape.length !== 2) throw new InputError(`project: a weight is a matrix [out, in], got [${w.shape}]`);
    if (!(Number.isInteger(n) && Number.isInteger(m) && n >= 1 && n <= m && m <= 32)) {
      throw new InputError(`project: n:m needs whole numbers with 1 <= n <= m <= 32, got ${n}:${m}`);
    }
    const { sparse, name } = w.device;
    if (!sparse) throw new InputError(`device ${name} has no sparse products; use the CPU or the reference`);
    const [out, inputs] = w.shape;
    const device = w.device;
    this.#forward = new Packed(device, sparse, [out, inputs], layout);
    this.#backward = options.backward === 'own' ? new Packed(device, sparse, [inputs, out], layout) : undefined;
    currentScope()?.add(this);
    this.update();
  }

  /** Selects again from what `w` holds now. */
  update(): void {
    scope(() =>
      noGrad(() => {
        this.#forward.select(this.w);
        this.#backward?.select(transpose(this.w));
      }),
    );
  }

  mask(): Tensor {
    return nmMask(this.w, this.layout);
  }

  get macs(): { forward: number; input: number; weights: number } {
    const all = sizeOf(this.w.shape);
    return { forward: this.#forward.size, input: this.#backward?.size ?? all, weights: all };
  }

  product(x: Tensor, bias?: Tensor): Tensor {
    return this.#forward.product(x, bias);
  }

  inputGradient(g: Tensor): Tensor {
    if (this.#backward) return this.#backward.product(g);
    return scope(() => matmul(g, mul(this.w, this.mask())));
  }

  dispose(): void {
    currentScope()?.release(this);
    this.#forward.dispose();
    this.#backward?.dispose();
  }
}

/** The selected weights of a matrix: values and columns on the device, written anew by each `select`. */
class Packed {
  readonly size: number;
  readonly #values: Tensor;
  readonly #columns: Tensor;
  readonly #prepared: PreparedPattern;

  constructor(
    device: Device,
    readonly sparse: SparseDevice,
    [rows, cols]: readonly [number, number],
    readonly layout: NmSpec,
  ) {
    const each = keptPerRow(cols, layout.n, layout.m);
    this.size = rows * each;
    const groups = new Int32Array(4 * rows);
    for (let i = 0; i < rows; i++) groups.set([i * each, i * each, each, 1], 4 * i);
    const columns = new Int32Array(0);
    const pattern: SparsePattern = { rows, cols, lanes: 1, groups, columns, interleaved: false, size: this.size };
    this.#values = unscoped(() => Tensor.allocate([this.size], undefined, device));
    this.#columns = unscoped(() => Tensor.allocate([this.size], 'i32', device));
    this.#prepared = sparse.prepare(pattern, this.#columns.view('project'));
  }

  select(w: Tensor): void {
    const { n, m } = this.layout;
    this.sparse.selectNm(this.#values.view('project'), this.#columns.view('project'), w.view('project'), n, m);
  }

  product(x: Tensor, bias?: Tensor): Tensor {
    const y = Tensor.allocate([x.shape[0], this.#prepared.pattern.rows], undefined, x.device);
    const views = [this.#values, y, x].map((t) => t.view('projectedLinear'));
    this.sparse.product(this.#prepared, views[0], views[1], views[2], bias?.view('projectedLinear'));
    return y;
  }

  dispose(): void {
    this.#prepared.dispose();
    this.#values.dispose();
    this.#columns.dispose();
  }
}

/**
 * Packs the part of a dense weight that a layout keeps, for methods whose paper trains dense weights under a sparse forward pass. n:m is selected on
 * the device, at once; the other layouts (see `SupportSpec` for what they keep) read the weight to select, so that they are to be awaited, here and in
 * `update()`. Between two updates the support stays and the values follow `w`.
 * @param w `[out, in]`
 * @throws InputError where `w` is no matrix, the layout does not fit it, the density is not in (0, 1], or n:m is not `1 <= n <= m <= 32`
 */
export function project(w: Tensor, layout: NmSpec, options?: ProjectOptions): NmProjection;
export function project(w: Tensor, layout: SupportSpec): Promise<Projection>;
export function project(
  w: Tensor,
  layout: ProjectionSpec,
  options: ProjectOptions = {},
): NmProjection | Promise<Projection> {
  return layout.kind === 'nm' ? new NmProjection(w, layout, options) : SupportProjection.of(w, layout);
}

/** `[rows, cols]`: 1 at the `n` largest magnitudes of every `m` neighbours of a row of `w`, 0 elsewhere. No gradient flows. */
export function nmMask(w: Tensor, { n, m }: NmSpec): Tensor {
  const { sparse, name } = w.device;
  if (!sparse) throw new InputError(`device ${name} has no sparse products; use the CPU or the reference`);
  const mask = Tensor.allocate(w.shape, undefined, w.device);
  sparse.maskNm(mask.view('nmMask'), w.view('nmMask'), n, m);
  return mask;
}

/**
 * `y = x W_f^T + b` with the selected weights `W_f` of a projection. Gradients: to `x` as the projection says; to all of `w`, straight
 * through, `dW = dY^T x + pull * (1 - M) * W` with `M` the selection (SR-STE's decay of what is not selected; 0 by default);
 * to `bias`.
 * @param x `[.., in]`
 * @param bias `[out]`
 * @returns `[.., out]`
 * @throws InputError where the shapes do not fit
 */
export function projectedLinear(x: Tensor, p: Projection, bias?: Tensor, options: { pull?: number } = {}): Tensor {
  const { pull = 0 } = options;
  const { w } = p;
  const [out, inputs] = w.shape;
  if (x.shape.length === 0 || x.shape[x.shape.length - 1] !== inputs) {
    throw new InputError(
      `projectedLinear: a ${out} x ${inputs} weight needs inputs of ${inputs} features, got [${x.shape}]`,
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== out)) {
    throw new InputError(`projectedLinear: a ${out} x ${inputs} weight needs a bias of ${out}, got [${bias.shape}]`);
  }
  const rows = reshape(x, [sizeOf(x.shape.slice(0, -1)), inputs]);
  const y = record('projectedLinear', p.product(rows, bias), bias ? [rows, w, bias] : [rows, w], (g) => {
    const straight = () => {
      const gradient = matmul(g, rows, { transposeA: true });
      return pull === 0 ? gradient : add(gradient, mul(pull, mul(sub(1, p.mask()), w)));
    };
    return [
      rows.tracked ? p.inputGradient(g) : null,
      w.tracked ? straight() : null,
      ...(bias ? [bias.tracked ? sum(g, 0) : null] : []),
    ];
  });
  return reshape(y, [...x.shape.slice(0, -1), out]);
}
