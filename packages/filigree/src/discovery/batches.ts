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

/**
 * Splits pairs, and where one pair alone is too large also the points of the line, into parts that fit `memory`. Pairs of
 * like length go together, so that little is padded. Throws InputError when a single pair at a single point does not fit.
 */
export function planBatches(
  config: TransformerConfig,
  graph: EdgeGraph,
  pairs: readonly Pair[],
  points: number,
  memory: number = defaultMemory,
): (line: readonly number[]) => Generator<{ pairs: Pair[]; points: readonly number[] }> {
  if (pairs.length === 0) throw new InputError('There are no pairs to run on.');
  const bytesAt = (length: number, lines: number): number =>
    4 * length * (floatsOnce(config, graph) + lines * floatsPerPosition(config, length));
  const longest = Math.max(...pairs.map((p) => p.clean.length));
  if (bytesAt(longest, 1) > memory) {
    const needed = Math.ceil(bytesAt(longest, 1) / 2 ** 20);
    throw new InputError(
      `One pair of ${longest} tokens needs about ${needed} MiB for its activations, and ${Math.floor(memory / 2 ** 20)} MiB are left for them; allow more (--memory).`,
    );
  }
  return function* (line) {
    const sorted = [...pairs].sort((a, b) => a.clean.length - b.clean.length);
    for (let start = 0; start < sorted.length; ) {
      let end = start + 1;
      while (end < sorted.length && bytesAt(sorted[end].clean.length, points) * (end + 1 - start) <= memory) end++;
      const part = sorted.slice(start, end);
      const fits = (lines: number): boolean =>
        bytesAt(part[part.length - 1].clean.length, lines) * part.length <= memory;
      let room = line.length;
      while (room > 1 && !fits(room)) room--;
      for (let k = 0; k < line.length; k += room) yield { pairs: part, points: line.slice(k, k + room) };
      start = end;
    }
  };
}
