/**
 * The part of the host's `WebAssembly` that the engine uses, typed here because the library is compiled without the
 * DOM's types.
 */
export interface WasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Adds 64 KiB pages; throws RangeError when the host refuses. */
  grow(pages: number): number;
}
export interface WasmInstance {
  readonly exports: Readonly<Record<string, (...args: number[]) => number>>;
}

interface Host {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { env: { memory: WasmMemory } }) => WasmInstance;
  readonly Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => WasmMemory;
}

export const wasm = (globalThis as unknown as { WebAssembly: Host }).WebAssembly;

/** Compiles and links a module that `ModuleBuilder` wrote. Synchronous: in a browser, for workers only. */
export function instantiate(bytes: Uint8Array, memory: WasmMemory): WasmInstance {
  return new wasm.Instance(new wasm.Module(bytes), { env: { memory } });
}
