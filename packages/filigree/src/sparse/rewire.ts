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
  /** How missing weights are chosen: at random among free places, or with the largest score, which may be made for each rewiring. */
  grow: 'random' | Score | { gradient: boolean; visits?: boolean; score: (context: RewireContext) => Promise<Score> };
  /** Places that a weight may have, by its name; all by default. */
  within?: (name: string) => Topology | undefined;
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
  const { name = 'drop and grow', fraction, every, until = 1, drop, grow, start, within } = options;
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
      const { next: kept } = topology.edit(gone, []);
      const allowed = within?.(context.name);
      if (grow === 'random') return { drop: gone, add: drawFree(kept, gone.length, random, allowed), start };
      const score = 'score' in grow ? await grow.score(context) : grow;
      const chosen = await growByScore(context, kept, gone.length, score, allowed);
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

/** The `count` places outside of `kept`, and where given of `allowed`, with the largest score. */
async function growByScore(
  context: RewireContext,
  kept: Topology,
  count: number,
  score: Score,
  allowed: Topology | undefined,
): Promise<Float64Array> {
  const { rows, cols } = kept;
  const { memory, round } = context;
  const best = new Largest(count);
  let visited = 0;
  const offer = (i: number, gradients: ArrayLike<number> | undefined, at: number): void => {
    let slot = kept.pointers[i];
    for (let j = 0; j < cols; j++) {
      if (slot < kept.pointers[i + 1] && kept.indices[slot] === j) {
        slot++;
        continue;
      }
      if (allowed && allowed.slotOf(i, j) < 0) continue;
      let visits = 0;
      if (score.visits) {
        while (visited < memory.rows.length && before(memory, visited, i, j)) visited++;
        if (memory.rows[visited] === i && memory.columns[visited] === j) visits = memory.counts[visited];
      }
      best.offer(i * cols + j, score.of({ value: 0, gradient: gradients ? gradients[at + j] : 0, visits, round }));
    }
  };
  if (context.gradient) {
    await context.gradient.rows((first, gradients) => {
      for (let r = 0; r * cols < gradients.length; r++) offer(first + r, gradients, r * cols);
    });
  } else for (let i = 0; i < rows; i++) offer(i, undefined, 0);
  return best.result();
}

/** Whether remembered place `k` comes before row `i`, column `j`. */
const before = ({ rows, columns }: RewirerMemory, k: number, i: number, j: number): boolean =>
  rows[k] < i || (rows[k] === i && columns[k] < j);

const none = new Int32Array(0);

/** Adds 1 to the count of every active place; places never active take no memory. */
function countVisits({ topology, memory }: RewireContext): void {
  const { rows = none, columns = none, counts = none } = memory;
  const most = rows.length + topology.size;
  const next = { rows: new Int32Array(most), columns: new Int32Array(most), counts: new Int32Array(most) };
  let [old, size] = [0, 0];
  const put = (row: number, column: number, count: number): void => {
    next.rows[size] = row;
    next.columns[size] = column;
    next.counts[size++] = count;
  };
  for (let i = 0; i < topology.rows; i++) {
    for (let slot = topology.pointers[i]; slot < topology.pointers[i + 1]; slot++) {
      const j = topology.indices[slot];
      while (old < rows.length && before({ rows, columns }, old, i, j)) put(rows[old], columns[old], counts[old++]);
      const known = old < rows.length && rows[old] === i && columns[old] === j;
      put(i, j, known ? counts[old++] + 1 : 1);
    }
  }
  while (old < rows.length) put(rows[old], columns[old], counts[old++]);
  for (const part of ['rows', 'columns', 'counts'] as const) memory[part] = next[part].slice(0, size);
}

/** Share of all places that were active in some round (Liu et al. 2021), where visits are counted. */
export function coverage(memory: RewirerMemory, topology: Topology): number {
  return (memory.rows?.length ?? 0) / (topology.rows * topology.cols);
}
