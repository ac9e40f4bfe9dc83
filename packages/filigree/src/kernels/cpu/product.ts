import type { Product } from '../device.js';
import { addressOf, type Engine } from './engine.js';
import { JOB, productKernel } from './product-kernel.js';
import { planProduct } from './product-plan.js';

const SCRATCH = JOB.indexOf('scratch');

/**
 * `out (+)= alpha a b`, batched, any strides; see `Product` for the shapes. The same to the bit for any number of threads.
 * Takes scratch memory of at most 3 MiB for each thread while it runs; throws `MemoryError` where that does not fit.
 */
export function product(engine: Engine, p: Product): void {
  const kernel = engine.module('product', productKernel);
  for (const job of planProduct(p, engine.threads, (buffer) => addressOf(buffer, 0))) {
    const scratch = engine.memory.allocate(job.scratch);
    job.words[SCRATCH] = scratch.address;
    engine.run(kernel, job.units, job.chunk, job.words);
    engine.memory.free(scratch);
  }
}
