import { createCpuDevice } from '../kernels/cpu/device.js';
import type { Device } from '../kernels/device.js';

let current: Device | undefined;

/** The device on which tensors are made when none is named: the CPU on one thread, started when first needed. */
export function defaultDevice(): Device {
  current ??= createCpuDevice({ threads: 1 });
  return current;
}

/** Replaces the default device; undefined lets the next use start a fresh one. Returns the one before. */
export function setDefaultDevice(device: Device | undefined): Device | undefined {
  const before = current;
  current = device;
  return before;
}
