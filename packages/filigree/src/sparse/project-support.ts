import { InputError } from '../errors.js';
import { sizeOf } from '../kernels/views.js';
import { contiguous, noGrad, pick, scope, Tensor, tensor } from '../tensor/index.js';
import { currentScope, unscoped } from '../tensor/scope.js';
import type { ButterflySpec } from './butterfly-pattern.js';
import { Layout } from './layout.js';
import { groupedNmMask, type NmgSpec } from './nmg.js';
import type { LayoutSpec } from './packing.js';
import type { Projection } from './project.js';
import { largest } from './select.js';
import { SparseTensor } from './sparse-tensor.js';
import { Topology } from './topology.js';

/**
 * What a projection keeps of a dense weight, by magnitude:
 * - `csr`: the largest of all, as many as the density says.
 * - `block`: the blocks with the largest sums of magnitudes.
 * - `condensed`: the largest of every row, the same number in each (one at least).
 * - `nmg`: those that `groupedNmMask` chooses.
 * - `butterfly`: the places of the pattern, whatever the weights are.
 */
export type SupportSpec =
  | { readonly kind: 'csr' | 'condensed'; readonly density: number }
  | { readonly kind: 'block'; readonly r: number; readonly c: number; readonly density: number }
  | NmgSpec
  | ButterflySpec;

/** The places that a projection keeps of `values` `[rows, cols]`, row-major. Throws InputError where the layout does not fit. */
export function selectSupport(
  values: ArrayLike<number>,
  [rows, cols]: readonly [number, number],
  spec: SupportSpec,
): Topology {
  if ('density' in spec && !(spec.density > 0 && spec.density <= 1)) {
    throw new InputError(`project: a density lies above 0 and is at most 1, got ${spec.density}`);
  }
  const sizes = Float64Array.from(values, Math.abs);
  const keys = (list: ArrayLike<number>): Topology => Topology.fromKeys(list, rows, cols);
  switch (spec.kind) {
    case 'csr':
      return keys(largest(sizes, Math.round(spec.density * sizes.length)));
    case 'condensed': {
      const each = Math.min(cols, Math.max(1, Math.round(spec.density * cols)));
      const chosen = new Float64Array(rows * each);
      for (let i = 0; i < rows; i++) {
        chosen.set(
          largest(sizes.subarray(i * cols, (i + 1) * cols), each).map((j) => i * cols + j),
          i * each,
        );
      }
      return keys(chosen);
    }
    case 'block': {
      const { r, c, density } = spec;
      const across = cols / c;
      if (!(r > 0 && c > 0) || rows % r !== 0 || cols % c !== 0) {
        throw new InputError(`project: blocks of ${r} x ${c} do not divide a ${rows} x ${cols} weight`);
      }
      const sums = new Float64Array((rows / r) * across);
      for (let k = 0; k < sizes.length; k++) {
        sums[Math.floor(k / cols / r) * across + Math.floor((k % cols) / c)] += sizes[k];
      }
      const corners = Array.from(
        largest(sums, Math.round(density * sums.length)),
        (b) => Math.floor(b / across) * r * cols + (b % across) * c,
      );
      return keys(
        corners.flatMap((at) => Array.from({ length: r * c }, (_, k) => at + Math.floor(k / c) * cols + (k % c))),
      );
    }
    case 'nmg':
      return Topology.fromMask(groupedNmMask(values, rows, cols, spec), rows, cols);
    case 'butterfly':
      return keys([]);
  }
}

/** The selected places of a dense weight, packed; what `project` gives for layouts other than n:m. */
export class SupportProjection implements Projection {
  #held: SparseTensor;
  /** The key of every value, in the layout's order. */
  #keys: Int32Array;

  private constructor(
    readonly w: Tensor,
    readonly layout: SupportSpec,
    support: Topology,
  ) {
    [this.#held, this.#keys] = this.#packed(support);
    currentScope()?.add(this);
  }

  static async of(w: Tensor, layout: SupportSpec): Promise<SupportProjection> {
    if (w.shape.length !== 2) throw new InputError(`project: a weight is a matrix [out, in], got [${w.shape}]`);
    const [out, inputs] = w.shape;
    return new SupportProjection(w, layout, selectSupport(await w.data(), [out, inputs], layout));
  }

  #packed(support: Topology): [SparseTensor, Int32Array] {
    const { layout: spec } = this;
    const packing: LayoutSpec = spec.kind === 'block' ? { kind: 'block', r: spec.r, c: spec.c } : spec;
    const layout = new Layout(support, packing);
    const keys = new Int32Array(layout.size);
    layout.support.keys().forEach((key, slot) => {
      keys[layout.places[slot]] = key;
    });
    // Holds the patterns of the device; its values are those of `w`, taken anew for each product.
    const values = () => tensor(new Float32Array(layout.size), [layout.size], undefined, this.w.device);
    return [unscoped(() => new SparseTensor(values(), layout)), keys];
  }

  async update(): Promise<void> {
    if (this.layout.kind === 'butterfly') return;
    const [out, inputs] = this.w.shape;
    const packed = this.#packed(selectSupport(await this.w.data(), [out, inputs], this.layout));
    this.#held.dispose();
    [this.#held, this.#keys] = packed;
  }

  mask(): Tensor {
    const [out, inputs] = this.w.shape;
    return tensor(this.#held.layout.support.toMask(), [out, inputs], undefined, this.w.device);
  }

  get macs(): { forward: number; input: number; weights: number } {
    const { size } = this.#held.layout;
    return { forward: size, input: size, weights: sizeOf(this.w.shape) };
  }

  product(x: Tensor, bias?: Tensor): Tensor {
    return this.#multiply(this.#held.forward(), x, this.w.shape[0], bias);
  }

  inputGradient(g: Tensor): Tensor {
    return this.#multiply(this.#held.transposed(), g, this.w.shape[1]);
  }

  #multiply(pattern: ReturnType<SparseTensor['forward']>, x: Tensor, width: number, bias?: Tensor): Tensor {
    return scope(() =>
      noGrad(() => {
        const values = pick(contiguous(this.w), this.#keys);
        const y = Tensor.allocate([x.shape[0], width], undefined, x.device);
        const view = (t: Tensor) => t.view('projectedLinear');
        this.#held.products().product(pattern, view(values), view(y), view(x), bias && view(bias));
        return y;
      }),
    );
  }

  dispose(): void {
    currentScope()?.release(this);
    this.#held.dispose();
  }
}
