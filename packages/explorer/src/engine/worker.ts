import { InputError, MemoryError } from 'filigree';
import 'filigree/browser';
import { answers } from './answers.js';
import { curve } from './curve.js';
import { discover } from './discover.js';
import { askDistribution } from './distribution.js';
import { compare, readFile, write } from './files.js';
import { inspect } from './inspect.js';
import { judge } from './judge.js';
import { logits, openModel, texts } from './models.js';
import { place } from './place.js';
import type { Ask, CallName, FromWorker, Got, ProgressState, ToWorker } from './protocol.js';
import { useCircuit } from './used.js';

/** What a call may use while it works. */
export interface Working {
  readonly signal: AbortSignal;
  readonly onProgress: (state: ProgressState) => void;
}

type Handlers = { [C in CallName]: (ask: Ask<C>, working: Working) => Got<C> | Promise<Got<C>> };

const handlers: Handlers = {
  openModel,
  logits,
  texts,
  useCircuit,
  answers,
  judge,
  curve,
  inspect,
  discover,
  compare,
  readFile,
  askDistribution,
  write,
  place,
};

const running = new Map<number, AbortController>();
const post = (message: FromWorker, transfer: Transferable[] = []): void => {
  self.postMessage(message, { transfer });
};

/** Least milliseconds between two reports of progress of one call. */
const reportEvery = 50;

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'cancel') {
    running.get(data.id)?.abort(new DOMException('cancelled', 'AbortError'));
    return;
  }
  const { id, call, ask } = data;
  const controller = new AbortController();
  running.set(id, controller);
  let reported = 0;
  const working: Working = {
    signal: controller.signal,
    onProgress: (state) => {
      const now = performance.now();
      if (now - reported < reportEvery && state.done < state.total) return;
      reported = now;
      post({ kind: 'progress', id, state });
    },
  };
  try {
    const handler = handlers[call] as (ask: unknown, working: Working) => unknown;
    const got = await handler(ask, working);
    post({ kind: 'done', id, got });
  } catch (error) {
    if (controller.signal.aborted) return;
    const user = error instanceof InputError || error instanceof MemoryError;
    post({ kind: 'failed', id, message: error instanceof Error ? error.message : String(error), user });
  } finally {
    running.delete(id);
  }
};
