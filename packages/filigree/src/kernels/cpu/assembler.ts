import {
  codeOf,
  f32x4,
  i32,
  type Operand,
  relaxedMadd,
  relaxedNmadd,
  unsigned,
  type Value,
  type ValueType,
} from './instructions.js';

/** A local variable or parameter; as a value it reads the variable. */
export interface Local<T extends ValueType> extends Value<T> {
  readonly index: number;
}
type Locals<P extends readonly ValueType[]> = { readonly [K in keyof P]: Local<P[K]> };
type Operands<P extends readonly ValueType[]> = { readonly [K in keyof P]: Operand<P[K]> };

/** Where a branch goes: the end of a block or the start of a loop. Valid inside its own body only. */
export interface Label {
  readonly depth: number;
}

/** A function of the module, to be called from later ones. */
export interface Callable<P extends readonly ValueType[], R extends ValueType> {
  readonly index: number;
  readonly params: P;
  readonly result: R | undefined;
}

export interface ModuleOptions {
  /** Import the memory as shared, for threads. The instance's memory must then be shared too. */
  readonly shared?: boolean;
  /** `madd` and `nmadd` are one relaxed instruction; else a multiply and an add. */
  readonly relaxed?: boolean;
}

const typeByte: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };
const EMPTY_BLOCK = 0x40;
/** 4 GiB, the most that 32-bit addresses reach. */
const MAXIMUM_PAGES = 65536;

/** The body of one function while it is written: statements in order, structured control, locals. */
export class FunctionBuilder {
  readonly code: number[] = [];
  /** Runs before `code`: the constants. */
  readonly prologue: number[] = [];
  readonly locals: ValueType[] = [];
  readonly #params: number;
  readonly #relaxed: boolean;
  readonly #constants = new Map<string, Local<'v128'>>();
  #depth = 0;

  constructor(params: number, relaxed: boolean) {
    this.#params = params;
    this.#relaxed = relaxed;
  }

  /** A new variable, 0 at the start of the function (not of the block). */
  local<T extends ValueType>(type: T): Local<T> {
    const index = this.#params + this.locals.length;
    this.locals.push(type);
    return variable(type, index);
  }

  /** A new variable that holds `x`. */
  let<T extends ValueType>(x: Value<T>): Local<T> {
    const local = this.local(x.type);
    this.code.push(...x.code, 0x21, ...unsigned(local.index));
    return local;
  }

  /**
   * A vector constant in a variable that is set once, as the function begins: engines build vector constants from
   * several instructions each time they meet one.
   */
  constant(x: Value<'v128'>): Local<'v128'> {
    const key = x.code.join();
    let local = this.#constants.get(key);
    if (!local) {
      local = this.local('v128');
      this.#constants.set(key, local);
      this.prologue.push(...x.code, 0x21, ...unsigned(local.index));
    }
    return local;
  }

  set<T extends ValueType>(local: Local<T>, x: Operand<T>): void {
    this.code.push(...codeOf(local.type, x as Value<T> | number), 0x21, ...unsigned(local.index));
  }

  /** Sets and gives the value that was set. */
  tee<T extends ValueType>(local: Local<T>, x: Operand<T>): Value<T> {
    const code = codeOf(local.type, x as Value<T> | number);
    return { type: local.type, code: [...code, 0x22, ...unsigned(local.index)] };
  }

  /** `local += x` for integers: pointers and counters. */
  increment(local: Local<'i32'>, x: Operand<'i32'>): void {
    this.set(local, i32.add(local, x));
  }

  /** `a * b + c`, four lanes. */
  madd(a: Value<'v128'>, b: Value<'v128'>, c: Value<'v128'>): Value<'v128'> {
    return this.#relaxed ? relaxedMadd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
  }

  /** `c - a * b`, four lanes. */
  nmadd(a: Value<'v128'>, b: Value<'v128'>, c: Value<'v128'>): Value<'v128'> {
    return this.#relaxed ? relaxedNmadd(a, b, c) : f32x4.sub(c, f32x4.mul(a, b));
  }

  /** Stores a vector, float or integer by its type. */
  store<T extends ValueType>(address: Operand<'i32'>, x: Value<T>, offset = 0): void {
    const opcode = { i32: [0x36, 2], f32: [0x38, 2], v128: [0xfd, 0x0b, 4] }[x.type];
    this.code.push(...codeOf('i32', address), ...x.code, ...opcode, ...unsigned(offset));
  }

  store8(address: Operand<'i32'>, x: Operand<'i32'>, offset = 0): void {
    this.code.push(...codeOf('i32', address), ...codeOf('i32', x), 0x3a, 0, ...unsigned(offset));
  }

  /** Stores one 32-bit lane of a vector. */
  storeLane(address: Operand<'i32'>, x: Value<'v128'>, lane: number, offset = 0): void {
    this.code.push(...codeOf('i32', address), ...x.code, 0xfd, 0x5a, 2, ...unsigned(offset), lane);
  }

  /** Copies `bytes`; the runs may overlap. */
  memoryCopy(to: Operand<'i32'>, from: Operand<'i32'>, bytes: Operand<'i32'>): void {
    this.code.push(...codeOf('i32', to), ...codeOf('i32', from), ...codeOf('i32', bytes), 0xfc, 0x0a, 0, 0);
  }

  memoryFill(to: Operand<'i32'>, byte: Operand<'i32'>, bytes: Operand<'i32'>): void {
    this.code.push(...codeOf('i32', to), ...codeOf('i32', byte), ...codeOf('i32', bytes), 0xfc, 0x0b, 0);
  }

  /** A block; a branch to its label leaves it. */
  block(body: (end: Label) => void): void {
    this.#structure(0x02, body);
  }

  /** A loop that runs once unless the body branches to the label, which starts it again. */
  loop(body: (again: Label) => void): void {
    this.#structure(0x03, body);
  }

  if(condition: Operand<'i32'>, yes: () => void, no?: () => void): void {
    this.code.push(...codeOf('i32', condition), 0x04, EMPTY_BLOCK);
    this.#depth++;
    yes();
    if (no) {
      this.code.push(0x05);
      no();
    }
    this.#depth--;
    this.code.push(0x0b);
  }

  br(label: Label): void {
    this.code.push(0x0c, ...unsigned(this.#depth - label.depth));
  }

  brIf(label: Label, condition: Operand<'i32'>): void {
    this.code.push(...codeOf('i32', condition), 0x0d, ...unsigned(this.#depth - label.depth));
  }

  /**
   * `for (i = start; i < end; i += step) body()`, compared as signed integers. `end` and `step` are evaluated each time
   * round, so give locals or constants. Without `start` the counter goes on from where it stands.
   */
  for(
    i: Local<'i32'>,
    start: Operand<'i32'> | undefined,
    end: Operand<'i32'>,
    step: Operand<'i32'>,
    body: () => void,
  ): void {
    if (start !== undefined) this.set(i, start);
    this.if(i32.lt(i, end), () => {
      this.loop((again) => {
        body();
        this.brIf(again, i32.lt(this.tee(i, i32.add(i, step)), end));
      });
    });
  }

  /** A call for its effect. */
  call<P extends readonly ValueType[]>(callee: Callable<P, never>, ...args: Operands<P>): void {
    this.code.push(...callCode(callee, args));
  }

  /** A call for its result. */
  value<P extends readonly ValueType[], R extends ValueType>(callee: Callable<P, R>, ...args: Operands<P>): Value<R> {
    return { type: callee.result as R, code: callCode(callee, args) };
  }

  return(): void {
    this.code.push(0x0f);
  }

  #structure(opcode: number, body: (label: Label) => void): void {
    this.code.push(opcode, EMPTY_BLOCK);
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
    this.code.push(0x0b);
  }
}

function variable<T extends ValueType>(type: T, index: number): Local<T> {
  return { type, index, code: [0x20, ...unsigned(index)] };
}

function callCode(callee: Callable<readonly ValueType[], ValueType>, args: readonly unknown[]): number[] {
  const code = callee.params.flatMap((type, k) => [...codeOf(type, args[k] as Value<ValueType> | number)]);
  return [...code, 0x10, ...unsigned(callee.index)];
}

/**
 * A WebAssembly module while it is written. It imports one memory (`env.memory`) and exports every function by name.
 *
 *     const m = new ModuleBuilder();
 *     m.func('double', ['i32', 'i32'], (f, p, n) => {
 *       const i = f.local('i32');
 *       f.for(i, 0, n, 4, () => {
 *         const x = f.let(v128.load(p));
 *         f.store(p, f32x4.add(x, x));
 *         f.increment(p, 16);
 *       });
 *     });
 *     new WebAssembly.Module(m.finish());
 */
export class ModuleBuilder {
  readonly #shared: boolean;
  readonly #relaxed: boolean;
  readonly #functions: { name: string; params: readonly ValueType[]; result: ValueType | undefined; code: number[] }[] =
    [];

  constructor(options: ModuleOptions = {}) {
    this.#shared = options.shared ?? false;
    this.#relaxed = options.relaxed ?? false;
  }

  /** Adds an exported function. The value that `body` gives back, if any, is the function's result. */
  func<const P extends readonly ValueType[], R extends ValueType = never>(
    name: string,
    params: P,
    // biome-ignore lint/suspicious/noConfusingVoidType: most kernels have statements only
    body: (f: FunctionBuilder, ...params: Locals<P>) => Value<R> | void,
  ): Callable<P, R> {
    const f = new FunctionBuilder(params.length, this.#relaxed);
    const result = body(f, ...(params.map(variable) as unknown as Locals<P>)) ?? undefined;
    const groups: { type: ValueType; count: number }[] = [];
    for (const type of f.locals) {
      const last = groups.at(-1);
      if (last?.type === type) last.count++;
      else groups.push({ type, count: 1 });
    }
    const declared = groups.flatMap(({ type, count }) => [...unsigned(count), typeByte[type]]);
    const code = [...unsigned(groups.length), ...declared, ...f.prologue];
    for (const byte of f.code) code.push(byte);
    code.push(...(result?.code ?? []), 0x0b);
    this.#functions.push({ name, params, result: result?.type, code });
    return { index: this.#functions.length - 1, params, result: result?.type };
  }

  /** The bytes of the module. */
  finish(): Uint8Array<ArrayBuffer> {
    const limits = this.#shared ? [0x03, 0, ...unsigned(MAXIMUM_PAGES)] : [0x00, 0];
    const types = this.#functions.map(({ params, result }) => [
      0x60,
      ...unsigned(params.length),
      ...params.map((type) => typeByte[type]),
      ...(result ? [1, typeByte[result]] : [0]),
    ]);
    const bytes = [
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, types),
      ...section(2, [[...text('env'), ...text('memory'), 0x02, ...limits]]),
      ...section(
        3,
        types.map((_type, index) => unsigned(index)),
      ),
      ...section(
        7,
        this.#functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]),
      ),
    ];
    const bodies = vector(this.#functions.map(({ code }) => [...unsigned(code.length), ...code]));
    const head = [10, ...unsigned(bodies.length)];
    const module = new Uint8Array(bytes.length + head.length + bodies.length);
    module.set(bytes);
    module.set(head, bytes.length);
    module.set(bodies, bytes.length + head.length);
    return module;
  }
}

function text(s: string): number[] {
  const characters = [...s].map((c) => c.charCodeAt(0));
  return [...unsigned(characters.length), ...characters];
}

function vector(items: readonly (readonly number[])[]): number[] {
  const bytes = unsigned(items.length);
  for (const item of items) for (const byte of item) bytes.push(byte);
  return bytes;
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const body = vector(items);
  return [id, ...unsigned(body.length), ...body];
}
