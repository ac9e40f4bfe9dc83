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
  /** Lets the host handle what has come meanwhile: signals, timers, redraws. */
  turn(): Promise<void>;
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

/** Milliseconds of computing between two turns of the host: short enough for an interruption to be felt at once. */
const turnEvery = 30;
let lastTurn = 0;

/** Gives the host a turn when the last one is some time ago. Computing is synchronous: without this nothing else would happen. */
export async function breathe(): Promise<void> {
  if (!current || current.now() - lastTurn < turnEvery) return;
  await current.turn();
  lastTurn = current.now();
}
