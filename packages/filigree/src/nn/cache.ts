import { assign, Scope, slice, Tensor } from '../tensor/index.js';
import type { TransformerConfig } from './config.js';

/** Keys and values of the positions seen so far, `[batch, capacity, kvHeads, headWidth]` per layer. */
export class KeyValueCache {
  /** Positions stored. */
  length = 0;
  private readonly owner = new Scope();
  private readonly layers: { keys: Tensor; values: Tensor }[];

  constructor(
    config: TransformerConfig,
    batch: number,
    /** Positions there is room for. */
    readonly capacity: number = config.context,
  ) {
    const shape = [batch, capacity, config.kvHeads, config.headWidth];
    this.layers = this.owner.run(() =>
      Array.from({ length: config.layers }, () => ({ keys: Tensor.allocate(shape), values: Tensor.allocate(shape) })),
    );
  }

  /** Stores the new keys and values of a layer, at `length`, and returns all up to them. */
  extend(layer: number, keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor } {
    const end = this.length + keys.shape[1];
    if (end > this.capacity) throw new RangeError(`the key-value cache holds ${this.capacity} positions, not ${end}`);
    const store = this.layers[layer];
    assign(slice(store.keys, 1, this.length, end), keys);
    assign(slice(store.values, 1, this.length, end), values);
    return { keys: slice(store.keys, 1, 0, end), values: slice(store.values, 1, 0, end) };
  }

  dispose(): void {
    this.owner.dispose();
  }
}
