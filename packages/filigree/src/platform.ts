/** What the library needs from its host. `node/` and `browser/` each provide one; nothing else touches the host. */
export interface Platform {
  /** Number of hardware threads worth using. */
  readonly cores: number;
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /**
   * Starts a worker. `source` is a function expression in plain JavaScript that stands on its own; the worker calls it
   * with `data` (cloned, shared memory shared). A worker never keeps the process alive.
   */
  spawn(source: string, data: unknown): WorkerHandle;
}

export interface WorkerHandle {
  terminate(): void;
}

let current: Platform | undefined;

/** Sets the host; importing `filigree/node` or `filigree/browser` does it. */
export function setPlatform(platform: Platform): void {
  current = platform;
}

/** The host, or undefined where none was injected (then the engine runs on one thread). */
export function platform(): Platform | undefined {
  return current;
}
