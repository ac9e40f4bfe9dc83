export * from './circuit/index.js';
export { InputError } from './errors.js';
