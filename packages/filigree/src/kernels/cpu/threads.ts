import { platform, type WorkerHandle } from '../../platform.js';
import type { Memory } from './memory.js';

/** A compiled kernel: `call(from, to, ...args)` does the units from `from` up to `to`. */
export interface Kernel {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly call: (...args: number[]) => number;
  /** Where the bytes stand in memory, for workers to compile; 0 until a worker could need them. */
  published: number;
}

/** Most arguments a kernel may have beside `from` and `to`. */
export const MAX_ARGUMENTS = 64;

/**
 * The job record, in 32-bit words from its address: what workers read. The state is odd while a job is open; it goes
 * up by one at every change. `active` counts workers that look at the record: it is written only while that is 0.
 */
const STATE = 0;
const ACTIVE = 1;
const NEXT = 2;
const CHUNKS = 3;
const CHUNK_UNITS = 4;
const UNITS = 5;
const KERNEL = 6;
const CODE_ADDRESS = 7;
const CODE_BYTES = 8;
const ARGUMENTS = 9;
const FAILED = 10;
const HEADER_BYTES = 64;

/** Looks at the state this often before it sleeps: about 20 microseconds. */
const SPINS = 2000;

/** Runs in each worker; plain JavaScript, since it is evaluated there on its own. */
const workerSource = `({ memory, address }) => {
  const words = new Int32Array(memory.buffer, address, ${HEADER_BYTES / 4});
  const values = new Float64Array(memory.buffer, address + ${HEADER_BYTES}, ${MAX_ARGUMENTS});
  const kernels = new Map();
  let done = 0;
  const compile = (id, code) => {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { env: { memory } });
    kernels.set(id, instance.exports.run);
  };
  for (;;) {
    let state = Atomics.load(words, ${STATE});
    for (let spin = 0; (state === done || (state & 1) === 0) && spin < ${SPINS}; spin++) {
      state = Atomics.load(words, ${STATE});
    }
    if (state === done || (state & 1) === 0) {
      Atomics.wait(words, ${STATE}, state);
      continue;
    }
    Atomics.add(words, ${ACTIVE}, 1);
    let code;
    const id = words[${KERNEL}];
    if (Atomics.load(words, ${STATE}) === state) {
      const run = kernels.get(id);
      if (run) {
        const units = words[${UNITS}], size = words[${CHUNK_UNITS}], chunks = words[${CHUNKS}];
        const args = values.slice(0, words[${ARGUMENTS}]);
        try {
          for (let c = Atomics.add(words, ${NEXT}, 1); c < chunks; c = Atomics.add(words, ${NEXT}, 1)) {
            run(c * size, Math.min(units, (c + 1) * size), ...args);
          }
        } catch {
          words[${FAILED}] = 1;
        }
        done = state;
      } else {
        // A copy: the compiler takes no shared memory.
        code = new Uint8Array(new Uint8Array(memory.buffer, words[${CODE_ADDRESS}] >>> 0, words[${CODE_BYTES}]));
      }
    }
    if (Atomics.sub(words, ${ACTIVE}, 1) === 1) Atomics.notify(words, ${ACTIVE});
    // Compiled while the others go on; the worker then looks again whether there is work left.
    if (code) compile(id, code);
  }
}`;

/**
 * Workers that share the memory. Jobs are announced in the shared memory, so that nothing waits for messages: a worker
 * that is late, or still starting, finds its share taken by the others.
 */
export class ThreadPool {
  readonly #memory: Memory;
  readonly #words: Int32Array;
  readonly #values: Float64Array;
  readonly #workers: WorkerHandle[];
  readonly #threads: number;

  /** `threads` counts the caller. The memory has to be shared, and a platform set. */
  constructor(memory: Memory, threads: number) {
    this.#memory = memory;
    this.#threads = threads;
    const { address } = memory.allocate(HEADER_BYTES + 8 * MAX_ARGUMENTS);
    const { buffer } = memory.memory;
    this.#words = new Int32Array(buffer, address, HEADER_BYTES / 4).fill(0);
    this.#values = new Float64Array(buffer, address + HEADER_BYTES, MAX_ARGUMENTS);
    const host = platform();
    if (!host) throw new Error('threads need a platform');
    const data = { memory: memory.memory, address };
    this.#workers = Array.from({ length: threads - 1 }, () => host.spawn(workerSource, data));
  }

  /** Does all units, at least `minimum` of them at a time (but for the last), and returns when they are done. */
  run(kernel: Kernel, units: number, minimum: number, args: readonly number[]): void {
    const words = this.#words;
    // More chunks than threads, so that one held up by the system does not hold up the rest.
    let size = Math.max(minimum, Math.ceil(units / (4 * this.#threads)));
    // Large counts are elements: whole cache lines to each.
    if (size >= 1024) size = Math.ceil(size / 64) * 64;
    const chunks = Math.ceil(units / size);
    if (kernel.published === 0) this.#publish(kernel);
    words[CHUNKS] = chunks;
    words[CHUNK_UNITS] = size;
    words[UNITS] = units;
    words[KERNEL] = kernel.id;
    words[CODE_ADDRESS] = kernel.published;
    words[CODE_BYTES] = kernel.bytes.length;
    words[ARGUMENTS] = args.length;
    this.#values.set(args);
    words[FAILED] = 0;
    Atomics.store(words, NEXT, 0);
    Atomics.add(words, STATE, 1);
    Atomics.notify(words, STATE);
    try {
      for (let c = Atomics.add(words, NEXT, 1); c < chunks; c = Atomics.add(words, NEXT, 1)) {
        kernel.call(c * size, Math.min(units, (c + 1) * size), ...args);
      }
    } finally {
      Atomics.add(words, STATE, 1);
      this.#join();
    }
    if (words[FAILED] !== 0) throw new Error('a kernel failed in a worker');
  }

  dispose(): void {
    for (const worker of this.#workers) worker.terminate();
  }

  /** Waits until no worker looks at the job. */
  #join(): void {
    for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(this.#words, ACTIVE) === 0) return;
    for (;;) {
      const active = Atomics.load(this.#words, ACTIVE);
      if (active === 0) return;
      Atomics.wait(this.#words, ACTIVE, active);
    }
  }

  #publish(kernel: Kernel): void {
    const { address } = this.#memory.allocate(kernel.bytes.length);
    this.#memory.u8.set(kernel.bytes, address);
    kernel.published = address;
  }
}
