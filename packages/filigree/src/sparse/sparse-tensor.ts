import { InputError } from '../errors.js';
import type { Device, PreparedPattern, SparseDevice } from '../kernels/index.js';
import { defaultDevice } from '../tensor/default-device.js';
import { type Tensor, tensor } from '../tensor/index.js';
import { currentScope } from '../tensor/scope.js';
import { Layout } from './layout.js';
import type { LayoutSpec } from './packing.js';
import { Topology } from './topology.js';

/**
 * A sparse weight `W[rows, cols]`: its values, a flat tensor in the layout's order, and the layout. Differentiable in its values.
 * Owned by the scope in which it is made, as tensors are.
 */
export class SparseTensor {
  #forward: PreparedPattern | undefined;
  #transposed: PreparedPattern | undefined;

  /** Takes `values` over: they are freed with this. Throws InputError where their number is not the layout's. */
  constructor(
    readonly values: Tensor,
    readonly layout: Layout,
  ) {
    if (values.shape.length !== 1 || values.size !== layout.size) {
      throw new InputError(
        `layout ${layout.name} of ${layout.rows} x ${layout.cols} holds ${layout.size} values, got a tensor of shape [${values.shape}]`,
      );
    }
    currentScope()?.add(this);
  }

  /**
   * Packs a dense `[rows, cols]`, row-major. The support is `mask` (anything but 0), by default where the matrix is not 0.
   * @throws InputError where the layout does not fit
   */
  static fromDense(
    dense: ArrayLike<number>,
    shape: readonly [number, number],
    spec: LayoutSpec = { kind: 'csr' },
    options: { mask?: ArrayLike<number>; device?: Device } = {},
  ): SparseTensor {
    const { mask = dense, device = defaultDevice() } = options;
    const layout = new Layout(Topology.fromMask(mask, ...shape), spec);
    // Explicit zeros of the layout lie outside the mask: they stay 0 even where the dense matrix has something there.
    const kept = mask === dense ? dense : Float64Array.from(dense, (x, k) => (mask[k] === 0 ? 0 : x));
    return new SparseTensor(tensor(layout.pack(kept), [layout.size], undefined, device), layout);
  }

  /** Rows and columns. */
  get shape(): readonly [number, number] {
    return [this.layout.rows, this.layout.cols];
  }

  /** The dense matrix, `[rows, cols]`, row-major. */
  async toDense(): Promise<Float64Array> {
    return this.layout.unpack(await this.values.data());
  }

  /** As a dense tensor; no gradient flows through it. */
  async densify(): Promise<Tensor> {
    return tensor(await this.toDense(), this.shape, undefined, this.values.device);
  }

  /** The same weights in another layout. Throws InputError where it does not fit. */
  async repack(spec: LayoutSpec): Promise<SparseTensor> {
    const { values, layout } = this;
    const next = new Layout(layout.support, spec);
    const carried = next.carry(layout, await values.data());
    return new SparseTensor(tensor(carried, [next.size], undefined, values.device), next);
  }

  /** The pattern on the device of the values. Throws InputError where that has no sparse products. */
  forward(): PreparedPattern {
    this.#forward ??= this.products().prepare(this.layout.pattern);
    return this.#forward;
  }

  /** The transposed pattern, likewise. */
  transposed(): PreparedPattern {
    this.#transposed ??= this.products().prepare(this.layout.transposed());
    return this.#transposed;
  }

  /** The sparse products of the values' device. */
  products(): SparseDevice {
    const { sparse, name } = this.values.device;
    if (!sparse) throw new InputError(`device ${name} has no sparse products; use the CPU or the reference`);
    return sparse;
  }

  /** Frees the values and what the device keeps of the pattern. */
  dispose(): void {
    currentScope()?.release(this);
    this.#forward?.dispose();
    this.#transposed?.dispose();
    this.#forward = undefined;
    this.#transposed = undefined;
    this.values.dispose();
  }
}
