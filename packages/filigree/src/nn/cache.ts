import { assign, concat, expand, reshape, Scope, slice, Tensor } from '../tensor/index.js';
import type { TransformerConfig } from './config.js';

/** What a run knows of the positions before its own. */
export interface Past {
  /** How many they are. */
  readonly length: number;
  /** A layer's keys and values `[batch, positions, heads, headWidth]`, those of the past before the new ones. */
  extend(layer: number, keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor };
  /** Told once at the end of a run how many positions it had. */
  advance(positions: number): void;
}

/** Keys and values of the positions seen so far, `[batch, capacity, kvHeads, headWidth]` per layer. */
export class KeyValueCache implements Past {
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

  advance(positions: number): void {
    this.length += positions;
  }

  /** Those of a layer stored so far. */
  stored(layer: number): { keys: Tensor; values: Tensor } {
    const { keys, values } = this.layers[layer];
    return { keys: slice(keys, 1, 0, this.length), values: slice(values, 1, 0, this.length) };
  }

  dispose(): void {
    this.owner.dispose();
  }
}

/**
 * A past that runs share and leave as it is. Their batch may be several times that of the past, all sequences once, then again;
 * their keys and values may be ungrouped. Gradients flow to the new positions.
 */
export class SharedPast implements Past {
  constructor(private readonly cache: KeyValueCache) {}

  get length(): number {
    return this.cache.length;
  }

  extend(layer: number, keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor } {
    const before = this.cache.stored(layer);
    return { keys: joined(before.keys, keys), values: joined(before.values, values) };
  }

  advance(): void {}

  dispose(): void {
    this.cache.dispose();
  }
}

function joined(before: Tensor, after: Tensor): Tensor {
  const [sequences, length, groups, headWidth] = before.shape;
  const [batch, , heads] = after.shape;
  const once = reshape(before, [1, sequences, length, groups, 1, headWidth]);
  const repeated = expand(once, [batch / sequences, sequences, length, groups, heads / groups, headWidth]);
  return concat([reshape(repeated, [batch, length, heads, headWidth]), after], 1);
}
