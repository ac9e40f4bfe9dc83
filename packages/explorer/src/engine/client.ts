import type { Ask, CallName, FromWorker, Got, ProgressState, ToWorker } from './protocol.js';

/** What went wrong in the worker, in words for the user. */
export class EngineError extends Error {}

interface Waiting {
  done(got: unknown): void;
  failed(error: unknown): void;
  progress: ((state: ProgressState) => void) | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (state: ProgressState) => void;
}

/** A worker of the page, asked by typed calls that can be cancelled. */
export class Engine {
  readonly #worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'filigree' });
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      const waiting = this.#waiting.get(data.id);
      if (!waiting) return;
      if (data.kind === 'progress') return waiting.progress?.(data.state);
      this.#waiting.delete(data.id);
      if (data.kind === 'done') waiting.done(data.got);
      else waiting.failed(new EngineError(data.user ? data.message : `Something went wrong inside: ${data.message}`));
    };
    this.#worker.onerror = (event) => {
      for (const { failed } of this.#waiting.values()) failed(new EngineError(`The engine stopped: ${event.message}`));
      this.#waiting.clear();
    };
  }

  call<C extends CallName>(call: C, ask: Ask<C>, { signal, onProgress }: CallOptions = {}): Promise<Got<C>> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const id = this.#next++;
      const cancel = (): void => {
        if (!this.#waiting.delete(id)) return;
        this.#post({ kind: 'cancel', id });
        reject(signal?.reason);
      };
      const end = (): void => signal?.removeEventListener('abort', cancel);
      signal?.addEventListener('abort', cancel);
      this.#waiting.set(id, {
        done: (got) => {
          end();
          resolve(got as Got<C>);
        },
        failed: (error) => {
          end();
          reject(error);
        },
        progress: onProgress,
      });
      this.#post({ kind: 'call', id, call, ask });
    });
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }
}

/** The model's worker, and one for reading files and laying out, so that neither waits for the other. */
export const engine = new Engine();
export const desk = new Engine();
