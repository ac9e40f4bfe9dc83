import { InputError } from '../errors.js';

/** The product `[out, in] x [in, batch]` of one stage of a training step; `n` of every `m` along `in`, where it is sparse. */
export interface ArrayWork {
  readonly out: number;
  readonly in: number;
  readonly batch: number;
  readonly pattern?: { readonly n: number; readonly m: number };
}

/** A square systolic array. */
export interface ArrayShape {
  /** Elements in a row and in a column: P. */
  readonly side: number;
  /** Cycles until a sum can be added to again, and how many sums are worked on in turn meanwhile. */
  readonly latency?: number;
  readonly interleave?: number;
}

/** Which operand stays in the elements. */
export type Dataflow = 'weights' | 'outputs';
export const dataflows: readonly Dataflow[] = ['weights', 'outputs'];

/**
 * Cycles of a product in the model of BDWP's accelerator, `I' = in n / m`:
 * - weights stay: `ceil(I' / P) ceil(out / P)` tiles of `batch + 2 P - 2` cycles;
 * - outputs stay: `ceil(out / P) ceil(batch / P)` tiles of `max(I', I' latency / interleave) + 2 P - 2`.
 *
 * A model of an array of adders, not a measurement.
 * @throws InputError for sizes that are no whole numbers from 1
 */
export function arrayCycles(
  work: ArrayWork,
  flow: Dataflow,
  { side, latency = 1, interleave = latency }: ArrayShape,
): number {
  const inner = innerSize(work);
  for (const [name, value] of Object.entries({
    out: work.out,
    in: inner,
    batch: work.batch,
    side,
    latency,
    interleave,
  })) {
    if (!(Number.isInteger(value) && value > 0))
      throw new InputError(`${name} must be a whole number from 1, not ${value}`);
  }
  const tiles = (n: number): number => Math.ceil(n / side);
  const skew = 2 * side - 2;
  if (flow === 'weights') return tiles(inner) * tiles(work.out) * (work.batch + skew);
  return tiles(work.out) * tiles(work.batch) * (Math.max(inner, Math.ceil((inner * latency) / interleave)) + skew);
}

/** Inputs of an output that are not pruned away; the last group keeps its share, rounded up. */
export function innerSize({ in: inputs, pattern }: ArrayWork): number {
  if (!pattern) return inputs;
  const { n, m } = pattern;
  return Math.floor(inputs / m) * n + Math.ceil((n * (inputs % m)) / m);
}

/** The three products of a layer's training step under BDWP: forward and inputs' gradient n:m, weights' gradient dense. */
export function bdwpWork(
  layer: { out: number; in: number },
  batch: number,
  pattern?: { n: number; m: number },
): ArrayWork[] {
  return [
    { out: layer.out, in: layer.in, batch, pattern },
    { out: layer.in, in: layer.out, batch, pattern },
    { out: layer.out, in: batch, batch: layer.in },
  ];
}

/** For every piece of work the dataflow that takes fewer cycles (weights at a tie), and the sum. */
export function scheduleDataflows(
  works: readonly ArrayWork[],
  shape: ArrayShape,
): { flows: Dataflow[]; cycles: number } {
  const flows = works.map(
    (work): Dataflow =>
      arrayCycles(work, 'weights', shape) <= arrayCycles(work, 'outputs', shape) ? 'weights' : 'outputs',
  );
  return { flows, cycles: works.reduce((sum, work, k) => sum + arrayCycles(work, flows[k], shape), 0) };
}
