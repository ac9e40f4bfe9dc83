import type { Device } from '../kernels/device.js';
import { createReferenceDevice } from '../kernels/reference.js';

let current: Device | undefined;
let fallback: () => Device = () => createReferenceDevice('f32');

/** The device on which tensors are made when none is named: the CPU, started when first needed. */
export function defaultDevice(): Device {
  current ??= fallback();
  return current;
}

/** Replaces the default device; undefined lets the next use start a fresh one. Returns the one before. */
export function setDefaultDevice(device: Device | undefined): Device | undefined {
  const before = current;
  current = device;
  return before;
}

/** How to make the default device when it is first needed. */
export function setDeviceFactory(factory: () => Device): void {
  fallback = factory;
}
