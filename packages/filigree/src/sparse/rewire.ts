import type { Random } from '../tensor/random.js';
import { drawFree } from './random-topology.js';
import type { Schedule } from './schedule.js';
import { type Score, scoreSlots } from './score.js';
import { Largest, largest } from './select.js';
import type { Topology } from './topology.js';

/** The gradient of the loss by all places of one weight, also where there is no weight; streamed, never held whole. */
export interface DenseGradient {
  /** Calls `visit` with runs of rows in order: the first row, and the gradients `[rows, cols]` of the run. */
  rows(visit: (first: number, gradients: ArrayLike<number>) => void): Promise<void>;
}

/** What a rewirer remembers of one weight from round to round, by name; it is saved with the training. */
export type RewirerMemory = Record<string, Int32Array>;

/** One weight at a moment of its training. */
export interface RewireContext {
  readonly name: string;
  readonly topology: Topology;
  /** By slot. */
  readonly values: ArrayLike<number>;
  /** Share of the training that is done. */
  readonly t: number;
  /** Rewirings begun, from 1. */
  readonly round: number;
  /** Whether this weight leads to the output. */
  readonly last: boolean;
  readonly random: Random;
  readonly memory: RewirerMemory;
  /** There when the rewirer asks for it. */
  readonly gradient?: DenseGradient;
}

/** Slots that go, keys `row * cols + column` that come (a place that is in both comes back new), and the value they start with. */
export interface Edit {
  readonly drop: ArrayLike<number>;
  readonly add: Float64Array;
  readonly start?: (random: Random) => number;
}

/** A policy for who is connected to whom during training. */
export interface Rewirer {
  readonly name: string;
  /** Updates between two rewirings, or once at the end of every epoch. */
  readonly every: number | 'epoch';
  /** Share of the training from which the topology stays. */
  readonly until: number;
  /** Whether it wants the gradient of all places; the update of that step is then left out (Evci et al. 2020). */
  readonly gradient: boolean;
  rewire(context: RewireContext): Promise<Edit> | Edit;
}

export interface DropAndGrowOptions {
  name?: string;
  /** Which share of the weights is replaced. */
  fraction: Schedule;
  every: number | 'epoch';
  until?: number;
  /** Slots to drop, of about this share of the weights. */
  drop: (context: RewireContext, fraction: number) => Int32Array;
  /** How missing weights are chosen: at random among free places, or with the largest score. */
  grow: 'random' | Score;
  /** Value of a new weight: 0 by default. */
  start?: (random: Random) => number;
  /** Counts for every place in how many rounds it was active, as scores by exploration and `coverage` need. */
  visits?: boolean;
}

/**
 * The loop of SET, RigL and DST-EE: drop some weights, and grow as many others. Growing by score may take back what was dropped,
 * which then keeps its value and its state; growing at random always starts anew.
 */
export function dropAndGrow(options: DropAndGrowOptions): Rewirer {
  const { name = 'drop and grow', fraction, every, until = 1, drop, grow, start } = options;
  const visits = options.visits || (grow !== 'random' && grow.visits === true);
  return {
    name,
    every,
    until,
    gradient: grow !== 'random' && grow.gradient,
    async rewire(context) {
      const { topology, random } = context;
      if (visits) countVisits(context);
      const gone = drop(context, fraction(context.t));
      if (grow === 'random') {
        const { next: kept } = topology.edit(gone, []);
        return { drop: gone, add: drawFree(kept, gone.length, random), start };
      }
      const { next: kept } = topology.edit(gone, []);
      const chosen = await growByScore(context, kept, gone.length, grow);
      return { ...withoutReturns(topology, gone, chosen), start };
    },
  };
}

/** Takes what is dropped and grown at once out of both: it stays as it is. */
export function withoutReturns(
  topology: Topology,
  drop: ArrayLike<number>,
  add: ArrayLike<number>,
): { drop: Int32Array; add: Float64Array } {
  const back = new Set<number>();
  const fresh = Array.from(add).filter((key) => {
    const slot = topology.slotOf(Math.floor(key / topology.cols), key % topology.cols);
    if (slot < 0) return true;
    back.add(slot);
    return false;
  });
  return { drop: Int32Array.from(Array.from(drop).filter((slot) => !back.has(slot))), add: Float64Array.from(fresh) };
}

/** Slots of the `fraction` of weights with the smallest score; of equal ones those that come last. */
export function dropSmallest(score: Score): (context: RewireContext, fraction: number) => Int32Array {
  return (context, fraction) => {
    const scores = scoreSlots(score, context);
    const count = Math.floor(fraction * scores.length);
    const kept = largest(scores, scores.length - count);
    const gone = new Int32Array(count);
    let at = 0;
    for (let slot = 0, k = 0; slot < scores.length; slot++) {
      if (kept[k] === slot) k++;
      else gone[at++] = slot;
    }
    return gone;
  };
}

/** SET's choice: the `fraction` of the positive weights nearest to zero, and of the negative ones; those that are 0 all. */
export function dropTwoSided({ values }: RewireContext, fraction: number): Int32Array {
  const gone: number[] = [];
  for (const sign of [1, -1]) {
    const side: number[] = [];
    for (let slot = 0; slot < values.length; slot++) if (sign * values[slot] > 0) side.push(slot);
    side.sort((a, b) => sign * (values[a] - values[b]) || a - b);
    gone.push(...side.slice(0, Math.floor(fraction * side.length)));
  }
  if (fraction > 0) for (let slot = 0; slot < values.length; slot++) if (values[slot] === 0) gone.push(slot);
  return Int32Array.from(gone).sort();
}

/** The `count` places outside of `kept` with the largest score. */
async function growByScore(context: RewireContext, kept: Topology, count: number, score: Score): Promise<Float64Array> {
  const { rows, cols } = kept;
  const best = new Largest(count);
  const visited = score.visits ? visitsOf(context) : undefined;
  const offer = (i: number, gradients: ArrayLike<number> | undefined, at: number): void => {
    let slot = kept.pointers[i];
    for (let j = 0; j < cols; j++) {
      if (slot < kept.pointers[i + 1] && kept.indices[slot] === j) {
        slot++;
        continue;
      }
      const key = i * cols + j;
      const gradient = gradients ? gradients[at + j] : 0;
      best.offer(key, score.of({ value: 0, gradient, visits: visited?.get(key) ?? 0, round: context.round }));
    }
  };
  if (context.gradient) {
    await context.gradient.rows((first, gradients) => {
      for (let r = 0; r * cols < gradients.length; r++) offer(first + r, gradients, r * cols);
    });
  } else for (let i = 0; i < rows; i++) offer(i, undefined, 0);
  return best.result();
}

/** Adds 1 to the count of every active place; places never active take no memory. */
function countVisits({ topology, memory }: RewireContext): void {
  const keys = topology.keys();
  const { rows = new Int32Array(0), columns = new Int32Array(0), counts = new Int32Array(0) } = memory;
  const merged: [number, number, number][] = [];
  let old = 0;
  const oldKey = (k: number): number => (k < rows.length ? rows[k] * topology.cols + columns[k] : Infinity);
  for (const key of keys) {
    while (oldKey(old) < key) merged.push([rows[old], columns[old], counts[old++]]);
    const before = oldKey(old) === key ? counts[old++] : 0;
    merged.push([Math.floor(key / topology.cols), key % topology.cols, before + 1]);
  }
  while (old < rows.length) merged.push([rows[old], columns[old], counts[old++]]);
  memory.rows = Int32Array.from(merged, (m) => m[0]);
  memory.columns = Int32Array.from(merged, (m) => m[1]);
  memory.counts = Int32Array.from(merged, (m) => m[2]);
}

/** In how many rounds each place was active, by key. */
function visitsOf({ topology, memory }: RewireContext): Map<number, number> {
  const { rows, columns, counts } = memory;
  return new Map(Array.from(rows, (row, k) => [row * topology.cols + columns[k], counts[k]]));
}

/** Share of all places that were active in some round (Liu et al. 2021), where visits are counted. */
export function coverage(memory: RewirerMemory, topology: Topology): number {
  return (memory.rows?.length ?? 0) / (topology.rows * topology.cols);
}
