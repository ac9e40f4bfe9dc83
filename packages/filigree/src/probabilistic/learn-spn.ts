import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { chiSquareTail } from './chi-square.js';
import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { categorical } from './inputs.js';

export interface LearnSpnOptions {
  /** Two variables count as independent where the chance of data as dependent as these is above this. */
  readonly significance?: number;
  /** Fewer rows are not parted any more. */
  readonly leastRows?: number;
  /** Added to the counts of each input in all. */
  readonly pseudocount?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/**
 * Structure from data, from the top: variables that fall into independent groups (connected by pairwise G-tests) make a product; else
 * the rows are parted in two clusters (two means of their values, one-hot), which make a sum; few rows make smoothed, factorised
 * inputs. Missing cells do not count. For tables of some dozens of columns. Gens and Domingos, "Learning the structure of sum-product
 * networks", ICML 2013, with two clusters at a time.
 * @param states number of values of each variable; none may be real
 */
export function learnSpn(table: Table, states: ArrayLike<number>, options: LearnSpnOptions = {}): ProbabilisticCircuit {
  if (table.rows === 0) throw new InputError('there are no rows of data; give at least one');
  for (let v = 0; v < table.columns; v++) {
    if (states[v] < 1) throw new InputError(`variable ${v + 1} is real; these structures need whole numbers from 0`);
  }
  return new SpnLearner(table, states, options).learn();
}

class SpnLearner {
  private readonly build: CircuitBuilder;
  private readonly random: Random;
  private readonly significance: number;
  private readonly leastRows: number;
  private readonly pseudocount: number;

  constructor(
    private readonly table: Table,
    private readonly states: ArrayLike<number>,
    private readonly options: LearnSpnOptions,
  ) {
    this.build = new CircuitBuilder(Array.from(states));
    this.random = new Random(options.seed ?? 0);
    this.significance = options.significance ?? 0.0015;
    this.leastRows = options.leastRows ?? 30;
    this.pseudocount = options.pseudocount ?? 1;
  }

  learn(): ProbabilisticCircuit {
    const rows = Int32Array.from({ length: this.table.rows }, (_, r) => r);
    return this.build.finish(
      this.region(
        rows,
        Array.from({ length: this.table.columns }, (_, v) => v),
      ),
    );
  }

  private region(rows: Int32Array, variables: readonly number[]): number {
    this.options.signal?.throwIfAborted();
    const { build } = this;
    if (variables.length === 1) return this.leaf(rows, variables[0]);
    if (rows.length < this.leastRows) return build.product(variables.map((v) => this.leaf(rows, v)));
    const groups = this.independent(rows, variables);
    if (groups.length > 1) return build.product(groups.map((group) => this.region(rows, group)));
    const parts = this.clusters(rows, variables);
    if (parts.length < 2) return build.product(variables.map((v) => this.leaf(rows, v)));
    return build.sum(
      parts.map((part) => this.region(part, variables)),
      parts.map((part) => part.length / rows.length),
    );
  }

  private cell(row: number, variable: number): number {
    return this.table.values[row * this.table.columns + variable];
  }

  private leaf(rows: Int32Array, variable: number): number {
    const counts = new Array<number>(this.states[variable]).fill(this.pseudocount / this.states[variable]);
    for (const row of rows) {
      const x = this.cell(row, variable);
      if (!Number.isNaN(x)) counts[x]++;
    }
    const total = counts.reduce((a, b) => a + b, 0);
    return this.build.input(
      categorical(
        variable,
        counts.map((count) => (total > 0 ? count / total : 1 / counts.length)),
      ),
    );
  }

  /** The groups of variables that tests connect. */
  private independent(rows: Int32Array, variables: readonly number[]): number[][] {
    const groups: number[][] = [];
    let left = [...variables];
    while (left.length > 0) {
      const group = [left[0]];
      left = left.slice(1);
      for (let at = 0; at < group.length; at++) {
        const stay: number[] = [];
        for (const v of left) (this.dependent(rows, group[at], v) ? group : stay).push(v);
        left = stay;
      }
      groups.push(group.sort((a, b) => a - b));
    }
    return groups;
  }

  /** G = 2 Σ n log(n n.. / n_a n_b) against chi-square, over the values that occur. */
  private dependent(rows: Int32Array, a: number, b: number): boolean {
    const [na, nb] = [this.states[a], this.states[b]];
    const counts = new Float64Array(na * nb);
    const [byA, byB] = [new Float64Array(na), new Float64Array(nb)];
    let total = 0;
    for (const row of rows) {
      const [x, y] = [this.cell(row, a), this.cell(row, b)];
      if (Number.isNaN(x) || Number.isNaN(y)) continue;
      counts[x * nb + y]++;
      byA[x]++;
      byB[y]++;
      total++;
    }
    let g = 0;
    for (let x = 0; x < na; x++) {
      for (let y = 0; y < nb; y++) {
        const n = counts[x * nb + y];
        if (n > 0) g += 2 * n * Math.log((n * total) / (byA[x] * byB[y]));
      }
    }
    const seen = (sums: Float64Array): number => sums.filter((n) => n > 0).length;
    const freedom = (seen(byA) - 1) * (seen(byB) - 1);
    return freedom > 0 && chiSquareTail(g, freedom) <= this.significance;
  }

  /** Two means, from two random rows that differ; fewer than two where there are none. */
  private clusters(rows: Int32Array, variables: readonly number[]): Int32Array[] {
    const { random } = this;
    const first = rows[random.integer(rows.length)];
    const other = random
      .shuffle([...rows])
      .find((row) => variables.some((v) => this.cell(row, v) !== this.cell(first, v)));
    if (other === undefined) return [rows];
    let means = [first, other].map((row) => variables.map((v) => this.oneHot([row], v)));
    let parts: number[][] = [];
    for (let round = 0; round < 20; round++) {
      const next: number[][] = [[], []];
      for (const row of rows) {
        const distance = means.map((mean) => {
          let sum = 0;
          variables.forEach((v, i) => {
            const x = this.cell(row, v);
            if (Number.isNaN(x)) return;
            // |one-hot - mean|^2 less what does not depend on the row's value.
            sum += mean[i].square - 2 * mean[i].shares[x];
          });
          return sum;
        });
        next[distance[1] < distance[0] ? 1 : 0].push(row);
      }
      if (next.some((part) => part.length === 0)) break;
      const same =
        parts.length > 0 && parts[0].length === next[0].length && parts[0].every((row, i) => row === next[0][i]);
      parts = next;
      if (same) break;
      means = parts.map((part) => variables.map((v) => this.oneHot(part, v)));
    }
    return parts.map((part) => Int32Array.from(part));
  }

  private oneHot(rows: readonly number[], variable: number): { shares: Float64Array; square: number } {
    const shares = new Float64Array(this.states[variable]);
    for (const row of rows) {
      const x = this.cell(row, variable);
      if (!Number.isNaN(x)) shares[x] += 1 / rows.length;
    }
    return { shares, square: shares.reduce((sum, p) => sum + p * p, 0) };
  }
}
