import { InputError } from '../errors.js';
import type { Trainable } from '../nn/fit-options.js';
import type { LabelledBatch } from '../nn/layered.js';
import type { Parameter } from '../nn/optimiser.js';
import { largest, type Topology } from '../sparse/index.js';
import {
  add,
  crossEntropy,
  matmul,
  mul,
  Random,
  relu,
  stopGradient,
  sub,
  type Tensor,
  tensor,
} from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';

export interface StrongTicketOptions {
  readonly sizes: readonly number[];
  /** Share of each layer's weights that compute. */
  readonly density: number;
  readonly seed?: number;
  /** Places that may compute, for every layer; all by default. */
  readonly within?: readonly Topology[];
}

/**
 * Edge-popup: a perceptron whose weights, `+-sqrt(2 / (density in))`, are never trained, only which of them compute. Each place has a score; the
 * largest of a layer compute, and scores get the gradient straight through: `dL/ds = w dL/d(w m)`. `choose` selects anew and belongs before the
 * first update and after every few.
 * Ramanujan, Wortsman, Kembhavi, Farhadi, Rastegari: What's Hidden in a Randomly Weighted Neural Network?, 2020.
 */
export class StrongTicket implements Trainable<LabelledBatch> {
  /** `layers.0.scores` `[out, in]`, …. */
  readonly parameters = new Map<string, Parameter>();
  readonly #weights: Tensor[] = [];
  /** 1 where a weight computes, and where it may. */
  readonly #kept: Tensor[] = [];
  readonly #allowed: Tensor[] = [];

  /** @throws InputError where the density is not in (0, 1] or leaves a layer more weights than it may have */
  constructor(readonly options: StrongTicketOptions) {
    const { sizes, density, seed = 0, within } = options;
    if (!(density > 0 && density <= 1)) {
      throw new InputError(`a density must be above 0 and at most 1, not ${density}`);
    }
    unscoped(() => {
      for (let l = 0; l + 1 < sizes.length; l++) {
        const [inputs, out] = [sizes[l], sizes[l + 1]];
        const random = new Random(seed).fork(`layer ${l}`);
        const size = Math.sqrt(2 / (density * inputs));
        const signs = Float32Array.from({ length: out * inputs }, () => (random.integer(2) === 0 ? size : -size));
        const places = within?.[l].toMask() ?? new Uint8Array(out * inputs).fill(1);
        if (within && within[l].size < this.#count(l)) {
          throw new InputError(`layer ${l} may have ${within[l].size} weights, but should keep ${this.#count(l)}`);
        }
        const scores = Float32Array.from(places, (on) => (on ? random.uniform() / Math.sqrt(inputs) : 0));
        this.#weights.push(tensor(signs, [out, inputs]));
        this.#allowed.push(tensor(places, [out, inputs]));
        this.#kept.push(tensor(places, [out, inputs]));
        this.parameters.set(`layers.${l}.scores`, tensor(scores, [out, inputs]));
      }
    });
  }

  #count(layer: number): number {
    const { sizes, density } = this.options;
    return Math.round(density * sizes[layer] * sizes[layer + 1]);
  }

  /** Lets the largest scores of every layer compute. */
  async choose(): Promise<void> {
    for (const [l, allowed] of this.#allowed.entries()) {
      const [scores, may] = await Promise.all([
        (this.parameters.get(`layers.${l}.scores`) as Tensor).data(),
        allowed.data(),
      ]);
      const ranked = Float64Array.from(scores, (s, k) => (may[k] ? s : Number.NEGATIVE_INFINITY));
      const mask = new Float32Array(ranked.length);
      for (const k of largest(ranked, this.#count(l))) mask[k] = 1;
      const view = this.#kept[l].view('choose');
      this.#kept[l].device.write(view.buffer, view.offset, mask);
    }
  }

  /** Logits of `x` `[samples, features]`. */
  run(x: Tensor): Tensor {
    return this.#weights.reduce((state, w, l) => {
      const scores = this.parameters.get(`layers.${l}.scores`) as Tensor;
      const through = mul(this.#allowed[l], sub(scores, stopGradient(scores)));
      const y = matmul(state, mul(w, add(this.#kept[l], through)), { transposeB: true });
      return l === this.#weights.length - 1 ? y : relu(y);
    }, x);
  }

  loss({ inputs, samples, labels }: LabelledBatch): Tensor {
    if (!labels) throw new InputError('a ticket needs labels');
    return crossEntropy(this.run(tensor(inputs, [samples, this.options.sizes[0]])), labels);
  }

  dispose(): void {
    for (const t of [...this.#weights, ...this.#kept, ...this.#allowed, ...this.parameters.values()]) t.dispose();
  }
}
