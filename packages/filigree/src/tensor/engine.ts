import { createCpuDevice } from '../kernels/cpu/device.js';
import { setDefaultDevice } from './default-device.js';

export interface EngineSettings {
  /** Threads that work; by default all cores. */
  threads?: number;
  /** Most bytes that tensors may take, at most 4 GiB. */
  maxBytes?: number;
}

/** Starts the CPU engine and makes it the default device. Without it, the first tensor starts one on a single thread. */
export function startEngine(settings: EngineSettings = {}): void {
  setDefaultDevice(createCpuDevice(settings))?.dispose();
}
