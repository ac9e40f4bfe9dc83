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

/** Rough count of floats that one sequence position needs in a split, tracked run, per point of the line. */
function floatsPerPosition(config: TransformerConfig, length: number): number {
  const { layers, heads, width, mlpWidth, headWidth } = config;
  // Per layer: gradients and products of 3 * heads copies of the stream, heads' rows of the pattern, the MLP's hidden features.
  return layers * (3 * heads * width * 3 + heads * length * 6 + mlpWidth * 8 + heads * headWidth * 12 + width * 12);
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
    4 * length * (3 * graph.sources.length * config.width + lines * floatsPerPosition(config, length));
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
      const room = Math.max(1, Math.floor(memory / (bytesAt(part[part.length - 1].clean.length, 1) * part.length)));
      for (let k = 0; k < line.length; k += room) yield { pairs: part, points: line.slice(k, k + room) };
      start = end;
    }
  };
}
