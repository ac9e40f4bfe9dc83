import type { Product } from '../device.js';
import { addressOf, type Engine } from './engine.js';
import type { Block } from './memory.js';
import { JOB, productKernel } from './product-kernel.js';
import { planProduct } from './product-plan.js';

const SCRATCH = JOB.indexOf('scratch');

/**
 * The dense product of an engine: `out (+)= alpha a b`, batched, any strides. The result is the same to the bit for any
 * number of threads. Keeps scratch memory of up to 1 MiB for each thread between calls.
 */
export function createProduct(engine: Engine): (p: Product) => void {
  let scratch: Block | undefined;
  const start = (buffer: Product['a']['buffer']) => addressOf(buffer, 0);
  return (p) => {
    const kernel = engine.module('product', productKernel);
    for (const job of planProduct(p, engine.threads, start)) {
      if (!scratch || scratch.size < job.scratch) {
        if (scratch) engine.memory.free(scratch);
        scratch = undefined;
        scratch = engine.memory.allocate(job.scratch);
      }
      job.words[SCRATCH] = scratch.address;
      engine.run(kernel, job.units, job.chunk, job.words);
    }
  };
}
