import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Platform } from '../platform.js';

/** Node: workers are threads of this process and never keep it alive. */
export const nodePlatform: Platform = {
  cores: availableParallelism(),
  now: () => performance.now(),
  spawn(source, data) {
    const worker = new Worker(`(${source})(require('node:worker_threads').workerData);`, {
      eval: true,
      workerData: data,
    });
    worker.unref();
    return { terminate: () => void worker.terminate() };
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
};
