import { InputError } from '../errors.js';
import type { TransformerConfig } from '../nn/config.js';
import type { Pair } from '../tasks/task.js';
import type { EdgeGraph } from './graph.js';

/** What every long operation takes: a way to stop it, and someone to tell how far it is. */
export interface Progress {
  signal?: AbortSignal;
  onProgress?: (state: { done: number; total: number; unit: string }) => void;
}

/** Bytes that activations may take where the user does not say: half a GiB. */
export const defaultMemory = 512 * 2 ** 20;

/** Rough bytes that one sequence of `length` tokens needs in a tracked run; a run without gradients needs less. */
export const bytesPerRun = (config: TransformerConfig, length: number): number =>
  4 * length * floatsPerPosition(config, length);

/** Rough count of floats that one position of one sequence needs in a tracked run, per point of the line. */
function floatsPerPosition(config: TransformerConfig, length: number): number {
  const { layers, heads, width, mlpWidth, headWidth } = config;
  // Per layer: rows of the pattern and what surrounds it, the MLP's hidden features, heads' vectors, the stream; and gradients.
  return layers * (heads * length * 8 + mlpWidth * 12 + heads * headWidth * 24 + width * 24);
}

/** The same for what is needed once, whatever the number of points: tables of sources, and gradients of heads' copies. */
function floatsOnce(config: TransformerConfig, graph: EdgeGraph): number {
  return (3 * graph.sources.length + (3 * config.heads + 2) * config.layers + 6 * config.heads) * config.width;
}

/** What a batch costs beside its positions, in positions. */
const batchCost = 16;

/**
 * Splits pairs, and where one pair alone is too large also the points of the line, into parts that fit `memory`. Of all ways to
 * cut the pairs, in order of length, the one is taken that runs the fewest positions, padding included. Throws InputError when a
 * single pair at a single point does not fit.
 * @param skipped positions at a pair's beginning that need not be run where its whole batch shares as many
 */
export function planBatches(
  config: TransformerConfig,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  points: number,
  memory: number = defaultMemory,
  skipped: (pair: Pair) => number = () => 0,
): (line: readonly number[]) => Generator<{ pairs: Pair[]; points: readonly number[] }> {
  if (pairs.length === 0) throw new InputError('There are no pairs to run on.');
  const bytesAt = (length: number, lines: number): number =>
    4 * length * (floatsOnce(config, graph) + lines * floatsPerPosition(config, length));
  const longest = Math.max(...pairs.map((p) => p.clean.length - skipped(p)));
  if (bytesAt(longest, 1) > memory) {
    const needed = Math.ceil(bytesAt(longest, 1) / 2 ** 20);
    throw new InputError(
      `One pair of ${longest} tokens needs about ${needed} MiB for its activations, and ${Math.floor(memory / 2 ** 20)} MiB are left for them; allow more (--memory).`,
    );
  }
  const sorted = [...pairs].sort((a, b) => a.clean.length - b.clean.length || skipped(a) - skipped(b));
  const fits = (length: number, count: number, lines: number): boolean => bytesAt(length, lines) * count <= memory;
  const parts = cutPairs(sorted, skipped, (length, count) => fits(length, count, points));
  return function* (line) {
    for (const { pairs: part, length } of parts) {
      let room = line.length;
      while (room > 1 && !fits(length, part.length, room)) room--;
      for (let k = 0; k < line.length; k += room) yield { pairs: part, points: line.slice(k, k + room) };
    }
  };
}

/** Runs of pairs that fit, or single pairs, such that the positions run are fewest; `length` is that of a part's padded rows. */
function cutPairs(
  sorted: readonly Pair[],
  skipped: (pair: Pair) => number,
  fits: (length: number, count: number) => boolean,
): { pairs: Pair[]; length: number }[] {
  // The best cut of the first `end` pairs: what it costs, and where its last part begins.
  const best = [{ cost: 0, start: 0, length: 0 }];
  const skips = sorted.map(skipped);
  for (let end = 1; end <= sorted.length; end++) {
    const longest = sorted[end - 1].clean.length;
    let shared = longest;
    let found = { cost: Number.POSITIVE_INFINITY, start: 0, length: 0 };
    for (let start = end - 1; start >= 0; start--) {
      shared = Math.min(shared, skips[start]);
      const length = longest - shared;
      if (start < end - 1 && !fits(length, end - start)) break;
      const cost = best[start].cost + batchCost + length * (end - start);
      if (cost < found.cost) found = { cost, start, length };
    }
    best.push(found);
  }
  const parts: { pairs: Pair[]; length: number }[] = [];
  for (let end = sorted.length; end > 0; end = best[end].start) {
    parts.unshift({ pairs: sorted.slice(best[end].start, end), length: best[end].length });
  }
  return parts;
}
