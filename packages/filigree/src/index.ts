export * from './circuit/index.js';
export * from './discovery/index.js';
export { InputError } from './errors.js';
export { type Device, MemoryError } from './kernels/index.js';
export { nearest } from './nearest.js';
export * from './nn/index.js';
export * from './tasks/index.js';
export * from './tensor/index.js';
export * from './training/index.js';
