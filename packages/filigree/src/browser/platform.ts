import type { Platform, WorkerHandle } from '../platform.js';

/** What the library uses of a browser's worker, typed here because it is compiled without the DOM's types. */
interface Host {
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly Worker: new (url: string) => WorkerHandle & { postMessage(message: unknown): void };
}

const host = globalThis as unknown as Host;

interface Port {
  onmessage: () => void;
  postMessage(message: unknown): void;
}

const waiting: (() => void)[] = [];
let bell: Port | undefined;

/** One channel for all turns, made at the first: timers would wait 4 ms each once they are nested. */
function ring(): void {
  if (!bell) {
    const { port1, port2 } = new MessageChannel() as unknown as { port1: Port; port2: Port };
    port1.onmessage = () => waiting.shift()?.();
    bell = port2;
  }
  bell.postMessage(0);
}

/**
 * A worker of a browser. Threads need shared memory, which a page has only when its server sends the isolation headers; without
 * them `cores` is 1 and nothing is spawned.
 */
export const browserPlatform: Platform = {
  cores: host.crossOriginIsolated ? Math.max(1, host.navigator?.hardwareConcurrency ?? 1) : 1,
  now: () => performance.now(),
  spawn(source, data) {
    const script = `onmessage = ({ data }) => (${source})(data);`;
    const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
    const worker = new host.Worker(url);
    worker.postMessage(data);
    // The address has been read by the time that the worker is there, which is after this task.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    return { terminate: () => worker.terminate() };
  },
  turn: () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      ring();
    }),
};
