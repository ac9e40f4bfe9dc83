import { InputError } from '../errors.js';
import { sizeOf } from '../kernels/views.js';
import { concat, gather, matmul, mul, reshape, Tensor, tensor, zeros } from '../tensor/index.js';
import { sparseLinear } from './linear.js';
import { parseLayout } from './packing.js';
import { SparseTensor } from './sparse-tensor.js';

/** A tensor in a layout that is not built in: values to train, and whatever else the layout keeps. */
export interface Packed {
  readonly layout: string;
  readonly shape: readonly number[];
  /** Flat; gradients flow to it. */
  readonly values: Tensor;
}

/** What operators take: dense, in a built-in layout, or in a registered one. */
export type OperandTensor = Tensor | SparseTensor | Packed;

/** A layout: how to pack, and the dense tensor that a packed one stands for. */
export interface LayoutEntry<P extends OperandTensor = OperandTensor> {
  readonly name: string;
  /**
   * Packs `dense`, row-major, at the places where `mask` is not 0.
   * @throws InputError where the layout has no such support
   */
  pack(dense: ArrayLike<number>, mask: ArrayLike<number>, shape: readonly number[]): P;
  /** Differentiable in the values. */
  densify(packed: P): Tensor;
  /** Bytes of values and indices. */
  bytes(packed: P): number;
  /** The same numbers in other layouts, differentiable in the values. */
  readonly convert?: Readonly<Record<string, (packed: P) => OperandTensor>>;
}

/** An operator for one combination of layouts, such as `linear` for `['dense', 'csr']`; differentiable. */
export interface OperatorEntry {
  readonly operator: string;
  readonly layouts: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: the registry hands over what the layouts say
  run(...operands: any[]): Tensor;
}

/** Which values to keep. */
export interface Sparsifier {
  readonly name: string;
  /** What it must see: one value, one block, or the whole tensor. */
  readonly kind: 'streaming' | 'blocking' | 'materialising';
  /** 1 where a value of `x`, row-major, is kept, 0 elsewhere. */
  mask(x: ArrayLike<number>, shape: readonly number[]): Uint8Array;
}

/** What becomes of an operator's output: STen's four choices. */
export interface OutputFormat {
  /** Applied to what the operator computes. */
  inline?: Sparsifier;
  /** Layout between the two sparsifiers; dense by default. */
  temporary?: string;
  external?: Sparsifier;
  /** Layout of the result; dense by default. */
  final?: string;
}

/** How operators were found: by operator and layouts, `linear(dense, csr)`. */
export interface DispatchReport {
  readonly exact: ReadonlyMap<string, number>;
  readonly converted: ReadonlyMap<string, number>;
  /** Ran dense, because nothing else fits. */
  readonly fallbacks: ReadonlyMap<string, number>;
}

/**
 * Layouts, operators for combinations of layouts, and sparsifiers (Ivanov et al. 2023, STen). An operator is looked up for the layouts of
 * its operands; where there is none, for layouts that they convert to without loss, fewest bytes first; else the operands are made
 * dense and the fallback is counted. Built in: the layouts of `LayoutSpec` and `linear` on each of them.
 */
export class SparseRegistry {
  readonly #layouts = new Map<string, LayoutEntry>();
  readonly #operators = new Map<string, OperatorEntry>();
  readonly #sparsifiers = new Map<string, Sparsifier>();
  readonly #counts = {
    exact: new Map<string, number>(),
    converted: new Map<string, number>(),
    fallbacks: new Map<string, number>(),
  };

  constructor() {
    this.registerLayout(dense);
    this.registerOperator({ operator: 'linear', layouts: ['dense', 'dense'], run: denseLinear });
    for (const kind of ['csr', 'block', 'nm', 'nmg', 'condensed', 'butterfly']) {
      this.registerLayout(builtIn(kind));
      this.registerOperator({ operator: 'linear', layouts: ['dense', kind], run: sparseLinear });
    }
  }

  /** Adds a layout, or puts another in its place. */
  registerLayout<P extends OperandTensor>(entry: LayoutEntry<P>): void {
    this.#layouts.set(entry.name, entry as unknown as LayoutEntry);
  }

  registerOperator(entry: OperatorEntry): void {
    this.#operators.set(keyOf(entry.operator, entry.layouts), entry);
  }

  registerSparsifier(sparsifier: Sparsifier): void {
    this.#sparsifiers.set(sparsifier.name, sparsifier);
  }

  /** A registered sparsifier. Throws InputError where there is none of that name. */
  sparsifier(name: string): Sparsifier {
    const found = this.#sparsifiers.get(name);
    if (found) return found;
    throw new InputError(`no sparsifier '${name}'; there are ${[...this.#sparsifiers.keys()].join(', ') || 'none'}`);
  }

  /** Runs an operator on operands of any layouts. Throws InputError where not even dense operands have it. */
  run(operator: string, ...operands: OperandTensor[]): Tensor {
    const layouts = operands.map(layoutOf);
    const key = keyOf(operator, layouts);
    const exact = this.#operators.get(key);
    if (exact) {
      count(this.#counts.exact, key);
      return exact.run(...operands);
    }
    const converted = this.#converted(operator, operands);
    if (converted) {
      count(this.#counts.converted, key);
      return converted.entry.run(...converted.operands);
    }
    const plain = this.#operators.get(
      keyOf(
        operator,
        layouts.map(() => 'dense'),
      ),
    );
    if (!plain) throw new InputError(`no operator ${key}, and none on dense tensors either`);
    count(this.#counts.fallbacks, key);
    return plain.run(...operands.map((operand) => this.#layout(layoutOf(operand)).densify(operand)));
  }

  /** As `run`, and gives the output its format; the result's values take gradients back to the operands. */
  async format(output: Tensor, format: OutputFormat): Promise<OperandTensor> {
    const { inline, temporary = 'dense', external, final = 'dense' } = format;
    const between = await this.sparsify(output, inline, temporary);
    if (!external && final === temporary) return between;
    return this.sparsify(this.densify(between), external, final);
  }

  /** What a sparsifier keeps of a dense tensor, in a layout. Gradients flow from the values of dense results back to `x`. */
  async sparsify(x: Tensor, sparsifier: Sparsifier | undefined, layout: string): Promise<OperandTensor> {
    const values = await x.data();
    const mask = sparsifier ? sparsifier.mask(values, x.shape) : new Uint8Array(x.size).fill(1);
    if (layout === 'dense') return sparsifier ? mul(x, tensor(mask, x.shape, undefined, x.device)) : x;
    return this.#layout(layout).pack(values, mask, x.shape);
  }

  /** The dense tensor of an operand; differentiable in its values. */
  densify(operand: OperandTensor): Tensor {
    return this.#layout(layoutOf(operand)).densify(operand);
  }

  bytes(operand: OperandTensor): number {
    return this.#layout(layoutOf(operand)).bytes(operand);
  }

  /**
   * Parameters with those that a pattern names (`*` stands for anything) put in a layout; the others stay as they are.
   * @throws InputError where a pattern names no parameter
   */
  async sparsifyParameters(
    parameters: ReadonlyMap<string, Tensor>,
    rules: Readonly<Record<string, readonly [sparsifier: Sparsifier, layout: string]>>,
  ): Promise<Map<string, OperandTensor>> {
    const result = new Map<string, OperandTensor>(parameters);
    for (const [pattern, [sparsifier, layout]] of Object.entries(rules)) {
      const parts = pattern.split('*').map((part) => part.replace(/[^\w]/g, '\\$&'));
      const matcher = new RegExp(`^${parts.join('.*')}$`);
      const names = [...parameters.keys()].filter((name) => matcher.test(name));
      if (names.length === 0) throw new InputError(`no parameter is called '${pattern}'`);
      for (const name of names) {
        const parameter = parameters.get(name);
        if (parameter) result.set(name, await this.sparsify(parameter, sparsifier, layout));
      }
    }
    return result;
  }

  report(): DispatchReport {
    return this.#counts;
  }

  #layout(name: string): LayoutEntry {
    const found = this.#layouts.get(name);
    if (found) return found;
    if (/^[a-z]+ \d/.test(name)) return builtIn(name) as unknown as LayoutEntry;
    throw new InputError(`no layout '${name}'; there are ${[...this.#layouts.keys()].join(', ')}`);
  }

  /** The operator with the fewest bytes among those that one lossless conversion of each operand leads to. */
  #converted(operator: string, operands: readonly OperandTensor[]) {
    let best: { entry: OperatorEntry; operands: OperandTensor[]; bytes: number } | undefined;
    for (const entry of this.#operators.values()) {
      if (entry.operator !== operator || entry.layouts.length !== operands.length) continue;
      const turned: OperandTensor[] = [];
      for (const [k, operand] of operands.entries()) {
        const from = layoutOf(operand);
        const other = from === entry.layouts[k] ? operand : this.#layout(from).convert?.[entry.layouts[k]]?.(operand);
        if (other) turned.push(other);
      }
      if (turned.length < operands.length) continue;
      const bytes = turned.reduce((sum, operand) => sum + this.bytes(operand), 0);
      if (!best || bytes < best.bytes) best = { entry, operands: turned, bytes };
    }
    return best;
  }
}

/** The name by which operators are looked up. */
export function layoutOf(operand: OperandTensor): string {
  if (operand instanceof Tensor) return 'dense';
  return operand instanceof SparseTensor ? operand.layout.spec.kind : operand.layout;
}

/**
 * The dense tensor with `values[k]` at `places[k]`, 0 elsewhere; differentiable. Layouts build their `densify` on it.
 * @param places row-major, each once
 */
export function scatterValues(values: Tensor, places: ArrayLike<number>, shape: readonly number[]): Tensor {
  const ids = new Int32Array(sizeOf(shape)).fill(values.size);
  for (let k = 0; k < places.length; k++) ids[places[k]] = k;
  const table = reshape(concat([values, zeros([1], values.device)], 0), [values.size + 1, 1]);
  return reshape(gather(table, tensor(ids, [ids.length], 'i32', values.device)), shape);
}

/** Keeps the given share of a tensor, the largest magnitudes; of equal ones the first. */
export function magnitudeFraction(share: number): Sparsifier {
  if (!(share > 0 && share <= 1)) throw new InputError(`a density lies above 0 and is at most 1, got ${share}`);
  return {
    name: `magnitude ${share}`,
    kind: 'materialising',
    mask(x) {
      const order = Array.from({ length: x.length }, (_, k) => k).sort(
        (a, b) => Math.abs(x[b]) - Math.abs(x[a]) || a - b,
      );
      const mask = new Uint8Array(x.length);
      for (const k of order.slice(0, Math.round(share * x.length))) mask[k] = 1;
      return mask;
    },
  };
}

/** Keeps values of at least that magnitude. */
export function scalarThreshold(least: number): Sparsifier {
  return {
    name: `threshold ${least}`,
    kind: 'streaming',
    mask: (x) => Uint8Array.from(x, (value) => (Math.abs(value) >= least ? 1 : 0)),
  };
}

const keyOf = (operator: string, layouts: readonly string[]): string => `${operator}(${layouts.join(', ')})`;

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

const dense: LayoutEntry<Tensor> = {
  name: 'dense',
  pack: (values, mask, shape) =>
    tensor(
      Float64Array.from(values, (x, k) => (mask[k] === 0 ? 0 : x)),
      shape,
    ),
  densify: (x) => x,
  bytes: (x) => 4 * x.size,
};

function denseLinear(x: Tensor, w: Tensor): Tensor {
  return matmul(x, w, { transposeB: true });
}

/** A built-in layout, such as `nm 2:4`, or just its kind, which packs where it has no parameters. */
function builtIn(name: string): LayoutEntry<SparseTensor> {
  return {
    name,
    pack: (values, mask, shape) => {
      if (shape.length !== 2) throw new InputError(`layout ${name} is for matrices, got [${shape}]`);
      return SparseTensor.fromDense(values, [shape[0], shape[1]], parseLayout(name), { mask });
    },
    densify: (w) => {
      const places = new Float64Array(w.layout.size);
      w.layout.support.keys().forEach((key, slot) => {
        places[w.layout.places[slot]] = key;
      });
      return scatterValues(w.values, places, w.shape);
    },
    bytes: (w) => w.layout.statistics().bytes,
  };
}
