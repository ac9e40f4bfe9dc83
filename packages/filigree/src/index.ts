export * from './circuit/index.js';
export { InputError } from './errors.js';
export { type Device, MemoryError } from './kernels/index.js';
