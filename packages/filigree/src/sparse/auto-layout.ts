import { InputError } from '../errors.js';

/** Densities below which products with `csr` are ahead of dense ones on the CPU: for whole batches, and for the few samples of online inference. */
const breakEven = { batch: 0.4, few: 0.3 } as const;
/** Samples up to which a product reads every weight for hardly any work. */
const few = 4;

/**
 * Whether a weight is faster as `csr` or dense, in forward and backward products of so many samples. A function of sizes alone: the limits were
 * measured (`npm run bench sparse`, claim `sparseprop`) and are no timing of the run, so that the same training computes the same numbers everywhere.
 * @param size weights that are there
 * @throws InputError for sizes that are no weight
 */
export function autoLayout([rows, cols]: readonly [number, number], size: number, samples: number): 'csr' | 'dense' {
  if (!(rows > 0 && cols > 0 && size >= 0 && size <= rows * cols)) {
    throw new InputError(`a ${rows} x ${cols} weight cannot have ${size} places`);
  }
  return size / (rows * cols) < (samples <= few ? breakEven.few : breakEven.batch) ? 'csr' : 'dense';
}
