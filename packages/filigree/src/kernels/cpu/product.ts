import type { Product } from '../device.js';
import type { Engine } from './engine.js';

export function product(_engine: Engine, _p: Product): void {
  throw new Error('product: not there yet');
}
