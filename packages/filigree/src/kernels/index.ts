export type {
  AdamOptions,
  Buffer,
  Causal,
  Device,
  DType,
  PatchGeometry,
  PreparedPattern,
  Product,
  Reduction,
  SgdOptions,
  SparseDevice,
  SparsePattern,
  TypedArray,
  View,
} from './device.js';
export { MemoryError } from './device.js';
export { type ElementwiseName, elementwise } from './elementwise.js';
export { createReferenceDevice } from './reference.js';
