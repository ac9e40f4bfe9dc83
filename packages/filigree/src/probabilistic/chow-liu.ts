import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { categorical, indicator } from './inputs.js';

/** A rooted tree over variables. */
export interface VariableTree {
  /** `[variables]` -1 at the root. */
  readonly parent: Int32Array;
  /** `[variables]` the root first, every variable after its parent. */
  readonly order: Uint32Array;
}

export interface ChowLiuOptions {
  /** Pseudocount of each pair of variables, spread over their pairs of values. */
  readonly pseudocount?: number;
  /** Most values that are told apart: those of variables with more are put together evenly. */
  readonly levels?: number;
  /** Most rows that are looked at where values were put together: the first ones. */
  readonly rows?: number;
}

/**
 * The tree that makes a tree-shaped distribution most likely on the data: the maximum spanning tree of the pairwise mutual
 * information I(i,j) = Σ p(x_i,x_j) log p(x_i,x_j) / p(x_i) p(x_j), rooted at its centre. Rows where either is missing do not count
 * for a pair. Pixels of 256 levels are seen as 16, on the first 5000 rows (see the options). Chow and Liu, "Approximating discrete
 * probability distributions with dependence trees", 1968.
 * @param states `[columns]` number of values of each variable; none may be real
 */
export function chowLiuTree(table: Table, states: ArrayLike<number>, options: ChowLiuOptions = {}): VariableTree {
  const variables = table.columns;
  const { levels = 16, pseudocount = 1 } = options;
  const wide = Array.from(states).some((count) => count > levels);
  const told = Array.from(states, (count) => Math.min(count, levels));
  const columns = finiteColumns(table, states, levels, wide ? (options.rows ?? 5000) : table.rows);
  const bits = columns.map((column, v) => (told[v] === 2 ? bitsOf(column) : undefined));
  // Prim's algorithm: `gain[v]` is the most information that v shares with the tree so far, through `link[v]`.
  const gain = new Float64Array(variables).fill(Number.NEGATIVE_INFINITY);
  const link = new Int32Array(variables).fill(-1);
  const inside = new Uint8Array(variables);
  const neighbours: number[][] = Array.from({ length: variables }, () => []);
  let last = 0;
  for (let size = 1; size <= variables; size++) {
    inside[last] = 1;
    if (link[last] >= 0) {
      neighbours[last].push(link[last]);
      neighbours[link[last]].push(last);
    }
    let next = -1;
    for (let v = 0; v < variables; v++) {
      if (inside[v]) continue;
      const [a, b] = [bits[last], bits[v]];
      const counts = a && b ? pairBits(a, b) : pairCounts(columns[last], columns[v], told[last], told[v]);
      const shared = mutualInformation(counts, told[last], told[v], pseudocount);
      if (shared > gain[v]) [gain[v], link[v]] = [shared, last];
      if (next < 0 || gain[v] > gain[next]) next = v;
    }
    last = next;
  }
  return rooted(neighbours);
}

function finiteColumns(table: Table, states: ArrayLike<number>, levels: number, rows: number): Int32Array[] {
  if (table.rows === 0) throw new InputError('there are no rows of data; give at least one');
  return Array.from({ length: table.columns }, (_, v) => {
    if (states[v] < 1)
      throw new InputError(`variable ${v + 1} is real; a tree of dependences needs whole numbers from 0`);
    const join = states[v] > levels ? levels / states[v] : 1;
    const column = new Int32Array(Math.min(rows, table.rows));
    for (let row = 0, at = v; row < column.length; row++, at += table.columns) {
      const x = table.values[at];
      column[row] = Number.isNaN(x) ? -1 : Math.floor(x * join);
    }
    return column;
  });
}

/** A column of two values, 32 rows to a word: where it is 1, and where it is known. */
interface Bits {
  readonly ones: Uint32Array;
  readonly known: Uint32Array;
}

function bitsOf(column: Int32Array): Bits {
  const words = Math.ceil(column.length / 32);
  const [ones, known] = [new Uint32Array(words), new Uint32Array(words)];
  for (let row = 0; row < column.length; row++) {
    const bit = 1 << (row & 31);
    if (column[row] === 1) ones[row >> 5] |= bit;
    if (column[row] >= 0) known[row >> 5] |= bit;
  }
  return { ones, known };
}

/** How many bits are set. */
function bitCount(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** What `pairCounts` counts, of two columns of two values: some twenty times as fast. */
function pairBits(a: Bits, b: Bits): Int32Array {
  let [both, left, right, all] = [0, 0, 0, 0];
  for (let w = 0; w < a.ones.length; w++) {
    const [x, y] = [a.ones[w], b.ones[w]];
    both += bitCount(x & y);
    left += bitCount(x & b.known[w]);
    right += bitCount(a.known[w] & y);
    all += bitCount(a.known[w] & b.known[w]);
  }
  return Int32Array.of(0, 0, 0, 0, all - left - right + both, right - both, 0, left - both, both);
}

/**
 * How many rows have each pair of values; missing cells are -1.
 * @returns `[states + 1, states + 1]`, the first row and column for what is missing: no branch in the loop over rows
 */
function pairCounts(a: Int32Array, b: Int32Array, statesA: number, statesB: number): Int32Array {
  const wide = statesB + 1;
  const counts = new Int32Array((statesA + 1) * wide);
  for (let row = 0; row < a.length; row++) counts[(a[row] + 1) * wide + b[row] + 1]++;
  return counts;
}

function mutualInformation(counts: Int32Array, statesA: number, statesB: number, pseudocount: number): number {
  const wide = statesB + 1;
  const each = pseudocount / (statesA * statesB);
  const [left, right] = [new Float64Array(statesA), new Float64Array(statesB)];
  let total = 0;
  for (let x = 0; x < statesA; x++) {
    for (let y = 0; y < statesB; y++) {
      const count = counts[(x + 1) * wide + y + 1] + each;
      left[x] += count;
      right[y] += count;
      total += count;
    }
  }
  let sum = 0;
  for (let x = 0; x < statesA; x++) {
    for (let y = 0; y < statesB; y++) {
      const count = counts[(x + 1) * wide + y + 1] + each;
      if (count > 0) sum += (count / total) * Math.log((count * total) / (left[x] * right[y]));
    }
  }
  return sum;
}

/** Roots a tree at its centre: the middle of its longest path, which is found by walking twice. */
function rooted(neighbours: readonly (readonly number[])[]): VariableTree {
  const walk = (root: number): VariableTree => {
    const parent = new Int32Array(neighbours.length).fill(-1);
    const order = [root];
    for (let i = 0; i < order.length; i++) {
      for (const next of neighbours[order[i]]) {
        if (next === parent[order[i]]) continue;
        parent[next] = order[i];
        order.push(next);
      }
    }
    return { parent, order: Uint32Array.from(order) };
  };
  const far = (tree: VariableTree): number => tree.order[tree.order.length - 1];
  const across = walk(far(walk(0)));
  const path: number[] = [];
  for (let v = far(across); v >= 0; v = across.parent[v]) path.push(v);
  return walk(path[Math.floor(path.length / 2)]);
}

/**
 * The tree-shaped distribution whose conditionals are the data's, as a deterministic circuit:
 * p(x_i | x_parent) = (count + pseudocount / states) / (count of the parent + pseudocount).
 */
export function chowLiuCircuit(
  tree: VariableTree,
  table: Table,
  states: ArrayLike<number>,
  options: ChowLiuOptions = {},
): ProbabilisticCircuit {
  const { pseudocount = 1 } = options;
  const columns = finiteColumns(table, states, Number.POSITIVE_INFINITY, table.rows);
  const build = new CircuitBuilder(Array.from(states));
  const children: number[][] = Array.from(tree.parent, () => []);
  tree.parent.forEach((parent, v) => {
    if (parent >= 0) children[parent].push(v);
  });
  /** `[variables][values of the parent]` the unit of p(x_v and all below | parent). */
  const below: number[][] = [];
  for (const v of Array.from(tree.order).reverse()) {
    const parent = tree.parent[v];
    const given = parent < 0 ? 1 : states[parent];
    const counts = Array.from({ length: given }, () => new Array<number>(states[v]).fill(pseudocount / states[v]));
    columns[v].forEach((x, row) => {
      const y = parent < 0 ? 0 : columns[parent][row];
      if (x >= 0 && y >= 0) counts[y][x]++;
    });
    const shares = counts.map((row) => {
      const total = row.reduce((a, b) => a + b, 0);
      return row.map((count) => (total > 0 ? count / total : 1 / row.length));
    });
    if (children[v].length === 0) {
      below[v] = shares.map((row) => build.input(categorical(v, row)));
      continue;
    }
    const parts = Array.from({ length: states[v] }, (_, x) =>
      build.product([build.input(indicator(v, x)), ...children[v].map((c) => below[c][x])]),
    );
    below[v] = shares.map((row) => build.sum(parts, row));
  }
  return build.finish(below[tree.order[0]][0]);
}
