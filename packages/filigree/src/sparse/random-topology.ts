import { InputError } from '../errors.js';
import type { Random } from '../tensor/random.js';
import { Topology } from './topology.js';

/** `count` different whole numbers in [0, n), ascending (Floyd's draw: memory for `count`). Throws InputError where there are fewer. */
export function draw(n: number, count: number, random: Random): Float64Array {
  if (!(Number.isInteger(count) && count >= 0 && count <= n)) {
    throw new InputError(`${count} places cannot be drawn from ${n}`);
  }
  const taken = new Set<number>();
  for (let top = n - count; top < n; top++) {
    const at = random.integer(top + 1);
    taken.add(taken.has(at) ? top : at);
  }
  return Float64Array.from(taken).sort();
}

/** A support of exactly `count` weights, all equally likely. Throws InputError where they do not fit. */
export function randomTopology(rows: number, cols: number, count: number, random: Random): Topology {
  return Topology.fromKeys(draw(rows * cols, count, random), rows, cols);
}

/** A support with `fan` weights in every row, drawn row by row. Throws InputError where they do not fit. */
export function randomFanIn(rows: number, cols: number, fan: number, random: Random): Topology {
  const indices = new Int32Array(rows * fan);
  for (let i = 0; i < rows; i++) indices.set(draw(cols, fan, random), i * fan);
  return Topology.fromRows(
    rows,
    cols,
    Int32Array.from({ length: rows + 1 }, (_, i) => i * fan),
    indices,
  );
}

/** `count` places, ascending keys, that `topology` does not have, and `allowed` has. Throws InputError where there are fewer. */
export function drawFree(topology: Topology, count: number, random: Random, allowed?: Topology): Float64Array {
  const { rows, cols, size } = topology;
  const keys = topology.keys();
  if (allowed) {
    const taken = new Set(keys);
    const free = allowed.keys().filter((key) => !taken.has(key));
    return draw(free.length, count, random).map((k) => free[k]);
  }
  const ranks = draw(rows * cols - size, count, random);
  // The r-th free place: walk the weights in order, each of which moves the ranks behind it up by one.
  let passed = 0;
  return ranks.map((rank) => {
    while (passed < size && keys[passed] <= rank + passed) passed++;
    return rank + passed;
  });
}
