import { platform } from '../../platform.js';
import type { Buffer, DType, View } from '../device.js';
import { type FunctionBuilder, type Local, ModuleBuilder } from './assembler.js';
import { f32x4, type ValueType, v128 } from './instructions.js';
import { type Block, Memory } from './memory.js';
import { type Kernel, MAX_ARGUMENTS, ThreadPool } from './threads.js';
import { instantiate, wasm } from './webassembly.js';

export interface EngineOptions {
  /** Threads that work, the caller counted. Default: one for each core of the platform, 1 where memory cannot be shared. */
  readonly threads?: number;
  /** Limit of the memory in bytes, at most 4 GiB, the default. */
  readonly maxBytes?: number;
  /** Fused multiply-add. Default: where the host has it. */
  readonly relaxed?: boolean;
}

/** A device buffer: a block of the engine's memory. */
export interface CpuBuffer extends Buffer {
  readonly dtype: Exclude<DType, 'f64'>;
  readonly block: Block;
}

/** Bytes of one element. */
export const widthOf = (dtype: DType): number => (dtype === 'u8' ? 1 : dtype === 'f64' ? 8 : 4);

/** Byte address of element `offset` of a buffer of this device. */
export function addressOf(buffer: Buffer, offset: number): number {
  return (buffer as CpuBuffer).block.address + offset * widthOf(buffer.dtype);
}

/** Byte address of a view's first element. */
export const viewAddress = (view: View): number => addressOf(view.buffer, view.offset);

type Parameters<P extends readonly ValueType[]> = { readonly [K in keyof P]: Local<P[K]> };

let relaxedSupport: boolean | undefined;

/** Whether the host compiles relaxed SIMD. */
export function hasRelaxedSimd(): boolean {
  if (relaxedSupport === undefined) {
    const m = new ModuleBuilder({ relaxed: true });
    m.func('run', ['i32'], (f, p) => f.store(p, f.madd(v128.load(p), v128.load(p), f32x4.const(1))));
    relaxedSupport = wasm.validate(m.finish());
  }
  return relaxedSupport;
}

/** What every kernel group stands on: the memory, kernels compiled on demand, and threads. */
export class Engine {
  readonly memory: Memory;
  readonly threads: number;
  readonly relaxed: boolean;
  readonly #kernels = new Map<string, Kernel>();
  readonly #pool: ThreadPool | undefined;

  constructor(options: EngineOptions = {}) {
    const host = platform();
    const canShare = host !== undefined && typeof SharedArrayBuffer !== 'undefined';
    this.threads = canShare ? Math.max(1, options.threads ?? host.cores) : 1;
    this.relaxed = options.relaxed ?? hasRelaxedSimd();
    this.memory = new Memory({ shared: this.threads > 1, maxBytes: options.maxBytes });
    if (this.threads > 1) this.#pool = new ThreadPool(this.memory, this.threads);
  }

  /**
   * The kernel of that name, built at its first use. `build` writes a function of `from`, `to` and `params` that does
   * the units `[from, to)`; what a unit is, the kernel says. Units must not depend on one another, and a unit's result
   * must not depend on where the range begins or ends.
   */
  kernel<const P extends readonly ('i32' | 'f32')[]>(
    name: string,
    params: P,
    build: (f: FunctionBuilder, from: Local<'i32'>, to: Local<'i32'>, ...params: Parameters<P>) => void,
  ): Kernel {
    if (params.length > MAX_ARGUMENTS) throw new Error(`kernel ${name} takes more than ${MAX_ARGUMENTS} arguments`);
    return this.module(name, (m) => {
      m.func('run', ['i32', 'i32', ...params], (f, from, to, ...rest) => {
        build(f, from, to, ...(rest as unknown as Parameters<P>));
      });
    });
  }

  /** As `kernel`, for one of several functions: `write` adds them, `run(from, to, ...)` among them. */
  module(name: string, write: (m: ModuleBuilder) => void): Kernel {
    const known = this.#kernels.get(name);
    if (known) return known;
    const m = new ModuleBuilder({ shared: this.memory.shared, relaxed: this.relaxed });
    write(m);
    const bytes = m.finish();
    const call = instantiate(bytes, this.memory.memory).exports['run'];
    const kernel: Kernel = { id: this.#kernels.size, bytes, call, published: 0 };
    this.#kernels.set(name, kernel);
    return kernel;
  }

  /** Every kernel built so far, for tests that judge their bytes. */
  kernels(): ReadonlyMap<string, Kernel> {
    return this.#kernels;
  }

  /**
   * Does `units` units. They are split over threads only where each gets at least `minimum`, which should be some 50
   * microseconds of work: less is lost in waking a worker.
   */
  run(kernel: Kernel, units: number, minimum: number, args: readonly number[]): void {
    if (units <= 0) return;
    if (this.#pool && units >= 2 * minimum) this.#pool.run(kernel, units, minimum, args);
    else kernel.call(0, units, ...args);
  }

  dispose(): void {
    this.#pool?.dispose();
  }
}
